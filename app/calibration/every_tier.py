"""The stage that measures drafts: in each tier how far plans may go on from one, and which are thrown away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.calibration.budgets import Judge
from app.calibration.draft_rules import row_of, seen_of
from app.calibration.drafts import LEVELS, Drafting
from app.calibration.notes import Notes
from app.calibration.offline import BATCH
from app.calibration.units import Unit
from app.engine.denoiser import Denoiser
from app.plan.prompt.complexity import CLASSES, analyse
from app.plan.speculative.speculative import maker_of
from app.plan.speculative.table import DraftTable
from app.plan.tables import Tables
from app.types import ModelProfile

_COST = 90.0  # of a prompt in guided evaluations: the plain plan, the draft, three walks from it, five videos judged

Prompts = Mapping[str, Sequence[str]]  # by tier


class DraftMeasurer:
    """Measures a few prompts of a tier."""

    def __init__(
        self,
        denoiser: Denoiser,
        model: ModelProfile,
        judge: Judge,
        tables: Tables,
        levels: Sequence[float],
        prompts: Prompts,
    ) -> None:
        self._drafting = Drafting(denoiser, model, judge, tables)
        self._levels, self._prompts = levels, prompts

    def measured(self, unit: Unit) -> list[dict[str, Any]]:
        tier, first = unit.key.split("/")
        prompts = self._prompts[tier][int(first) : int(first) + BATCH]
        seen = self._drafting.seen(tier, prompts, self._levels, lambda line: None, int(first))
        return [asdict(each) for each in seen]


class EveryTier:
    """The stage of all tiers."""

    name = "drafts"

    def __init__(self, model: ModelProfile, measure: str, prompts: Prompts, levels: Sequence[float] = LEVELS) -> None:
        self._model, self._measure, self._levels = model, measure, levels
        self._prompts = prompts

    def rounds(self, notes: Notes) -> Iterator[Sequence[Unit]]:
        yield [
            Unit(f"{tier}/{first}", _COST * len(row[first : first + BATCH]))
            for tier, row in self._prompts.items()
            for first in range(0, len(row), BATCH)
        ]

    def told(self, unit: Unit, found: Any) -> str:
        rows = [seen_of(each) for each in found]
        plain, draft = (sum(getattr(each, name) for each in rows) / len(rows) for name in ("plain", "draft"))
        return f"{unit.key}: {plain:.1f} points, drafts {draft:.1f}"

    def table(self, notes: Notes) -> DraftTable:
        """The table of what the notes have, which is all. Tiers in which no draft is worth it have no row."""
        rows = []
        for tier, prompts in self._prompts.items():
            parts = (notes[f"{tier}/{first}"] for first in range(0, len(prompts), BATCH))
            row = row_of(tier, [seen_of(each) for part in parts for each in part], self._levels)
            rows += [row] if row is not None else []
        return DraftTable(self._model.id, self._model.revision, maker_of(self._model), self._measure, tuple(rows))


def alike_together(prompts: Sequence[str]) -> list[str]:
    """The prompts sorted by their class: those of one share plans, and with these forwards."""
    order = [row.name for row in CLASSES]
    return sorted(dict.fromkeys(prompts), key=lambda prompt: order.index(analyse(prompt).complexity))
