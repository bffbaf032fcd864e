"""Events of one video or of all as one unbroken stream: taken up again where a dropped connection left off."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import httpx
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse

from app.client.errors import CONNECTION_LOST, UNEXPECTED_ANSWER, KinorayClientError, no_answer, refusal
from app.client.records import VideoEvent
from app.client.transport import LONGEST_PAUSE_S, Transport, retry_pause_s

ALL_TOLD = 204  # the event that was named last is the end
SILENCE_S = 60.0  # a healthy server pings more often than that
GOOD_CONNECTION_S = 5.0  # one that lived this long was no failure to connect
RECONNECTS = 9  # in a row, without anything new; about 50 s, time for a server to come back


async def follow(
    transport: Transport, path: str, last_event_id: str | None, endless: bool = False
) -> AsyncGenerator[VideoEvent, None]:
    """Events behind `last_event_id`, ending with kind "end" unless they are `endless`.

    Raises KinorayClientError when reconnecting fails.
    """
    last, failed, allowed = last_event_id, 0, transport.retries
    while True:
        began, before = time.monotonic(), last
        try:
            async with aclosing(_connection(transport, path, last)) as events:
                async for event in events:
                    last, allowed = event.id or last, max(RECONNECTS, transport.retries)
                    yield event
                    if event.kind == "end" and not endless:
                        return
            broken = KinorayClientError(0, CONNECTION_LOST, f"{transport.base_url} keeps closing the event stream")
        except _AllTold:
            return
        except KinorayClientError as failure:
            broken = failure
        fruitful = last != before or time.monotonic() - began >= GOOD_CONNECTION_S
        failed = 0 if fruitful else failed + 1
        await anyio.sleep(_pause_s(broken, failed, allowed))


def _pause_s(broken: KinorayClientError, failed: int, allowed: int) -> float:
    """How long to wait before reconnecting. Raises what broke when that is no use."""
    if broken.status == 0 and broken.code == UNEXPECTED_ANSWER:
        raise broken
    pause_s = retry_pause_s(broken, failed, repeatable=True)
    if broken.status == 0 and pause_s is None:  # silence: the server may be restarting
        pause_s = LONGEST_PAUSE_S / 10
    if pause_s is None or failed > allowed:
        raise broken
    return pause_s


class _AllTold(Exception):
    """There is nothing behind the event that was named."""


async def _connection(transport: Transport, path: str, last_event_id: str | None) -> AsyncGenerator[VideoEvent, None]:
    """The events of one connection."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    timeout = httpx.Timeout(SILENCE_S, connect=5.0)
    try:
        async with aconnect_sse(transport.http, "GET", path, headers=headers, timeout=timeout) as source:
            if source.response.status_code == ALL_TOLD:
                raise _AllTold
            if not source.response.is_success:
                await source.response.aread()
                raise refusal(source.response)
            async with aclosing(source.aiter_sse()) as told:
                async for each in told:
                    if each.data:
                        yield _event(each)
    except httpx.TransportError as failure:
        if isinstance(failure, SSEError):
            raise KinorayClientError(0, UNEXPECTED_ANSWER, str(failure)) from failure
        raise no_answer(failure, transport.base_url) from failure


def _event(told: ServerSentEvent) -> VideoEvent:
    try:
        data = json.loads(told.data)
    except json.JSONDecodeError as failure:
        raise KinorayClientError(0, UNEXPECTED_ANSWER, f"An event is not JSON: {told.data[:80]}") from failure
    return VideoEvent(told.id, told.event, data if isinstance(data, dict) else {})
