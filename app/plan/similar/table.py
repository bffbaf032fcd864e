"""How many steps a start with a similar video may skip: a model's measured table, checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
FORMAT: Final = "kinoray-similar-1"
MOST_SHARE: Final = 0.7
"""Of the steps: who skips more gets a copy of the other video rather than a video of their own."""


@dataclass(frozen=True, slots=True)
class SimilarRow:
    """From this similarity on, so large a share of the steps is skipped; and the qualities measured there, 0..100."""

    similarity: float
    share: float
    quality: float
    cold_quality: float
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class SimilarTable:
    """The rows of one model's weights, the least similarity first."""

    model: str
    revision: str
    measure: str
    rows: tuple[SimilarRow, ...]

    def share(self, similarity: float) -> float:
        """The share of the steps that may be skipped; 0.0 below the first row."""
        return next((row.share for row in reversed(self.rows) if similarity >= row.similarity), 0.0)


UNMEASURED: Final = SimilarTable("", "", "none", (SimilarRow(0.97, 0.2, 0.0, 0.0),))
"""For weights that nobody has measured: hardly any difference, and few steps."""


def table_for(tables: Mapping[str, SimilarTable], model: str, revision: str) -> SimilarTable:
    """The measured table of these weights, else UNMEASURED."""
    table = tables.get(model)
    return UNMEASURED if table is None or table.revision != revision else table


def read(path: Path) -> SimilarTable:
    """Raises ValueError when the file is no sound table."""
    try:
        told = json.loads(path.read_text())
        if told["format"] != FORMAT:
            raise ValueError("it is of another format")
        rows = tuple(SimilarRow(**row) for row in told["rows"])
        table = SimilarTable(told["model"], told["revision"], told["measure"], rows)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of similar starts: {error}") from error
    similarities, shares = [row.similarity for row in rows], [row.share for row in rows]
    if similarities != sorted(set(similarities)) or shares != sorted(shares):
        raise ValueError(f"{path.name}: the more similar must come later and may not skip less")
    if not all(0 < row.similarity <= 1 and 0 <= row.share <= MOST_SHARE for row in rows):
        raise ValueError(f"{path.name}: a similarity or share is out of bounds")
    return table


def write(table: SimilarTable, path: Path) -> None:
    """Write a table, a row a line."""
    head = {"format": FORMAT, "model": table.model, "revision": table.revision, "measure": table.measure}
    lines = ",\n".join(f"    {json.dumps(asdict(row))}" for row in table.rows)
    body = json.dumps(head, indent=2).removesuffix("\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{body},\n  "rows": [\n{lines}\n  ]\n}}\n')
