"""The one error that the client raises, read from the server's `{"error": {...}}` or from the lack of an answer."""

from __future__ import annotations

import json

import httpx

UNREACHABLE = "unreachable"  # nothing was sent
TIMEOUT = "timeout"
CONNECTION_LOST = "connection_lost"
UNEXPECTED_ANSWER = "unexpected_answer"
BAD_URL = "bad_url"


class KinorayClientError(Exception):
    """The server refused, failed or did not answer. `status` is 0 when there was no HTTP answer.

    `revision`: of a `revision_conflict`, the one that stands.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        param: str | None = None,
        retry_after_s: float | None = None,
        revision: int | None = None,
    ) -> None:
        super().__init__(status, code, message, param, retry_after_s, revision)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.revision = revision

    def __str__(self) -> str:
        return self.message


def refusal(response: httpx.Response) -> KinorayClientError:
    """What an answer with an error status says; its body has been read."""
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        body = None
    found = body.get("error") if isinstance(body, dict) else None
    told: dict[str, object] = found if isinstance(found, dict) else {}
    param, revision = told.get("param"), told.get("revision")
    return KinorayClientError(
        response.status_code,
        str(told.get("code") or f"http_{response.status_code}"),
        str(told.get("message") or response.text[:200].strip() or response.reason_phrase),
        None if param is None else str(param),
        _retry_after_s(response),
        revision if isinstance(revision, int) else None,
    )


def _retry_after_s(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return None


def no_answer(failure: httpx.TransportError, base_url: str) -> KinorayClientError:
    """What a broken or absent connection means to the caller."""
    if isinstance(failure, (httpx.ConnectError, httpx.ConnectTimeout)):
        return KinorayClientError(0, UNREACHABLE, f"No Kinoray at {base_url}")
    if isinstance(failure, httpx.UnsupportedProtocol):
        return KinorayClientError(0, BAD_URL, f"{base_url} is not an http:// or https:// address")
    if isinstance(failure, httpx.TimeoutException):
        return KinorayClientError(0, TIMEOUT, f"{base_url} did not answer in time")
    return KinorayClientError(
        0, CONNECTION_LOST, f"The connection to {base_url} broke: {failure or type(failure).__name__}"
    )
