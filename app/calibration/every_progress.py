"""How far the search for every budget's masks is: facts, a line of JSON each, appended as they become known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.plan.masks.table import MaskRow, Verified, entry_of, row_of
from app.types import Masks
from app.types.masks import bits, unbits


@dataclass(frozen=True, slots=True)
class Expected:
    """Masks, and the error that a full run lets expect of them."""

    sampler: str
    masks: Masks
    error: float


class EveryProgress:
    """What is known so far. Facts are read back in the order in which they came."""

    def __init__(self, path: Path, asked: Mapping[str, object]) -> None:
        """Raises ValueError when the file is of another search than `asked` says."""
        self._path = path
        self.growth: dict[str, tuple[Sequence[float], Sequence[float]]] = {}  # levels, growth at each
        self.expected: list[Expected] = []
        self.rows: dict[tuple[str, int, int], MaskRow] = {}
        self.verified: dict[tuple[str, int, int], Verified] = {}
        self.qualities: dict[tuple[str, int], float] = {}
        lines = path.read_text().splitlines() if path.exists() else []
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._note("asked", asked)
        elif json.loads(lines[0])["asked"] != json.loads(json.dumps(asked)):
            raise ValueError(f"{path.name} is of another search (weights or prompts); remove it to start anew.")
        for line in lines[1:]:
            self._take(json.loads(line))

    def grew(self, sampler: str, sigmas: Sequence[float], growth: Sequence[float]) -> None:
        self._keep("growth", {"sampler": sampler, "levels": list(sigmas[:-1]), "growth": list(growth)})

    def expects(self, found: Iterable[Expected]) -> None:
        """All of one length and sampler at once: what is cut off is searched for again."""
        rows = [[each.sampler, bits(each.masks.run), each.masks.order, each.error] for each in found]
        self._keep("expected", rows)

    def found(self, row: MaskRow) -> None:
        self._keep("row", entry_of(row))

    def full(self, sampler: str, steps: int, quality: float) -> None:
        self._keep("full", [sampler, steps, quality])

    def judged(self, told: Verified) -> None:
        self._keep("verified", asdict(told))

    def growth_at(self, sampler: str, sigmas: Sequence[float]) -> list[float]:
        """Growth at each step of another length, as at the nearest level where it was measured."""
        levels, growth = self.growth[sampler]
        nearest = [min(range(len(levels)), key=lambda at: abs(levels[at] - sigma)) for sigma in sigmas[:-1]]
        return [growth[place] for place in nearest]

    def _keep(self, kind: str, fact: Any) -> None:
        self._note(kind, fact)
        self._take({kind: fact})

    def _note(self, kind: str, fact: Any) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({kind: fact}) + "\n")

    def _take(self, line: Mapping[str, Any]) -> None:
        ((kind, fact),) = line.items()
        if kind == "growth":
            self.growth[fact["sampler"]] = (fact["levels"], fact["growth"])
        elif kind == "expected":
            for sampler, run, order, error in fact:
                mask = unbits(run)
                self.expected.append(
                    Expected(sampler, Masks(mask, mask, order), error if math.isfinite(error) else 1e9)
                )
        elif kind == "row":
            row = row_of(fact)
            self.rows[row.sampler, row.masks.steps, row.masks.budget] = row
        elif kind == "full":
            self.qualities[fact[0], fact[1]] = fact[2]
        else:
            told = Verified(**fact)
            self.verified[told.sampler, told.steps, told.budget] = told
