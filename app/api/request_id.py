"""The outermost layer: every answer gets a request id and its time, and what nobody expected becomes a plain 500."""

from __future__ import annotations

import logging
import re
import time
import uuid
from contextlib import AbstractContextManager, nullcontext

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import ERROR_CODE, count, problem
from app.logs.context import about, facts, trace_id
from app.tracing.spans import NO_SPAN, Span, below
from app.tracing.spans import span as make_span
from app.tracing.traceparent import TRACEPARENT, checked

log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
TIMING = "server-timing"
LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})  # and change nothing: their lines are for debugging, as polls are many
TURNED_AWAY = frozenset({401, 403, 429})
_SANE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class RequestId:
    """ASGI middleware: `x-request-id` (the client's own, if it is sane) and `Server-Timing: total`.

    `adds_header` False: a proxy has named the request, and adds the header itself.
    """

    def __init__(self, app: ASGIApp, adds_header: bool = True) -> None:
        self._app = app
        self._adds_header = adds_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _SANE.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        asked_by = checked(headers.get(TRACEPARENT))
        with _span(scope, asked_by) as span:
            trace = trace_id(span.traceparent or asked_by)
            with about(request=request_id, trace=trace), below(span.traceparent or asked_by):
                await self._answer(scope, receive, send, request_id, span)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str, span: Span) -> None:
        began = time.perf_counter()
        started = False

        async def identified(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _tell(scope, message["status"], time.perf_counter() - began, span)
                headers = MutableHeaders(scope=message)
                if self._adds_header:
                    headers[REQUEST_ID] = request_id
                _add_timing(headers, time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, identified)
        except Exception:
            if started:
                raise  # the server breaks the connection: the client must not take half an answer for a whole one
            log.exception("%s %s failed", scope["method"], scope["path"])
            message = f"Something went wrong inside; the log has it as {request_id}."
            await count(scope, "internal_error", 500)
            await problem(500, "internal_error", message)(scope, receive, identified)


def _span(scope: Scope, asked_by: str | None) -> AbstractContextManager[Span]:
    """The request's span; those that only look have one where who asks keeps a trace."""
    if asked_by is None and scope["method"] in LOOKS:
        return nullcontext(NO_SPAN)
    return make_span(scope["method"], asked_by, kind="server", facts={"http.request.method": scope["method"]})


def _tell(scope: Scope, status: int, took_s: float, span: Span) -> None:
    """The line of an answer, and what its span is called. The address is said without its query, which has prompts."""
    route = getattr(scope.get("route"), "path", scope["path"])
    span.rename(f"{scope['method']} {route}")
    span.note({"http.response.status_code": status, "http.route": route})
    looked = scope["method"] in LOOKS and status not in TURNED_AWAY
    level = logging.WARNING if status >= 500 else logging.DEBUG if looked else logging.INFO
    if log.isEnabledFor(level):
        said = facts(status=status, took_ms=round(1000 * took_s, 1), code=scope.get(ERROR_CODE))
        log.log(level, "%s %s", scope["method"], scope["path"], extra=said)


def _add_timing(headers: MutableHeaders, total_s: float) -> None:
    stages = headers.get(TIMING)
    total = f"total;dur={1000 * total_s:.1f}"
    headers[TIMING] = f"{stages}, {total}" if stages else total
