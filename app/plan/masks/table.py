"""From a plan to its masks, when it is made: the row of its model's table, or else the even spread."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, TypedDict

from app.plan.masks.mask import cost, ends_kept, evenly, for_guidance, stretched
from app.types import Masks, Plan
from app.types.masks import bits, unbits

FOLDER: Final = Path(__file__).parent
FORMAT: Final = "kinoray-masks-2"
_BEFORE: Final = "kinoray-masks-1"  # of one sampler, without a limit
_EVERY: Final = range(5, 51)  # lengths that a whole search has rows of
_NEAR = 0.25  # farthest row that is still used: |log of the lengths' ratio| + difference of the budgets' shares


@dataclass(frozen=True, slots=True)
class MaskRow:
    """What the search found for a length and budget: masks, and their latent error against that of the even spread.

    Errors are the mean squared difference of the final latents to the full run's, over the variance of these.
    """

    masks: Masks
    error: float
    even_error: float | None = None  # None: it was not walked
    sampler: str = "euler"
    walked: bool = True  # False: its error is what a full run lets expect, at most


@dataclass(frozen=True, slots=True)
class Verified:
    """A row whose videos were judged: how much of what prompts ask they show, and those of the full run, 0..100."""

    sampler: str
    steps: int
    budget: int
    error: float
    quality: float
    full_quality: float
    prompts: int


class MaskEntry(TypedDict):
    """A row as JSON; masks are 1s and 0s."""

    steps: int
    budget: int
    order: int
    mask: str
    unconditional: str
    cost: float
    error: float
    even_error: float | None
    sampler: str
    walked: bool


@dataclass(frozen=True)
class MaskTable:
    """The rows of one model's weights.

    A `limit` says that every budget is to be measured: a row is good up to that error, and what has no good row is
    refused. Without one the nearest row serves its neighbours.
    """

    model: str
    revision: str
    rows: tuple[MaskRow, ...]
    limit: float | None = None
    verified: tuple[Verified, ...] = field(default=())  # what the limit rests on

    def masks(self, steps: int, budget: int, sampler: str) -> Masks | None:
        """The masks of the good row of exactly this, else of the nearest; None when all are too far away."""
        row = self._good.get((sampler, steps, budget))
        return row.masks if row is not None else self.nearest(steps, budget, sampler)

    def nearest(self, steps: int, budget: int, sampler: str = "euler") -> Masks | None:
        """The masks of the nearest good row, of this sampler where there are any, stretched to this length and budget;
        None when all are too far away."""
        rows = [row for row in self._good.values() if row.sampler == sampler] or list(self._good.values())
        best = min(rows, key=lambda row: (_distance(row.masks, steps, budget), row.masks.steps), default=None)
        if best is None or _distance(best.masks, steps, budget) > _NEAR:
            return None
        return stretched(best.masks, steps, budget)

    def good(self, steps: int, budget: int, sampler: str) -> bool:
        """Whether a plan may ask for it. All steps always, and anything of a sampler that was not measured.

        While the search has not been through all lengths, those that it has not come to go by their neighbours.
        """
        if budget >= steps or self.limit is None or sampler not in self._lengths:
            return True
        known = self._lengths[sampler]
        return (sampler, steps, budget) in self._good or (steps not in known and not known.issuperset(_EVERY))

    def good_near(self, steps: int, budget: int, sampler: str) -> tuple[int, int]:
        """The nearest (steps, budget) that is good, this length with all its steps among them."""
        known = [(row.masks.steps, row.masks.budget) for row in self._good.values() if row.sampler == sampler]
        return min([*known, (steps, steps)], key=lambda pair: (_apart(pair, (steps, budget)), -pair[1]))

    def raised(self, steps: int, budget: int, sampler: str) -> int:
        """The smallest good budget of these steps from `budget` on."""
        return next(each for each in range(budget, steps + 1) if self.good(steps, each, sampler))

    @cached_property
    def _good(self) -> dict[tuple[str, int, int], MaskRow]:
        limit = math.inf if self.limit is None else self.limit
        return {(row.sampler, row.masks.steps, row.masks.budget): row for row in self.rows if row.error <= limit}

    @cached_property
    def _lengths(self) -> dict[str, frozenset[int]]:
        """Those that were searched, by sampler."""
        samplers = {row.sampler for row in self.rows}
        return {each: frozenset(row.masks.steps for row in self.rows if row.sampler == each) for each in samplers}


def with_masks(plan: Plan, tables: Mapping[str, MaskTable]) -> Plan:
    """The plan with the masks that the tables, by model, have for it, whatever masks it had before.

    They depend on nothing but model, revision, steps, budget, sampler and whether there is guidance. Its mark is that
    of a plan made today: one from a record of before masks were kept begins with their digest.

    Raises:
        ValueError: not 1 <= budget <= steps.
    """
    asked = plan.sampling
    table = tables.get(plan.model)
    if table is not None and table.revision == plan.revision and asked.budget < asked.steps:
        masks = table.masks(asked.steps, asked.budget, asked.sampler) or ends_kept(asked.steps, asked.budget)
    else:
        masks = evenly(asked.steps, asked.budget)
    masks = for_guidance(masks, asked.guidance)
    return replace(plan, masks=masks, mark=plan.mark.removeprefix(masks.digest))


def read(path: Path) -> MaskTable:
    """A table from its file. Raises ValueError when it is none."""
    try:
        facts = json.loads(path.read_text())
        if facts["format"] not in (FORMAT, _BEFORE):
            raise ValueError(f"its format is not {FORMAT}")
        rows = tuple(row_of({"sampler": facts.get("sampler"), "walked": True} | entry) for entry in facts["rows"])
        verified = tuple(Verified(**each) for each in facts.get("verified", ()))
        limit = None if facts.get("limit") is None else float(facts["limit"])
        return MaskTable(str(facts["model"]), str(facts["revision"]), rows, limit, verified)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of masks: {error}") from error


def write(table: MaskTable, path: Path) -> None:
    """Write a table, a row a line, whole or not at all."""
    facts = {"format": FORMAT, "model": table.model, "revision": table.revision, "limit": table.limit}
    head = json.dumps(facts, indent=1)[:-2]
    verified = ",\n  ".join(json.dumps(asdict(each)) for each in table.verified)
    rows = ",\n  ".join(json.dumps(entry_of(row)) for row in sorted(table.rows, key=_length))
    fresh = path.with_suffix(".new")
    fresh.write_text(f'{head},\n "verified": [\n  {verified}\n ],\n "rows": [\n  {rows}\n ]\n}}\n')
    fresh.replace(path)


def entry_of(row: MaskRow) -> MaskEntry:
    """A row as JSON."""
    return {
        "sampler": row.sampler,
        "steps": row.masks.steps,
        "budget": row.masks.budget,
        "order": row.masks.order,
        "mask": bits(row.masks.run),
        "unconditional": bits(row.masks.unconditional),
        "cost": cost(row.masks),
        "error": row.error,
        "even_error": row.even_error,
        "walked": row.walked,
    }


def row_of(entry: MaskEntry) -> MaskRow:
    """A row from JSON. Raises ValueError, TypeError or KeyError when it is none."""
    masks = Masks(unbits(entry["mask"]), unbits(entry["unconditional"]), int(entry["order"]))
    if (masks.steps, masks.budget) != (entry["steps"], entry["budget"]):
        raise ValueError(f"the mask {entry['mask']} has other steps or another budget than its row says")
    even = None if entry["even_error"] is None else float(entry["even_error"])
    return MaskRow(masks, float(entry["error"]), even, str(entry["sampler"]), bool(entry["walked"]))


def _length(row: MaskRow) -> tuple[str, int, int]:
    return row.sampler, row.masks.steps, row.masks.budget


def _distance(masks: Masks, steps: int, budget: int) -> float:
    return _apart((masks.steps, masks.budget), (steps, budget))


def _apart(one: tuple[int, int], other: tuple[int, int]) -> float:
    (steps, budget), (other_steps, other_budget) = one, other
    return abs(math.log(steps / other_steps)) + abs(budget / steps - other_budget / other_steps)
