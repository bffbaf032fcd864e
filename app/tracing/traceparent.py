"""W3C trace context as text: a `traceparent` comes in from anybody, a checked one or one below it goes out."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

TRACEPARENT: Final = "traceparent"
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


def checked(text: str | None) -> str | None:
    """The same in version 00, as the W3C has it; None: it is none, and a new trace may begin."""
    match = _FORM.fullmatch(text.strip()) if text and len(text) <= 512 else None
    if match is None:
        return None
    version, trace, span, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or trace == _NO_TRACE or span == _NO_SPAN:
        return None
    return f"00-{trace}-{span}-{int(flags, 16) & 1:02x}"


def span_id(traceparent: str) -> str:
    """The 16 hexadecimal digits of the span."""
    return traceparent.split("-")[2]


def is_sampled(traceparent: str) -> bool:
    """Whether its spans are to be kept."""
    return bool(int(traceparent.split("-")[3], 16) & 1)


def below(traceparent: str) -> str:
    """A span of the same trace that nobody has yet."""
    return _with_span(traceparent, secrets.token_hex(8))


def of_attempt(job: str, fence: int) -> str:
    """The span of a job's attempt with that fence: whoever knows the job's span knows it too, also when it is dead."""
    return _with_span(job, hashlib.sha256(f"{job}/{fence}".encode()).hexdigest()[:16])


def _with_span(traceparent: str, span: str) -> str:
    version, trace, _, flags = traceparent.split("-")
    return f"{version}-{trace}-{span}-{flags}"
