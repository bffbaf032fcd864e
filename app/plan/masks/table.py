"""From a plan to its masks: the model's committed table, the nearest row of it, or else the even spread."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from app.plan.masks import files as measured
from app.plan.masks.mask import Masks, cost, ends_kept, evenly, late, stretched
from app.types import Plan

FOLDER = Path(__file__).parent
FORMAT = "kinoray-masks-1"
_NEAR = 0.25  # farthest row that is still used: |log of the lengths' ratio| + difference of the budgets' shares


@dataclass(frozen=True, slots=True)
class Row:
    """What the search found for a length and budget: masks, and their latent error against that of the even spread.

    Errors are the mean squared difference of the final latents to the full run's, over the variance of these.
    """

    masks: Masks
    error: float
    even_error: float


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one model's weights."""

    model: str
    revision: str
    rows: tuple[Row, ...]
    sampler: str = "euler"  # with which it was measured

    def nearest(self, steps: int, budget: int) -> Masks | None:
        """The masks of the nearest row, stretched to this length and budget; None when all are too far away."""
        rows = sorted(self.rows, key=lambda row: (_distance(row.masks, steps, budget), row.masks.steps))
        if not rows or _distance(rows[0].masks, steps, budget) > _NEAR:
            return None
        return stretched(rows[0].masks, steps, budget)


def masks_of(plan: Plan, known: Mapping[str, Table] | None = None) -> Masks:
    """The masks that a job of this plan walks by; `known` are tables by model, None for the committed ones.

    They depend on nothing but model, revision, steps, budget, whether there is guidance and the step that the plan
    begins at, so that their cost is exact before the job starts.

    Raises:
        ValueError: not 1 <= budget <= steps, or it begins behind its last step.
    """
    asked = plan.sampling
    table = (tables() if known is None else known).get(plan.model)
    if table is not None and table.revision == plan.revision and asked.budget < asked.steps:
        masks = table.nearest(asked.steps, asked.budget) or ends_kept(asked.steps, asked.budget)
    else:
        masks = evenly(asked.steps, asked.budget)
    if asked.guidance == 1:
        masks = replace(masks, unconditional=(False,) * masks.steps)
    return masks if plan.start is None else late(masks, plan.start.step)


def fingerprint(plan: Plan, known: Mapping[str, Table] | None = None) -> str:
    """12 hex digits of the masks that a job of this plan walks by: other masks, other bits. Raises as `masks_of`."""
    masks = masks_of(plan, known)
    facts = f"{masks.order}:{bits(masks.run)}:{bits(masks.unconditional)}"
    return hashlib.sha256(facts.encode("ascii")).hexdigest()[:12]


def evaluations(plan: Plan) -> float:
    """What the plan's denoising costs, in guided evaluations. Raises ValueError as `masks_of` does."""
    return cost(masks_of(plan))


def tables(folder: Path = FOLDER) -> Mapping[str, Table]:
    """The committed tables and the operator's, by model. Raises ValueError when one of them is unsound."""
    return _tables(folder, measured.own())


@cache
def _tables(folder: Path, own: Path | None) -> Mapping[str, Table]:
    return {table.model: table for table in map(read, measured.files(folder, "masks", own))}


def read(path: Path) -> Table:
    """A table from its file. Raises ValueError when it is none."""
    try:
        facts = json.loads(path.read_text())
        if facts["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        rows = tuple(row_of(entry) for entry in facts["rows"])
        return Table(str(facts["model"]), str(facts["revision"]), rows, str(facts["sampler"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of masks: {error}") from error


def write(table: Table, path: Path) -> None:
    """Write a table, a row a line, whole or not at all."""
    facts = {"format": FORMAT, "model": table.model, "revision": table.revision, "sampler": table.sampler}
    head = json.dumps(facts, indent=1)[:-2]
    rows = ",\n  ".join(json.dumps(entry_of(row)) for row in sorted(table.rows, key=_length))
    fresh = path.with_suffix(".new")
    fresh.write_text(f'{head},\n "rows": [\n  {rows}\n ]\n}}\n')
    fresh.replace(path)


def entry_of(row: Row) -> dict[str, Any]:
    """A row as JSON."""
    return {
        "steps": row.masks.steps,
        "budget": row.masks.budget,
        "order": row.masks.order,
        "mask": bits(row.masks.run),
        "unconditional": bits(row.masks.unconditional),
        "cost": cost(row.masks),
        "error": row.error,
        "even_error": row.even_error,
    }


def row_of(entry: Mapping[str, Any]) -> Row:
    """A row from JSON. Raises ValueError or KeyError when it is none."""
    masks = Masks(unbits(entry["mask"]), unbits(entry["unconditional"]), int(entry["order"]))
    if (masks.steps, masks.budget) != (entry["steps"], entry["budget"]):
        raise ValueError(f"the mask {entry['mask']} has other steps or another budget than its row says")
    return Row(masks, float(entry["error"]), float(entry["even_error"]))


def bits(mask: Iterable[bool]) -> str:
    """A mask as 1s and 0s."""
    return "".join("01"[runs] for runs in mask)


def unbits(text: str) -> tuple[bool, ...]:
    """A mask from 1s and 0s. Raises ValueError for anything else."""
    if set(text) - {"0", "1"}:
        raise ValueError(f"{text!r} is no mask")
    return tuple(bit == "1" for bit in text)


def _length(row: Row) -> tuple[int, int]:
    return row.masks.steps, row.masks.budget


def _distance(masks: Masks, steps: int, budget: int) -> float:
    return abs(math.log(masks.steps / steps)) + abs(masks.budget / masks.steps - budget / steps)
