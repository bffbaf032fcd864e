"""A language as BCP 47 writes it comes in, the nearest that a voice has goes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Final

from app.errors import InvalidRequest
from app.plan.suggest import did_you_mean

_TAG: Final = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8})*")
_LONGEST: Final = 64
_SAME: Final = MappingProxyType({"iw": "he", "in": "id", "ji": "yi", "mo": "ro", "sh": "hbs", "zh-yue": "yue"})
_CANTONESE: Final = ("zh-hk", "zh-mo", "zh-hant-hk", "zh-hant-mo")
_NAMES: Final = MappingProxyType(
    dict(
        each.split("=")
        for each in (
            *("english=en", "german=de", "deutsch=de", "french=fr", "spanish=es", "italian=it", "portuguese=pt"),
            *("chinese=zh", "mandarin=zh", "cantonese=yue", "japanese=ja", "korean=ko", "russian=ru", "arabic=ar"),
            *("hindi=hi", "jp=ja", "kr=ko", "cn=zh", "ua=uk", "eng=en", "deu=de", "ger=de", "fra=fr", "spa=es"),
            *("ita=it", "por=pt", "zho=zh", "jpn=ja", "kor=ko", "rus=ru", "ara=ar", "hin=hi", "nld=nl", "pol=pl"),
        )
    )
)
"""What people write instead of a tag, and the tag that they are told."""


def found(tag: str, known: Iterable[str]) -> str:
    """The longest of `known` (in lower case) that `tag` begins with, as RFC 4647 (lookup) has it.

    Raises:
        InvalidRequest: `tag` is no language tag, or none of `known` fits; it names the one that is near.
    """
    names = set(known)
    for shorter in _ranges(tag):
        if shorter in names:
            return shorter
    near = did_you_mean(tag, sorted(names), _NAMES)
    raise InvalidRequest(
        f"No voice here speaks {tag[:_LONGEST]!r}; it must be such as `en` or `pt-BR`.{near}", "language"
    )


def primary(tag: str) -> str:
    """The language alone, without country and script."""
    return tag.partition("-")[0].lower()


def _ranges(tag: str) -> Iterator[str]:
    whole = tag.strip().lower().replace("_", "-")
    if len(whole) > _LONGEST or not _TAG.fullmatch(whole):
        return
    if whole.startswith(_CANTONESE):
        yield "yue"
    parts = whole.split("-")
    for end in range(len(parts), 0, -1):
        shorter = "-".join(parts[:end])
        yield shorter
        if shorter in _SAME:
            yield _SAME[shorter]
