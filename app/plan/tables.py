"""What was measured of models offline, read once when a process starts: Kinoray's own tables and an operator's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from app.plan import budgets
from app.plan.budgets import BudgetTable
from app.plan.masks import table as masks
from app.plan.masks.table import MaskTable
from app.plan.similar import table as similar
from app.plan.similar.table import SimilarTable
from app.plan.speculative import table as speculative
from app.plan.speculative.table import DraftTable


class _Measured(Protocol):
    @property
    def model(self) -> str: ...


T = TypeVar("T", bound=_Measured)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of each kind, by model."""

    masks: Mapping[str, MaskTable] = field(default_factory=dict)
    budgets: Mapping[str, BudgetTable] = field(default_factory=dict)
    similar: Mapping[str, SimilarTable] = field(default_factory=dict)
    drafts: Mapping[str, DraftTable] = field(default_factory=dict)


NO_TABLES = Tables()


def load_tables(own: Path | None = None) -> Tables:
    """All tables; `own` is the operator's folder, whose tables count before those that come with Kinoray.

    Raises:
        ValueError: a file is no sound table; it is named.
    """
    return Tables(
        masks=_by_model(masks.read, masks.FOLDER, own and own / "masks"),
        budgets=_by_model(budgets.read, budgets.FOLDER, own and own / "budgets"),
        similar=_by_model(similar.read, similar.FOLDER, own and own / "similar"),
        drafts=_by_model(speculative.read, speculative.FOLDER, own and own / "drafts"),
    )


def file_name(model: str) -> str:
    """A table's file name: model ids may hold slashes."""
    return f"{model.replace('/', '--')}.json"


def _by_model(read: Callable[[Path], T], *folders: Path | None) -> dict[str, T]:
    files = [path for folder in folders if folder is not None for path in sorted(folder.glob("*.json"))]
    return {table.model: table for table in map(read, files)}
