"""JSON as a client sends it, in whatever encoding; what it says goes out, and it may say each thing only once."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from typing import Final

import orjson

from app.api.problems import shown
from app.errors import InvalidRequest, UnsupportedMediaType

_MARKS: Final = (  # the longer first: UTF-32's begins as UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MOST_NESTED: Final = 64  # levels: deeper than anything that is asked for, and shallow enough for whoever walks it
_CHARSETS: Final = frozenset({"utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso8859-1", "cp1252"})


def json_value(
    text: bytes | str,
    what: str,
    param: str | None = None,
    charset: str = "utf-8",
    glance: Callable[[object], None] | None = None,
) -> object:
    """The value of a JSON text; `what` it is, for the sentence of a refusal. A byte order mark is passed over.

    `glance` sees the value before names are counted, which takes longer the more there is; it may refuse.

    Raises:
        InvalidRequest: no JSON, or more than `MOST_NESTED` levels of it (`invalid_json`), or an object has a name
            twice (`duplicate_parameter`).
        UnsupportedMediaType: a charset that is not read here.
    """
    try:
        plain = _utf8(text, charset)
        found: object = orjson.loads(plain)
        if plain.count(b"[") + plain.count(b"{") > MOST_NESTED and _levels(found) > MOST_NESTED:
            raise InvalidRequest(f"{what} is nested more than {MOST_NESTED} levels deep.", param, "invalid_json")
        if glance is not None:
            glance(found)
        json.loads(plain, object_pairs_hook=_each_once)
    except (orjson.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "it is empty" if not text.strip() else str(error)[:200]
        raise InvalidRequest(f"{what} is not valid JSON: {why}.", param, "invalid_json") from error
    return found


def _levels(value: object) -> int:
    """How deep its lists and objects lie in each other, as far as `MOST_NESTED` and one; without recursion."""
    level, deep = [value], 0
    while level and deep <= MOST_NESTED:
        level = [
            inner
            for each in level
            if isinstance(each, (list, dict))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        deep += bool(level)
    return deep


def twice(name: str) -> InvalidRequest:
    """The refusal of a name that is given more than once, in whatever form."""
    return InvalidRequest(f"{shown(name)} is given more than once.", name[:80], "duplicate_parameter")


def _utf8(text: bytes | str, charset: str) -> bytes:
    """The text in UTF-8, without a mark; a mark says more than the header."""
    if isinstance(text, str):
        return text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")
    for mark, name in _MARKS:
        if text.startswith(mark):
            return text[len(mark) :].decode(name).encode() if name != "utf-8" else text[len(mark) :]
    try:
        known = codecs.lookup(charset).name
    except LookupError:
        known = ""
    if known not in _CHARSETS:
        raise UnsupportedMediaType(f"The charset {shown(charset)} is not read here: send UTF-8.", "content-type")
    return text if known in ("utf-8", "ascii") else text.decode(known).encode()


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise twice(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    return found
