"""The quality table: a tier's name and a class come in, steps and guidance go out; checked when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.errors import InvalidRequest
from app.plan.prompt.complexity import CLASSES
from app.plan.suggest import did_you_mean
from app.types import TierOfModel

AUTO: Final = "auto"
MOST_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Tier:
    """A row: steps for a simple, moderate, complex and very complex prompt, all within `least`..`most`."""

    name: str
    least: int
    most: int
    steps: tuple[int, ...]
    guidance_gain: float = 1.0  # times the model's own guidance


ROWS: Final = (
    Tier("preview", 1, 15, (12, 13, 14, 15)),
    Tier("standard", 25, 35, (25, 25, 35, 35)),
    Tier("premium", 45, 50, (45, 46, 48, 50)),
    Tier("ultra", 50, 50, (50, 50, 50, 50), guidance_gain=1.1),
)
AUTO_TIERS: Final = ("standard", "standard", "standard", "premium")
"""The tier that `auto` names for each class; its steps are the published ones, 18 / 25 / 35 / 45."""

ALIASES: Final = MappingProxyType[str, str](
    {
        "draft": "preview",
        "economy": "preview",
        "fast": "preview",
        "low": "preview",
        "medium": "standard",
        "normal": "standard",
        "balanced": "standard",
        "default": AUTO,
        "high": "premium",
        "hd": "premium",
        "max": "ultra",
        "best": "ultra",
    }
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The tier picked for a request, its steps, what it does to the model's guidance, and why.

    `row` names the row of measured budgets: the tier, or "auto", whose steps are its own.
    """

    tier: str
    row: str
    steps: int
    guidance_gain: float
    reason: str


def check_tiers(
    rows: Sequence[Tier], aliases: Mapping[str, str] = ALIASES, auto: Sequence[str] = AUTO_TIERS
) -> dict[str, Tier]:
    """The rows by name, if they are sound: one step count per class, in bounds, never fewer for a harder class.

    Raises:
        ValueError: the table names what is wrong.
    """
    table = {row.name: row for row in rows}
    if len(table) != len(rows) or AUTO in table:
        raise ValueError("two tiers of one name, or one named auto")
    for row in rows:
        if not 1 <= row.least <= row.most <= MOST_STEPS or len(row.steps) != len(CLASSES):
            raise ValueError(f"tier {row.name}: bounds or number of classes")
        if list(row.steps) != sorted(row.steps) or row.steps[0] < row.least or row.steps[-1] > row.most:
            raise ValueError(f"tier {row.name}: steps {row.steps} fall or leave {row.least}..{row.most}")
        if not 0.0 < row.guidance_gain <= 2.0:
            raise ValueError(f"tier {row.name}: guidance_gain {row.guidance_gain}")
    if len(auto) != len(CLASSES) or not set(auto) <= set(table):
        raise ValueError("auto must name a tier for each class")
    if set(aliases) & {*table, AUTO} or not set(aliases.values()) <= {*table, AUTO}:
        raise ValueError("an alias hides a tier or names none")
    return table


TIERS: Final = check_tiers(ROWS)


def tier_named(asked: str) -> str:
    """A tier's own name, or "auto". Raises InvalidRequest with a suggestion."""
    name = asked.strip().casefold()
    name = ALIASES.get(name, name)
    if name in TIERS or name == AUTO:
        return name
    hint = did_you_mean(name, (*TIERS, AUTO, *ALIASES))
    message = f"There is no tier {asked[:40]!r}.{hint} Tiers are {AUTO}, {', '.join(TIERS)}."
    raise InvalidRequest(message, param="tier", code="unknown_tier")


def choose(asked: str, complexity: str, own: Sequence[TierOfModel] = ()) -> Choice:
    """The steps for a class in a tier, by the table or by the model's `own` rows; auto takes those of its tier.

    Raises:
        InvalidRequest: there is no such tier.
    """
    name = tier_named(asked)
    place, row = next((place, row) for place, row in enumerate(CLASSES) if row.name == complexity)
    tier = TIERS[AUTO_TIERS[place] if name == AUTO else name]
    by_model = next((each for each in own if each.tier == tier.name and each.steps), None)
    by_table = row.steps if name == AUTO else tier.steps[place]
    steps = by_model.steps[place] if by_model else by_table
    return Choice(tier.name, name, steps, tier.guidance_gain, f"{name.capitalize()} gives it {steps} steps.")
