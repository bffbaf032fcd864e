"""How far plans may go on from a draft: a model's measured table, checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
FORMAT: Final = "kinoray-drafts-1"


@dataclass(frozen=True, slots=True)
class DraftRow:
    """In this tier drafts are noised to `level`, and kept up to `most_residual`; and what was measured there.

    The residual is how far the model's own first guess is from the draft, or, where drafts are `looked_at`, the share
    of what is asked that a checker does not see in them.

    Qualities are means, 0..100: of the plain plans, of the drafts alone, and of what comes of them, kept or not.
    Evaluations are guided ones: of the plain plans, and with drafts, thrown-away ones counted with all that they cost.
    """

    tier: str  # or "auto", whose steps are its own
    level: float  # noise, 0..1
    most_residual: float
    starts: Mapping[int, int] = field(default_factory=dict)  # steps of the plan -> the first that is walked
    prompts: int = 0
    quality: float = 0.0
    plain_quality: float = 0.0
    draft_quality: float = 0.0
    kept: float = 0.0  # share of the drafts
    evaluations: float = 0.0
    plain_evaluations: float = 0.0
    auc: float | None = None  # that of two drafts the one which loses has the larger residual; None: none, or all, lose
    looked_at: bool = False


@dataclass(frozen=True, slots=True)
class DraftTable:
    """The rows of one model's weights and of what makes its drafts: `maker` is a student's revision, or an adapter."""

    model: str
    revision: str
    maker: str
    measure: str
    rows: tuple[DraftRow, ...]

    def start(self, tier: str, steps: int) -> tuple[DraftRow, int] | None:
        """The row of a tier, and the first step that a plan of so many walks; None: no draft is gone on from."""
        row = next((row for row in self.rows if row.tier == tier), None)
        step = 0 if row is None else row.starts.get(steps, 0)
        return None if row is None or step == 0 else (row, step)


def table_for(tables: Mapping[str, DraftTable], model: str, revision: str, maker: str) -> DraftTable | None:
    """The measured table of exactly these weights and this maker of drafts."""
    table = tables.get(model)
    return table if table is not None and (table.revision, table.maker) == (revision, maker) else None


def read(path: Path) -> DraftTable:
    """Raises ValueError when the file is no sound table."""
    try:
        told = json.loads(path.read_text())
        if told["format"] != FORMAT:
            raise ValueError("it is of another format")
        rows = tuple(_row(row) for row in told["rows"])
        table = DraftTable(told["model"], told["revision"], told["maker"], told["measure"], rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path.name} is no table of drafts: {error}") from error
    if len({row.tier for row in rows}) != len(rows):
        raise ValueError(f"{path.name}: two rows of one tier")
    for row in rows:
        inside = all(0 < step < steps for steps, step in row.starts.items())
        if not inside or not 0 < row.level < 1 or not row.most_residual >= 0:
            raise ValueError(f"{path.name}: a level, step or residual of {row.tier} is out of bounds")
    return table


def write(table: DraftTable, path: Path) -> None:
    """Write a table, a row a line."""
    head = {
        "format": FORMAT,
        "model": table.model,
        "revision": table.revision,
        "maker": table.maker,
        "measure": table.measure,
    }
    lines = ",\n".join(f"    {json.dumps(asdict(row))}" for row in table.rows)
    body = json.dumps(head, indent=2).removesuffix("\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{body},\n  "rows": [\n{lines}\n  ]\n}}\n')


def _row(told: Mapping[str, object]) -> DraftRow:
    starts = told["starts"]
    if not isinstance(starts, dict):
        raise TypeError("starts is no table")
    return DraftRow(**{**told, "starts": {int(steps): int(step) for steps, step in starts.items()}})  # type: ignore[arg-type]
