"""The outermost layer: every answer gets a request id and its time, and what nobody expected becomes a plain 500."""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import count, problem

log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
TIMING = "server-timing"
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
        began = time.perf_counter()
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SANE.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        started = False

        async def identified(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
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
            log.exception("%s %s failed (%s)", scope["method"], scope["path"], request_id)
            message = f"Something went wrong inside; the log has it as {request_id}."
            await count(scope, "internal_error", 500)
            await problem(500, "internal_error", message)(scope, receive, identified)


def _add_timing(headers: MutableHeaders, total_s: float) -> None:
    stages = headers.get(TIMING)
    total = f"total;dur={1000 * total_s:.1f}"
    headers[TIMING] = f"{stages}, {total}" if stages else total
