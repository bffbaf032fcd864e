"""One byte range: the Range header and the size of a file come in, the first and last byte to send go out."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` up to but not including `end`."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """The range lies outside the file."""


def span_of(header: str | None, size: int) -> Span | None:
    """The span that is asked for, None for the whole file.

    Several ranges at once, and what is no range at all, are answered with the whole file, as RFC 9110 allows.
    Raises Unsatisfiable.
    """
    found = _ONE.fullmatch(header.strip()) if header else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if length == 0:
            raise Unsatisfiable
        return Span(size - length, size)
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, min(int(found[2]) + 1, size) if found[2] else size)
