"""Languages as an mp4 names them."""

from __future__ import annotations

import pytest

from app.captions.language import checked_tag, iso_639_2


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        *(("en", "eng"), ("EN-us", "eng"), ("pt_BR", "por"), ("zh-Hans-CN", "zho"), ("sr-Latn", "srp"), ("de", "deu")),
        *(("ger", "deu"), ("fre", "fra"), ("deu", "deu"), ("fil", "fil"), ("cmn-Hant", "zho"), ("iw", "heb")),
        *(("in", "ind"), ("no", "nor"), ("nb", "nob"), ("tlh", "tlh"), ("und", "und")),
        *(("", "und"), ("x-private", "und"), ("q", "und"), ("english", "und"), ("qqq", "und")),
    ],
)
def test_the_first_part_of_a_tag_decides(tag: str, code: str) -> None:
    assert iso_639_2(tag) == code


def test_a_tag_is_passed_on_where_it_is_one() -> None:
    assert [checked_tag(tag) for tag in ("zh_Hans", "en-US", "a\nb", "", "-en")] == ["zh-Hans", "en-US", *3 * ["und"]]
