"""What a client has already: the headers If-None-Match and If-Match come in, and what they say of a tag goes out."""

from __future__ import annotations

import re

from app.errors import InvalidRequest

_REVISION = re.compile(r'(?:W/)?"?([0-9]{1,15})"?')
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the client has what `etag` (strong, quoted) stands for; `*` names whatever there is.

    Compared weakly, as RFC 9110 wants it here: caches that compress mark the tags that they pass on as weak.
    """
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def revision_of(if_match: str | None) -> int | None:
    """The revision that a change is to be made of, whose tag is its number; None: whatever there is.

    Raises InvalidRequest for what is no revision: it would never match.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _REVISION.fullmatch(if_match.strip())
    if found is None:
        raise InvalidRequest('If-Match must be the revision that you have seen, such as "3".', "If-Match")
    return int(found[1])
