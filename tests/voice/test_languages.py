"""A language tag finds the nearest that there is."""

from __future__ import annotations

import pytest

from app.errors import InvalidRequest
from app.voice.languages import found, primary


@pytest.mark.parametrize(
    ("tag", "nearest"),
    [("de-CH-1996", "de"), ("EN-us-x-private", "en-us"), ("en-NZ", "en"), ("zh-hant-hk", "yue"), ("in-ID", "id")],
)
def test_the_longest_beginning_wins(tag: str, nearest: str) -> None:
    assert found(tag, ["de", "en", "en-us", "yue", "cmn", "zh", "id"]) == nearest


@pytest.mark.parametrize("tag", ["xx", "d", "de--", "-de", "de_", "德", "a" * 70, "en us"])
def test_what_is_no_language_here_is_refused(tag: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        found(tag, ["de", "en"])
    assert refusal.value.param == "language"


def test_the_language_alone_is_the_first_part() -> None:
    assert primary("pt-BR") == "pt"
