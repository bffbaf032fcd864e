"""From a plan to its masks, when it is made: the nearest row of its model's table, or else the even spread."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypedDict

from app.plan.masks.mask import cost, ends_kept, evenly, for_guidance, stretched
from app.types import Masks, Plan
from app.types.masks import bits, unbits

FOLDER: Final = Path(__file__).parent
FORMAT: Final = "kinoray-masks-1"
_NEAR = 0.25  # farthest row that is still used: |log of the lengths' ratio| + difference of the budgets' shares


@dataclass(frozen=True, slots=True)
class MaskRow:
    """What the search found for a length and budget: masks, and their latent error against that of the even spread.

    Errors are the mean squared difference of the final latents to the full run's, over the variance of these.
    """

    masks: Masks
    error: float
    even_error: float


class MaskEntry(TypedDict):
    """A row as JSON; masks are 1s and 0s."""

    steps: int
    budget: int
    order: int
    mask: str
    unconditional: str
    cost: float
    error: float
    even_error: float


@dataclass(frozen=True, slots=True)
class MaskTable:
    """The rows of one model's weights."""

    model: str
    revision: str
    rows: tuple[MaskRow, ...]
    sampler: str = "euler"  # with which it was measured

    def nearest(self, steps: int, budget: int) -> Masks | None:
        """The masks of the nearest row, stretched to this length and budget; None when all are too far away."""
        rows = sorted(self.rows, key=lambda row: (_distance(row.masks, steps, budget), row.masks.steps))
        if not rows or _distance(rows[0].masks, steps, budget) > _NEAR:
            return None
        return stretched(rows[0].masks, steps, budget)


def with_masks(plan: Plan, tables: Mapping[str, MaskTable]) -> Plan:
    """The plan with the masks that the tables, by model, have for it, whatever masks it had before.

    They depend on nothing but model, revision, steps, budget and whether there is guidance. Its mark is that of a plan
    made today: one from a record of before masks were kept begins with their digest.

    Raises:
        ValueError: not 1 <= budget <= steps.
    """
    asked = plan.sampling
    table = tables.get(plan.model)
    if table is not None and table.revision == plan.revision and asked.budget < asked.steps:
        masks = table.nearest(asked.steps, asked.budget) or ends_kept(asked.steps, asked.budget)
    else:
        masks = evenly(asked.steps, asked.budget)
    masks = for_guidance(masks, asked.guidance)
    return replace(plan, masks=masks, mark=plan.mark.removeprefix(masks.digest))


def read(path: Path) -> MaskTable:
    """A table from its file. Raises ValueError when it is none."""
    try:
        facts = json.loads(path.read_text())
        if facts["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        rows = tuple(row_of(entry) for entry in facts["rows"])
        return MaskTable(str(facts["model"]), str(facts["revision"]), rows, str(facts["sampler"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of masks: {error}") from error


def write(table: MaskTable, path: Path) -> None:
    """Write a table, a row a line, whole or not at all."""
    facts = {"format": FORMAT, "model": table.model, "revision": table.revision, "sampler": table.sampler}
    head = json.dumps(facts, indent=1)[:-2]
    rows = ",\n  ".join(json.dumps(entry_of(row)) for row in sorted(table.rows, key=_length))
    fresh = path.with_suffix(".new")
    fresh.write_text(f'{head},\n "rows": [\n  {rows}\n ]\n}}\n')
    fresh.replace(path)


def entry_of(row: MaskRow) -> MaskEntry:
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


def row_of(entry: MaskEntry) -> MaskRow:
    """A row from JSON. Raises ValueError or KeyError when it is none."""
    masks = Masks(unbits(entry["mask"]), unbits(entry["unconditional"]), int(entry["order"]))
    if (masks.steps, masks.budget) != (entry["steps"], entry["budget"]):
        raise ValueError(f"the mask {entry['mask']} has other steps or another budget than its row says")
    return MaskRow(masks, float(entry["error"]), float(entry["even_error"]))


def _length(row: MaskRow) -> tuple[int, int]:
    return row.masks.steps, row.masks.budget


def _distance(masks: Masks, steps: int, budget: int) -> float:
    return abs(math.log(masks.steps / steps)) + abs(masks.budget / masks.steps - budget / steps)
