"""Whatever goes wrong comes in as an exception; one JSON shape with a status, a code and a clear sentence goes out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.methods import allowed
from app.errors import (
    Conflict,
    GenerationError,
    KinorayError,
    Moved,
    NotSupported,
    QuotaExceeded,
    RetryLater,
    Unauthorized,
)
from app.telemetry import ERROR_ANSWERS, figure
from app.telemetry.codes import fault_of

LONGEST_SHOWN = 80  # characters of the client's own words in an answer

_TYPES = {401: "authentication_error", 429: "rate_limit_error"}

_SENTENCES = {
    "missing": "{name} is missing.",
    "bool_type": "{name} must be true or false.",
    "string_type": "{name} must be a string.",
    "int_type": "{name} must be an integer.",
    "int_parsing": "{name} must be an integer.",
    "float_type": "{name} must be a number.",
    "finite_number": "{name} must be a finite number.",
    "greater_than": "{name} must be more than {gt}.",
    "greater_than_equal": "{name} must be at least {ge}.",
    "less_than_equal": "{name} must be at most {le}.",
    "string_too_short": "{name} must not be empty.",
    "string_too_long": "{name} must have at most {max_length} characters.",
    "literal_error": "{name} must be {expected}.",
    "enum": "{name} must be {expected}.",
    "model_type": "{name} must be an object.",
    "dict_type": "{name} must be an object.",
    "value_error": "{name} {error}.",
}


class Problem(BaseModel):
    """What went wrong: `code` for programs, `message` for people, `param` names the field at fault."""

    code: str = Field(examples=["unknown_parameter"])
    message: str = Field(examples=["There is no parameter 'promt'. Did you mean 'prompt'?"])
    param: str | None = Field(None, examples=["promt"])
    type: str = Field(examples=["invalid_request_error"])
    revision: int | None = Field(
        None, description="Of revision_conflict alone: the storyboard's revision that stands", examples=[3]
    )


class ErrorBody(BaseModel):
    """The body of every answer with an error status."""

    error: Problem


ERROR_CODE: Final = "kinoray.error_code"  # of the ASGI scope


def shown(text: object) -> str:
    """The client's own words, quoted and cut to what an answer may repeat."""
    words = str(text)
    return repr(words if len(words) <= LONGEST_SHOWN else f"{words[: LONGEST_SHOWN - 1]}…")


def error_body(
    status: int, code: str, message: str, param: str | None = None, revision: int | None = None
) -> dict[str, dict[str, str | int | None]]:
    """The one shape of all errors; `revision` where what was to be changed has another one."""
    kind = _TYPES.get(status, "server_error" if status >= 500 and status != 499 else "invalid_request_error")
    stands: dict[str, str | int | None] = {} if revision is None else {"revision": revision}
    return {"error": {"code": code, "message": message, "param": param, "type": kind, **stands}}


def problem(
    status: int,
    code: str,
    message: str,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
    revision: int | None = None,
) -> Response:
    """An answer in that shape; safe for any text."""
    content = json.dumps(error_body(status, code, message, param, revision)).encode()
    return _Problem(code, content, status, headers)


class _Problem(Response):
    """Leaves its code in the request's scope, for the line that tells of the answer."""

    media_type = "application/json"

    def __init__(self, code: str, content: bytes, status: int, headers: Mapping[str, str] | None) -> None:
        super().__init__(content, status, headers)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ERROR_CODE] = self._code
        await super().__call__(scope, receive, send)


class SentNames(Protocol):
    """The names of the fields that a client sent."""

    def told(self, message: str, param: str | None) -> tuple[str, str | None]:
        """A refusal's sentence and field by those names."""
        ...


def of_error(error: KinorayError, sent: SentNames | None = None) -> Response:
    """The answer to one of our own errors; it names fields as they were `sent`."""
    headers = {}
    if isinstance(error, (Conflict, GenerationError)):  # SDKs would ask again after 409 and 5xx, to no avail
        headers["x-should-retry"] = "false"
    if isinstance(error, RetryLater):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, QuotaExceeded):
        headers["x-should-retry"] = "false"  # not within the patience of any package
    if isinstance(error, NotSupported):
        headers["x-should-retry"] = "false"  # OpenAI's packages ask again after any other 5xx
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    message, param = (error.message, error.param) if sent is None else sent.told(error.message, error.param)
    revision = error.revision if isinstance(error, Moved) else None
    return problem(error.status, error.error_code, message, param, headers, revision)


def sentence(error: ErrorDetails) -> tuple[str, str | None]:
    """A sentence and a field's name from one of pydantic's error records."""
    place = [str(part) for part in error["loc"] if part not in ("query", "path", "body", "header")]
    name = ".".join(place) or None
    context = {key: value for key, value in (error.get("ctx") or {}).items() if key != "name"}
    pattern = _SENTENCES.get(error["type"])
    if pattern is None:
        return f"{name or 'The request'}: {error['msg']}.", name
    return pattern.format(name=name or "The body", **context), name


def _of_validation(errors: Sequence[ErrorDetails]) -> Response:
    message, name = sentence(errors[0]) if errors else ("The request is not well-formed.", None)
    return problem(400, "invalid_request", message, name)


_HTTP = {
    404: ("not_found", "There is nothing at this address; see /docs."),
    405: ("method_not_allowed", "This address does not take that method; see /docs."),
}


def _of_http(request: Request, error: HTTPException) -> Response:
    headers = error.headers
    if error.status_code == 405:
        headers = {"allow": allowed(request)}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    code, message = http_code(request, error)
    return problem(error.status_code, code, message, headers=headers)


def http_code(request: Request, error: HTTPException) -> tuple[str, str]:
    """The code and the sentence of an error that is not one of ours."""
    if error.status_code == 404 and request.url.path.startswith("/v1/videos/"):
        return "video_not_found", "There is no such video."
    if error.status_code == 404 and request.url.path.startswith("/v1/storyboards/"):
        return "storyboard_not_found", "There is no such storyboard."
    return _HTTP.get(error.status_code, ("invalid_request", str(error.detail)))


async def count(scope: Scope, code: str, status: int) -> None:
    """Count an answer that is an error."""
    service = getattr(scope["app"].state, "service", None) if "app" in scope else None
    if service is not None:
        await service.ports.meter.add({figure(ERROR_ANSWERS, code, fault_of(status)): 1})


def install(app: FastAPI) -> None:
    """Have every expected error answered in our shape. What nobody expected is answered by `RequestId`."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, KinorayError)
        request.state.error_code = error.error_code  # for the audit log
        await count(request.scope, error.error_code, error.status)
        return of_error(error, getattr(request.state, "sent", None))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        await count(request.scope, "invalid_request", 400)
        return _of_validation(error.errors())

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = _of_http(request, error)
        if answer.status_code >= 400:
            await count(request.scope, http_code(request, error)[0], answer.status_code)
        return answer

    app.add_exception_handler(KinorayError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
