from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import InvalidRequest
from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import ALIASES, AUTO_TIERS, ROWS, TIERS, Tier, check_tiers, choose, tier_named


@pytest.mark.parametrize(
    ("tier", "least", "most"), [("preview", 12, 15), ("standard", 25, 35), ("premium", 45, 50), ("ultra", 50, 50)]
)
def test_a_named_tier_keeps_its_bounds(tier: str, least: int, most: int) -> None:
    steps = [choose(tier, row.name).steps for row in CLASSES]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (least, most)


def test_auto_takes_the_published_steps_and_names_a_tier() -> None:
    choices = [choose("auto", row.name) for row in CLASSES]
    assert [choice.steps for choice in choices] == [18, 25, 35, 45]
    assert tuple(choice.tier for choice in choices) == AUTO_TIERS


@pytest.mark.parametrize("asked", ["draft", "Economy", " HIGH ", "low", "medium", *ALIASES])
def test_aliases_name_tiers(asked: str) -> None:
    assert tier_named(asked) in {*TIERS, "auto"}


@pytest.mark.parametrize(("asked", "meant"), [("standart", "standard"), ("premum", "premium"), ("ulta", "ultra")])
def test_a_typing_error_gets_a_suggestion(asked: str, meant: str) -> None:
    with pytest.raises(InvalidRequest, match=f"Did you mean '{meant}'") as caught:
        tier_named(asked)
    assert (caught.value.param, caught.value.error_code) == ("tier", "unknown_tier")


@pytest.mark.parametrize("asked", ["", "🎈", "x" * 10_000])
def test_nonsense_gets_the_list_of_tiers(asked: str) -> None:
    with pytest.raises(InvalidRequest, match="auto, preview, standard, premium, ultra") as caught:
        tier_named(asked)
    assert len(caught.value.message) < 300


STANDARD = ROWS[1]


@pytest.mark.parametrize(
    "broken",
    [
        replace(STANDARD, steps=(25, 25, 35)),
        replace(STANDARD, steps=(35, 25, 25, 35)),
        replace(STANDARD, steps=(18, 25, 35, 35)),
        replace(STANDARD, most=101),
        replace(STANDARD, guidance_gain=0.0),
        replace(STANDARD, name="premium"),
        replace(STANDARD, name="draft"),
    ],
)
def test_an_unsound_table_is_refused_at_the_start(broken: Tier) -> None:
    with pytest.raises(ValueError, match="tier|alias|auto"):
        check_tiers([ROWS[0], broken, *ROWS[2:]])
