"""Whose fault a late body is: its client's, unless a proxy has read it whole before."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.api import bodies
from app.api.bodies import Bodies, body_rules
from app.settings import Settings

pytestmark = pytest.mark.anyio


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


@pytest.mark.parametrize(("read_before", "status"), [(False, 408), (True, 200)])
async def test_what_a_busy_proxy_brings_late_is_not_held_against_the_client(
    monkeypatch: pytest.MonkeyPatch, read_before: bool, status: int
) -> None:
    monkeypatch.setattr(bodies, "GRACE_S", 0.02)
    app = Bodies(_echo, body_rules(Settings(), read_before))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/videos",
        "headers": [(b"content-length", b"4")],
        "query_string": b"",
    }
    told: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep(0.1)  # what is tested: that it comes late
        return {"type": "http.request", "body": b"here", "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    await app(scope, receive, send)
    assert told[0]["status"] == status
