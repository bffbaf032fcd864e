"""From a plan to its masks, when it is made: the row of its model's table, or else the even spread."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypedDict

from app.plan.masks.mask import cost, ends_kept, evenly, for_guidance, for_sampler, of_one_pass, stretched
from app.types import Masks, Plan
from app.types.masks import bits, unbits

FOLDER: Final = Path(__file__).parent
FORMAT: Final = "kinoray-masks-2"
WHOLE: Final = "kinoray-masks-3"  # with a limit: rows of every budget, each a few numbers
_BEFORE: Final = "kinoray-masks-1"  # of one sampler
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


@dataclass(frozen=True)
class MaskTable:
    """The rows of one model's weights.

    A `limit` says that every budget was to be measured: a row is good up to that error, or that of its sampler in
    `limits`, and what has no good row of its own is refused, never given a neighbour's. Without one the nearest row
    serves its neighbours.
    """

    model: str
    revision: str
    rows: tuple[MaskRow, ...]
    limit: float | None = None
    verified: tuple[Verified, ...] = field(default=())  # what the limits rest on
    limits: Mapping[str, float] = field(default_factory=dict)

    def masks(self, steps: int, budget: int, sampler: str) -> Masks | None:
        """The masks of the good row of exactly this; without a limit else of the nearest, None when all are too far."""
        row = self._good.get((sampler, steps, budget))
        if row is not None:
            return row.masks
        return self.nearest(steps, budget, sampler) if self.limit is None else None

    def nearest(self, steps: int, budget: int, sampler: str = "euler") -> Masks | None:
        """The masks of the nearest good row, of this sampler where there are any, stretched to this length and budget;
        None when all are too far away."""
        rows = [row for row in self._good.values() if row.sampler == sampler] or list(self._good.values())
        best = min(rows, key=lambda row: (_distance(row.masks, steps, budget), row.masks.steps), default=None)
        if best is None or _distance(best.masks, steps, budget) > _NEAR:
            return None
        return stretched(best.masks, steps, budget)

    def good(self, steps: int, budget: int, sampler: str) -> bool:
        """Whether a plan may ask for it. All steps always, and anything of a sampler that was not measured."""
        if budget >= steps or self.limit is None or sampler not in self._samplers:
            return True
        return (sampler, steps, budget) in self._good

    def good_near(self, steps: int, budget: int, sampler: str) -> tuple[int, int]:
        """The nearest (steps, budget) that is good, this length with all its steps among them."""
        known = [(row.masks.steps, row.masks.budget) for row in self._good.values() if row.sampler == sampler]
        return min([*known, (steps, steps)], key=lambda pair: (_apart(pair, (steps, budget)), -pair[1]))

    def raised(self, steps: int, budget: int, sampler: str) -> int:
        """The smallest good budget of these steps from `budget` on."""
        return next(each for each in range(budget, steps + 1) if self.good(steps, each, sampler))

    @cached_property
    def _good(self) -> dict[tuple[str, int, int], MaskRow]:
        usual = math.inf if self.limit is None else self.limit
        good = [row for row in self.rows if row.error <= self.limits.get(row.sampler, usual)]
        return {(row.sampler, row.masks.steps, row.masks.budget): row for row in good}

    @cached_property
    def _samplers(self) -> frozenset[str]:
        return frozenset(row.sampler for row in self.rows)


def with_masks(plan: Plan, tables: Mapping[str, MaskTable], one_pass: bool = False) -> Plan:
    """The plan with the masks that the tables, by model, have for it, whatever masks it had before.

    They depend on nothing but model, revision, steps, budget, sampler and at which steps there is guidance. Its mark is
    that of a plan made today: one from a record of before masks were kept begins with their digest. `one_pass`: the
    model never has an unconditional one.

    Raises:
        ValueError: not 1 <= budget <= steps.
    """
    asked = plan.sampling
    table = tables.get(plan.model)
    if table is not None and table.revision == plan.revision and asked.budget < asked.steps:
        masks = table.masks(asked.steps, asked.budget, asked.sampler) or ends_kept(asked.steps, asked.budget)
    else:
        masks = evenly(asked.steps, asked.budget)
    masks = for_sampler(masks, asked.sampler)
    masks = of_one_pass(masks) if one_pass else for_guidance(masks, asked)
    return replace(plan, masks=masks, mark=plan.mark.removeprefix(masks.digest))


def read(path: Path) -> MaskTable:
    """A table from its file. Raises ValueError when it is none."""
    try:
        facts = json.loads(path.read_text())
        if facts["format"] not in (WHOLE, FORMAT, _BEFORE):
            raise ValueError(f"its format is not {FORMAT}")
        if facts["format"] == WHOLE:
            rows = tuple(row for length in facts["lengths"] for row in _rows_of(length))
        else:
            rows = tuple(row_of({"sampler": facts.get("sampler")} | entry) for entry in facts["rows"])
        verified = tuple(Verified(**each) for each in facts.get("verified", ()))
        limit = None if facts.get("limit") is None else float(facts["limit"])
        limits = {str(sampler): float(each) for sampler, each in facts.get("limits", {}).items()}
        return MaskTable(str(facts["model"]), str(facts["revision"]), rows, limit, verified, limits)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of masks: {error}") from error


def write(table: MaskTable, path: Path) -> None:
    """Write a table, whole or not at all: a row a line, or, with a limit, a length a line."""
    whole = table.limit is not None
    facts = {"format": WHOLE if whole else FORMAT, "model": table.model, "revision": table.revision}
    head = json.dumps(facts | ({"limit": table.limit, "limits": dict(table.limits)} if whole else {}), indent=1)[:-2]
    ordered = sorted(table.rows, key=_length)
    if whole:
        groups = groupby(ordered, key=lambda row: (row.sampler, row.masks.steps))
        lines = [_length_of(*length, list(rows)) for length, rows in groups]
    else:
        lines = [json.dumps(entry_of(row)) for row in ordered]
    verified = ",\n  ".join(json.dumps(asdict(each)) for each in table.verified)
    rows = ",\n  ".join(lines)
    name = "lengths" if whole else "rows"
    fresh = path.with_suffix(".new")
    fresh.write_text(f'{head},\n "verified": [\n  {verified}\n ],\n "{name}": [\n  {rows}\n ]\n}}\n')
    fresh.replace(path)


def _length_of(sampler: str, steps: int, rows: Sequence[MaskRow]) -> str:
    """All budgets of a length: [budget, order, steps that run as bits in hexadecimal, error] of each.

    Raises ValueError: a row leaves out unconditional passes, which this form cannot say.
    """
    if any(row.masks.run != row.masks.unconditional for row in rows):
        raise ValueError("rows of every budget run the unconditional pass with each evaluation")
    told = [[row.masks.budget, row.masks.order, f"{int(bits(row.masks.run), 2):x}", row.error] for row in rows]
    return json.dumps({"sampler": sampler, "steps": steps, "rows": told}, separators=(",", ":"))


def _rows_of(length: Mapping[str, Any]) -> Iterator[MaskRow]:
    steps = int(length["steps"])
    for budget, order, mask, error in length["rows"]:
        run = unbits(f"{int(mask, 16):0{steps}b}")
        masks = Masks(run, run, int(order))
        if (masks.steps, masks.budget) != (steps, budget):
            raise ValueError(f"the mask {mask} is none of {budget} in {steps} steps")
        yield MaskRow(masks, float(error), sampler=str(length["sampler"]))


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
    }


def row_of(entry: MaskEntry) -> MaskRow:
    """A row from JSON. Raises ValueError, TypeError or KeyError when it is none."""
    masks = Masks(unbits(entry["mask"]), unbits(entry["unconditional"]), int(entry["order"]))
    if (masks.steps, masks.budget) != (entry["steps"], entry["budget"]):
        raise ValueError(f"the mask {entry['mask']} has other steps or another budget than its row says")
    even = None if entry["even_error"] is None else float(entry["even_error"])
    return MaskRow(masks, float(entry["error"]), even, str(entry["sampler"]))


def _length(row: MaskRow) -> tuple[str, int, int]:
    return row.sampler, row.masks.steps, row.masks.budget


def _distance(masks: Masks, steps: int, budget: int) -> float:
    return _apart((masks.steps, masks.budget), (steps, budget))


def _apart(one: tuple[int, int], other: tuple[int, int]) -> float:
    (steps, budget), (other_steps, other_budget) = one, other
    return abs(math.log(steps / other_steps)) + abs(budget / steps - other_budget / other_steps)
