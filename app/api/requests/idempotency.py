"""A client's own name for a request comes in as a header; a key that is fit to be kept goes out."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from app.errors import InvalidRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
MOST_CHARS = 255
_FIT = re.compile(rf"[\x21-\x7e]{{1,{MOST_CHARS}}}")


async def idempotency_key(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="Your own name for this request. Sent again with the same request, it is answered with the job "
            f"of the first time and `{REPLAYED}: true`; with another request it is refused with 409.",
        ),
    ] = None,
) -> str | None:
    """The key, None without one. Raises InvalidRequest (`invalid_idempotency_key`)."""
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1 or _FIT.fullmatch(given[0]) is None:
        message = f"One {HEADER} of 1 to {MOST_CHARS} visible ASCII characters, please; a UUID is a good one."
        raise InvalidRequest(message, HEADER, "invalid_idempotency_key")
    return given[0]


KeyHeader = Annotated[str | None, Depends(idempotency_key)]


def replay_headers(replayed: bool) -> dict[str, str]:
    """What an answer says when it is that of an earlier request."""
    return {REPLAYED.lower(): "true"} if replayed else {}
