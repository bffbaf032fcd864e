"""What a client has already: the If-None-Match header and a file's tag come in, whether they are the same goes out."""

from __future__ import annotations

import re

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the client has what `etag` (strong, quoted) stands for; `*` names whatever there is.

    Compared weakly, as RFC 9110 wants it here: caches that compress mark the tags that they pass on as weak.
    """
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
