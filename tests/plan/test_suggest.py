from __future__ import annotations

import pytest

from app.plan.suggest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("asked", "known", "meant"),
    [
        ("duration", ("n", "seconds"), None),  # one letter inside a word is no likeness
        ("premum", ("preview", "premium"), "premium"),
        ("wan", ("kinoray-shapes", "wan2.1-t2v-1.3b"), "wan2.1-t2v-1.3b"),
        ("SORA2", ("sora-2", "kinoray-shapes"), "sora-2"),
        ("", ("seed",), None),
    ],
)
def test_whole_names_are_compared(asked: str, known: tuple[str, ...], meant: str | None) -> None:
    assert nearest(asked, known) == meant


def test_meaning_comes_before_spelling_and_names_only_what_is_known() -> None:
    meanings = {"duration": "seconds"}
    assert did_you_mean("duration", ("seconds", "durations"), meanings) == " Did you mean 'seconds'?"
    assert did_you_mean("duration", ("prompt",), meanings) == ""
