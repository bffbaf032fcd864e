"""Notifications out of the outbox: one attempt each, guarded and tried again as the webhooks of jobs are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Protocol

import httpx
from pydantic import TypeAdapter, ValidationError

from app.errors import InvalidRequest
from app.health.receivers import receivers_of
from app.health.recoveries import NOTICE, NOTICE_KEPT_S, Recovery, recovery_from_note
from app.jobs.board import Board
from app.jobs.outbox import Outbox
from app.settings import Settings
from app.settings.notify import is_slack
from app.types import Delivery
from app.webhooks.addresses import check_url
from app.webhooks.message import headers
from app.webhooks.notices import event_body, notice_id, slack_body
from app.webhooks.policy import after
from app.webhooks.send import Answer

log = logging.getLogger(__name__)
_DELIVERY = TypeAdapter(Delivery)


class Kept(Protocol):
    """The stores that notifications need."""

    @property
    def outbox(self) -> Outbox: ...
    @property
    def board(self) -> Board: ...


class Post(Protocol):
    """Makes one attempt; `app.webhooks.send.Sender`."""

    async def post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer: ...


def is_notice(name: str) -> bool:
    """Whether what the outbox names is a notification; else it is a job."""
    return name.startswith(NOTICE)


class Notifications:
    """Tells the receivers of the settings. What there is to say lies on the board, for a day."""

    def __init__(
        self, stores: Kept, settings: Settings, sender: Post, clock: Callable[[], float], draw: Callable[[], float]
    ) -> None:
        self._stores, self._settings, self._sender = stores, settings, sender
        self._clock, self._draw = clock, draw
        self._receivers = receivers_of(settings)

    async def deliver(self, name: str) -> None:
        """One attempt. Raises StoreUnavailable."""
        note = await self._stores.board.get(name) or {}
        event = recovery_from_note(note.get("event"))
        url = self._receivers.get(name.removeprefix(NOTICE).partition("_")[0])
        if event is None or url is None:  # too old, or the settings have changed
            await self._stores.outbox.close(name)
            return
        answer = await self._attempt(event, url)
        told = after(_before(note), answer.status, answer.error, self._clock(), self._draw())
        if told.state == "waiting":
            await self._stores.board.put(name, {**note, "delivery": asdict(told)}, NOTICE_KEPT_S)
            await self._stores.outbox.put_off(name, told.next_at or self._clock())
            return
        await self._stores.outbox.close(name)
        await self._stores.board.forget(name)
        if told.state != "delivered":
            log.warning("A notification of %s is %s: %s", event.cause, told.state, told.error)

    async def _attempt(self, event: Recovery, url: str) -> Answer:
        settings = self._settings
        try:
            address = check_url(url, settings.webhook_allow_http, settings.webhook_allow_private)
        except InvalidRequest as error:
            return Answer(error=error.error_code)
        slack = is_slack(url, settings.notify_format)
        content = slack_body(event) if slack else event_body(event)
        keys = settings.webhook_keys("")
        if not keys and not slack:
            return Answer(error="webhooks_not_set_up")
        signed = headers(notice_id(event), content, keys, self._clock())
        return await self._sender.post(address, content, signed if keys else _unsigned(signed))


def _unsigned(signed: Mapping[str, str]) -> dict[str, str]:
    """Slack's addresses are secrets themselves; without a key of ours there is nothing to sign with."""
    return {name: value for name, value in signed.items() if name != "webhook-signature"}


def _before(note: Mapping[str, object]) -> Delivery:
    try:
        return _DELIVERY.validate_python(note.get("delivery", Delivery()))
    except ValidationError:
        return Delivery()
