from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.plan.prompt import vocabulary as words
from app.plan.prompt.features import _lexicon, factors_of

ENTRIES = [entry.rstrip("*") for table in words.WORD_TABLES.values() for kind in table for entry in kind.entries]
SAYINGS = st.lists(st.sampled_from([*ENTRIES, "no", "without", "a", "and", "two", ",", "camera", "ball"]), max_size=12)


def score(prompt: str) -> int:
    return sum(factor.score for factor in factors_of(prompt))


def found(prompt: str, name: str) -> tuple[str, ...]:
    return next(factor.found for factor in factors_of(prompt) if factor.name == name)


def test_the_tables_have_the_published_numbers_of_kinds() -> None:
    assert {name: len(kinds) for name, kinds in words.WORD_TABLES.items()} == {
        "motion": 12,
        "scene": 10,
        "camera": 10,
        "lighting": 10,
        "quality": 9,
    }


def test_no_two_kinds_share_a_name_or_an_entry() -> None:
    names = [kind.name for kinds in words.WORD_TABLES.values() for kind in kinds]
    assert len(set(names)) == len(names)
    assert sorted(set(ENTRIES)) == sorted(ENTRIES)


def test_there_are_seven_factors_for_every_prompt() -> None:
    names = [factor.name for factor in factors_of("")]
    assert names == ["motion", "scene", "camera", "lighting", "quality", "length", "subjects"]


@pytest.mark.parametrize("word", ["run", "RUNS", "Running", "ran", "ｒｕｎｎｉｎｇ", "chasing", "chased"])
def test_every_form_of_a_verb_is_found(word: str) -> None:
    assert found(f"a dog {word} home", "motion")


def test_the_longest_phrase_wins() -> None:
    assert found("coral reef at golden hour", "lighting") == ("golden hour",)
    assert found("camera movement", "motion") == ()


def test_no_further_word_takes_points_away() -> None:
    assert score("an ocean floor") >= score("an ocean")
    assert found("it turns into a frog", "motion") == ("turns into",)


def test_a_phrase_holds_no_other_behind_its_first_word() -> None:
    """Otherwise a phrase that a negation cuts in two could score less than its beginning."""
    phrases, _ = _lexicon()
    for phrase in phrases:
        inner = {phrase[first:last] for last in range(len(phrase)) for first in range(1, last)}
        assert not inner & set(phrases)


@pytest.mark.parametrize("phrase", ["close-up", "bird’s eye", "the camera slowly follows", "DRONE shot"])
def test_hyphens_apostrophes_and_adverbs_do_not_hide_a_phrase(phrase: str) -> None:
    assert found(f"{phrase} of a cat", "camera")


@pytest.mark.parametrize(
    "prompt",
    ["no camera movement", "without any zoom", "the box doesn't move", "never running", "no slow pan or tilt up"]
    + ["nothing moves", "nobody is walking", "it doesnt spin", "NO CAMERA MOVEMENT", "neither fire nor smoke"],
)
def test_what_is_negated_does_not_count(prompt: str) -> None:
    assert score(prompt) == 0


@pytest.mark.parametrize("prompt", ["no people, running dog", "not still but running", "no wind and a running dog"])
def test_a_negation_ends_with_its_clause(prompt: str) -> None:
    assert "running" in found(prompt, "motion")


def test_a_kind_counts_once() -> None:
    assert score("running sprinting racing") == score("running")


@pytest.mark.parametrize(
    ("prompt", "points"),
    [
        ("a ball", 0),
        ("two balls", 1),
        ("a red ball and a blue box", 1),
        ("a dog, a cat and a horse", 2),
        ("several birds", 3),
        ("7 birds", 3),
        ("12 dancers", 3),
        ("３ birds", 2),
        ("a ball for 5 seconds", 0),
        ("a ball, 24 fps, 35 mm, 16:9, 1920", 0),
        ("a ball on a black background and the camera", 0),
    ],
)
def test_subjects_are_counted(prompt: str, points: int) -> None:
    assert factors_of(prompt)[-1].score == points


def test_length_counts_words_and_dense_scripts() -> None:
    assert [factors_of(text)[-2].score for text in ("ball " * 12, "ball " * 13, "ball " * 80, "红" * 60)] == [
        0,
        1,
        4,
        2,
    ]


@pytest.mark.parametrize(
    ("text", "count"), [("एक लाल गेंद रेत पर", 5), ("توپ قرمز می‌رود", 3), ("كُرَةٌ حَمْرَاءُ", 2), ("café cafe\u0301", 2)]
)
def test_marks_and_joiners_do_not_split_words(text: str, count: int) -> None:
    assert factors_of(text)[-2].found == (f"{count} words",)


@pytest.mark.parametrize(
    "text", ["🎈🚀👩‍👩‍👧", "ein roter Ball", "красный шар", "كرة حمراء", "\x00\ud800", "a" * 4000, "ﷺ" * 4000]
)
def test_any_string_has_a_score(text: str) -> None:
    assert score(text) >= 0


def test_a_long_prompt_takes_milliseconds_at_most() -> None:
    prompt = "running camera flying zoom in at golden hour, " * 90
    started = perf_counter()
    for _ in range(5):
        factors_of(prompt[:4000])
    assert (perf_counter() - started) / 5 < 0.05  # about 1 ms; the slack is for a busy machine


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=80), SAYINGS.map(" ".join)), st.sampled_from(ENTRIES))
def test_more_words_never_lower_the_score(prompt: str, more: str) -> None:
    assert score(f"{prompt} {more}") >= score(prompt)
