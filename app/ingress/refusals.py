"""Answers that are written straight to a connection, before there is a request: status and words in, bytes out."""

from __future__ import annotations

import json
from typing import Final

from app.api.problems import error_body

_REASONS: Final = {
    408: "Request Timeout",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
RETRY_AFTER_S: Final = 5


def refusal(status: int, code: str, message: str) -> bytes:
    """A whole HTTP/1.1 answer in the shape of all our errors, after which the connection ends."""
    body = json.dumps(error_body(status, code, message)).encode()
    retry = f"retry-after: {RETRY_AFTER_S}\r\n" if status in (429, 503) else ""
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
    )
    return head.encode() + body
