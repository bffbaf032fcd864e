"""Similar videos and a model's measured table come in, the one to begin with and the first step go out; pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

from app.plan.prompt.worlds import World
from app.plan.sentences import tidy
from app.plan.similar.likeness import Asked
from app.types import Plan

FOLDER: Final = Path(__file__).parent / "similar_starts"
FORMAT: Final = "kinoray-similar-1"
MOST_SHARE: Final = 0.7
"""Of the steps: who skips more gets a copy of the other video rather than a video of their own."""
LEAST_STEPS: Final = 2
"""Fewer skipped steps are not worth the difference."""


@dataclass(frozen=True, slots=True)
class Row:
    """From this similarity on, so large a share of the steps is skipped; and the qualities measured there, 0..100."""

    similarity: float
    share: float
    quality: float
    cold_quality: float
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one model's weights, the least similarity first."""

    model: str
    revision: str
    measure: str
    rows: tuple[Row, ...]

    def share(self, similarity: float) -> float:
        """The share of the steps that may be skipped; 0.0 below the first row."""
        return next((row.share for row in reversed(self.rows) if similarity >= row.similarity), 0.0)


UNMEASURED: Final = Table("", "", "none", (Row(0.97, 0.2, 0.0, 0.0),))
"""For weights that nobody has measured: hardly any difference, and few steps."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A video whose final latent is kept, and how similar its prompt is to the one asked about."""

    entry: str
    prompt: str
    seed: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The video to begin with, and the step to begin at."""

    kept: Kept
    step: int


def choose(plan: Plan, found: Sequence[Kept], world: World | None, table: Table) -> Choice | None:
    """The most similar video that the plan may begin with; None: from noise.

    Refused are prompts that differ in what matters, and another seed for the very same prompt: that asks for another
    take of it. Of videos that are as similar, one of the same seed is taken.
    """
    asked = Asked(plan.prompt, world)
    for kept in sorted(found, key=lambda each: (-each.similarity, each.seed != plan.sampling.seed)):
        step = int(table.share(kept.similarity) * plan.sampling.steps)
        if step < LEAST_STEPS:
            break  # the others are less similar
        same = tidy(kept.prompt) == tidy(plan.prompt)
        if same and kept.seed != plan.sampling.seed:
            continue
        if not same and asked.differs(kept.prompt) is not None:
            continue
        return Choice(kept, min(step, plan.sampling.steps - 1))
    return None


def table_for(model: str, revision: str) -> Table:
    """The measured table of these weights, else UNMEASURED."""
    table = tables().get(model)
    return UNMEASURED if table is None or table.revision != revision else table


@cache
def tables(folder: Path = FOLDER) -> dict[str, Table]:
    """The committed tables by model. Raises ValueError when one of them is unsound."""
    return {table.model: table for table in map(read, sorted(folder.glob("*.json")))}


def read(path: Path) -> Table:
    """Raises ValueError when the file is no sound table."""
    try:
        told = json.loads(path.read_text())
        if told["format"] != FORMAT:
            raise ValueError("it is of another format")
        rows = tuple(Row(**row) for row in told["rows"])
        table = Table(told["model"], told["revision"], told["measure"], rows)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of similar starts: {error}") from error
    similarities, shares = [row.similarity for row in rows], [row.share for row in rows]
    if similarities != sorted(set(similarities)) or shares != sorted(shares):
        raise ValueError(f"{path.name}: the more similar must come later and may not skip less")
    if not all(0 < row.similarity <= 1 and 0 <= row.share <= MOST_SHARE for row in rows):
        raise ValueError(f"{path.name}: a similarity or share is out of bounds")
    return table


def write(table: Table, path: Path) -> None:
    """Write a table, a row a line."""
    head = {"format": FORMAT, "model": table.model, "revision": table.revision, "measure": table.measure}
    lines = ",\n".join(f"    {json.dumps(asdict(row))}" for row in table.rows)
    body = json.dumps(head, indent=2).removesuffix("\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{body},\n  "rows": [\n{lines}\n  ]\n}}\n')
