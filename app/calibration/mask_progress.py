"""How far a search for masks has come: a JSON file, written after every walk, from which it can be gone on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.plan.masks.table import MaskRow, entry_of, row_of
from app.types import Masks
from app.types.masks import unbits


@dataclass(slots=True)
class Climb:
    """A row under way."""

    steps: int
    budget: int
    tried: int
    mask: str
    order: int
    error: float
    even_error: float

    @property
    def masks(self) -> Masks:
        run = unbits(self.mask)
        return Masks(run, run, self.order)


class Progress:
    """What a search has found so far, kept in a JSON file after every walk."""

    def __init__(self, path: Path, asked: Mapping[str, object]) -> None:
        """Raises ValueError when the file is of another search than `asked` says."""
        self._path = path
        self._asked = json.loads(json.dumps(asked))
        kept = json.loads(path.read_text()) if path.exists() else {"asked": self._asked, "rows": [], "climb": None}
        if kept["asked"] != self._asked:
            raise ValueError(f"{path.name} is of another search (weights, prompts or effort); remove it to start anew.")
        self.rows = [row_of(entry) for entry in kept["rows"]]
        self.climb = Climb(**kept["climb"]) if kept["climb"] else None

    def has(self, target: tuple[int, int]) -> bool:
        """Whether the row of this (steps, budget) has been found."""
        return any((row.masks.steps, row.masks.budget) == target for row in self.rows)

    def found(self, row: MaskRow) -> None:
        self.rows.append(row)
        self.climb = None
        self.save()

    def save(self) -> None:
        climb = asdict(self.climb) if self.climb else None
        kept = {"asked": self._asked, "rows": [entry_of(row) for row in self.rows], "climb": climb}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(kept, indent=1))
        fresh.replace(self._path)
