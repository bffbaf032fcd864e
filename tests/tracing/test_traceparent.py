from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tracing.traceparent import below, checked, of_attempt, span_id

GOOD = f"00-{'4bf92f3577b34da6a3ce929d0e0e4736'}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (GOOD, GOOD),
        (f" {GOOD} ", GOOD),
        (GOOD[:-2] + "00", GOOD[:-2] + "00"),
        (GOOD[:-2] + "03", GOOD),  # the W3C's later flags are not ours to pass on
        ("cc" + GOOD[2:] + "-what-the-future-holds", GOOD),
        ("cc" + GOOD[2:], GOOD),
        ("ff" + GOOD[2:], None),
        (GOOD + "-more", None),
        (GOOD.upper(), None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{'a' * 32}-{'0' * 16}-01", None),
        (GOOD[:-3], None),
        (GOOD + "\n" + GOOD, None),
        ("", None),
        (None, None),
    ],
)
def test_a_traceparent_is_taken_as_the_w3c_says(text: str | None, found: str | None) -> None:
    assert checked(text) == found


@given(st.text(max_size=600))
def test_no_text_breaks_it(text: str) -> None:
    assert checked(text) in (None, checked(text.strip()))


def test_an_attempt_is_known_by_its_job_and_fence_to_whoever_asks() -> None:
    spans = [span_id(of_attempt(GOOD, fence)) for fence in (1, 1, 2)]
    assert spans[0] == spans[1] != spans[2]
    assert of_attempt(GOOD, 1).split("-")[1] == GOOD.split("-")[1]
    assert below(GOOD) != below(GOOD)
