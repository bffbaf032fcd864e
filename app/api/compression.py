"""Answers go out compressed where a client takes it and it pays: texts of some length, no videos, no event streams."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware, IdentityResponder
from starlette.types import ASGIApp, Receive, Scope, Send

LEAST_BYTES = 1024
LEVEL = 5  # more takes longer and gains next to nothing on JSON
_REFUSED = re.compile(r"gzip\s*;\s*q\s*=\s*0(?:\.0{0,3})?\s*(?:,|$)", re.I)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client that sends this header takes answers compressed."""
    return "gzip" in accept_encoding and not _REFUSED.search(accept_encoding)


class Compression(GZipMiddleware):
    """ASGI middleware: Starlette's, which looks at the type of each answer; here `gzip;q=0` means no."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, LEAST_BYTES, LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _REFUSED.search(Headers(scope=scope).get("accept-encoding", "")):
            plain = IdentityResponder(self.app, self.minimum_size)  # caches hear that others may get it compressed
            await plain(scope, receive, send)
            return
        await super().__call__(scope, receive, send)
