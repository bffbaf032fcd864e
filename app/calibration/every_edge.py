"""The stage that measures similar starts: from each similarity on, how many steps they may skip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.calibration.notes import Notes
from app.calibration.similar import SHARES, STEPS, Comparing, rows_of
from app.calibration.units import Unit
from app.embedded.checker.judge import Adherence
from app.embedded.world.pairs import Pair
from app.engine.denoiser import Denoiser
from app.plan.similar.table import SimilarTable
from app.types import ModelProfile

Pairs = Mapping[float, Sequence[Pair]]  # by the similarity that they reach


class EdgeMeasurer:
    """Measures all pairs of an edge."""

    def __init__(self, denoiser: Denoiser, model: ModelProfile, pairs: Pairs) -> None:
        self._denoiser, self._model, self._pairs = denoiser, model, pairs

    def measured(self, unit: Unit) -> dict[str, float]:
        pairs = self._pairs[float(unit.key)]
        judge = Adherence([pair[1] for pair in pairs])
        return Comparing(self._denoiser, self._model, STEPS).qualities(pairs, SHARES, judge)


class EveryEdge:
    """The stage of all edges."""

    name = "similar"

    def __init__(self, model: ModelProfile, pairs: Pairs) -> None:
        self._model, self._pairs = model, pairs

    def rounds(self, notes: Notes) -> Iterator[Sequence[Unit]]:
        walks = 2 + sum(1 - share for share in SHARES)
        yield [Unit(f"{edge:g}", len(row) * STEPS * walks) for edge, row in self._pairs.items()]

    def told(self, unit: Unit, found: Any) -> str:
        return f"from {unit.key}: " + ", ".join(f"{name} {quality:.1f}" for name, quality in found.items())

    def table(self, notes: Notes) -> SimilarTable:
        found = {edge: (len(row), notes[f"{edge:g}"]) for edge, row in self._pairs.items()}
        return SimilarTable(self._model.id, self._model.revision, Adherence.measure, rows_of(found))
