"""What holds for whatever anybody types: a plan or a clear refusal, the same one twice, never fewer steps for more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.plan.prompt import vocabulary as words
from app.plan.prompt.complexity import CLASSES, analyse
from app.plan.prompt.features import factors_of
from app.plan.tiers import AUTO, TIERS, choose
from app.types import Plan
from tests.plan.conftest import plan_for

NAMES = (AUTO, *TIERS)
ENTRIES = [
    entry.replace("*", "ing") for table in words.WORD_TABLES.values() for kind in table for entry in kind.entries
]
GLUE = ["no", "without", "nothing", "but", "and", "two", "7", "a", "the", "slowly", ",", ".", "ball", "seconds", "into"]
BEGINNINGS = [" ".join(entry.split()[:-1]) for entry in ENTRIES if " " in entry]
SAYINGS = st.lists(st.sampled_from([*ENTRIES, *GLUE, *BEGINNINGS]), max_size=14).map(" ".join)
OTHERS = [
    "ein roter Ball springt über den Strand, ohne Kamerabewegung",
    "красный шар катится по снегу ночью",
    "كرة حمراء تتدحرج على الرمال",
    "一个红色的球在沙滩上弹跳，电影感灯光",
    "एक लाल गेंद रेत पर उछलती है",
    "ลูกบอลสีแดงกระเด้งบนทราย",
    "توپ قرمز می‌رود",
    "🏃‍♀️🔥🌊👩‍👩‍👧",
]
ANYTHING = st.one_of(st.text(alphabet=st.characters(), max_size=120), SAYINGS, st.sampled_from(OTHERS))


def planned(prompt: str, tier: str) -> Plan | None:
    """The plan, or None for a prompt that is refused as a bad request naming `prompt`."""
    try:
        return plan_for(prompt, tier=tier)
    except InvalidRequest as error:
        refused = error
    assert (refused.status, refused.param) == (400, "prompt")
    assert 0 < len(refused.message) < 200
    return None


@settings(max_examples=250, deadline=None)
@given(ANYTHING, st.sampled_from(NAMES))
def test_any_string_gets_the_same_valid_plan_twice_or_a_clear_refusal(prompt: str, tier: str) -> None:
    made = planned(prompt, tier)
    assert made == planned(prompt, tier)
    if made is not None:
        row = TIERS[made.tier]
        least = CLASSES[0].steps if tier == AUTO else row.least
        assert least <= made.sampling.budget == made.sampling.steps <= row.most
        assert made.why.score == sum(factor.score for factor in made.why.factors)
        assert len(made.why.factors) == 7
        assert all(made.why.reasons)


@settings(max_examples=250, deadline=None)
@given(ANYTHING, SAYINGS, st.sampled_from(NAMES))
def test_more_words_never_get_fewer_steps_within_a_tier(prompt: str, more: str, tier: str) -> None:
    before, after = planned(prompt, tier), planned(f"{prompt} {more}", tier)
    if before is not None and after is not None:
        assert after.sampling.steps >= before.sampling.steps


@settings(max_examples=250, deadline=None)
@given(ANYTHING, ANYTHING)
def test_more_words_of_any_script_never_lower_a_factor(prompt: str, more: str) -> None:
    before, after = factors_of(prompt), factors_of(f"{prompt} {more}")
    assert all(one.score <= other.score for one, other in zip(before, after, strict=True))


@settings(max_examples=250, deadline=None)
@given(ANYTHING, ANYTHING, st.sampled_from(NAMES))
def test_the_more_complex_of_two_prompts_never_gets_fewer_steps(one: str, other: str, tier: str) -> None:
    less, more = sorted((analyse(one), analyse(other)), key=lambda why: why.score)
    assert choose(tier, less.complexity).steps <= choose(tier, more.complexity).steps


@pytest.mark.parametrize("tier", NAMES)
def test_a_harder_class_never_gets_fewer_steps(tier: str) -> None:
    steps = [choose(tier, row.name).steps for row in CLASSES]
    assert steps == sorted(steps)


@pytest.mark.parametrize("prompt", OTHERS)
def test_other_languages_and_emoji_are_planned(prompt: str) -> None:
    made = planned(prompt, AUTO)
    assert made is not None
    assert len(made.prompt) == len(prompt)  # punctuation may be folded, nothing is lost
