"""Webhooks: what has ended comes out of the outbox, its receiver is told, and the record says how it went."""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import httpx

from app.errors import IllegalTransition, InvalidRequest, JobNotFound, KinorayError
from app.jobs.board import Board
from app.jobs.outbox import Outbox
from app.jobs.store import JobStore, find
from app.jobs.storyboards.store import StoryboardStore, find_story, is_story_id
from app.logs.context import facts
from app.settings import Settings
from app.telemetry import WEBHOOKS, Meter
from app.tracing.spans import span
from app.tracing.traceparent import TRACEPARENT
from app.types import Caller, Delivery, Job, Webhook
from app.webhooks.addresses import check_url
from app.webhooks.ended import Ended, ended_job, ended_story, note_story, service_url, url_of
from app.webhooks.message import headers
from app.webhooks.notify import Notifications, is_notice
from app.webhooks.policy import GONE, after
from app.webhooks.send import Answer

log = logging.getLogger(__name__)

AT_ONCE = 32  # attempts under way in this process
AT_ONE_RECEIVER = 4  # of them, to one host: a slow one does not hold up the others
CLAIMED = 200  # jobs looked at in one pass
CLAIM_S = 60.0  # beyond the time limit of an attempt: whoever claimed one and died is not waited for longer
BUSY_S = 5.0  # a receiver that is busy with others is tried again after this and up to as much again
OFF_S = 86400.0  # a receiver that answered 410 is left alone so long


class Told(Protocol):
    """The durable ports that deliveries need."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def storyboards(self) -> StoryboardStore: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def board(self) -> Board: ...
    @property
    def meter(self) -> Meter: ...


class Post(Protocol):
    """Makes one attempt; `app.webhooks.send.Sender`."""

    async def post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer: ...


def webhook_of(asked: Webhook | None, caller: Caller, settings: Settings) -> Webhook | None:
    """Who is told of a new job's end: the request's own URL, else the settings', else nobody.

    Raises InvalidRequest for a URL that will never be sent to, and where there is no secret to sign with.
    """
    if asked is None or asked.url is None:
        return Webhook(None) if service_url(caller.tenant, settings) else None
    check_url(asked.url, settings.webhook_allow_http, settings.webhook_allow_private)
    if not settings.webhook_keys(caller.tenant):
        message = "This server sends no webhooks: it has no secret to sign them with (KINORAY_WEBHOOK_SECRET)."
        raise InvalidRequest(message, "webhook", "webhooks_not_set_up")
    return asked


class WebhookDeliveries:
    """Tells receivers. What is under way is known to this process alone; what is still to be told, to the outbox."""

    def __init__(
        self,
        stores: Told,
        settings: Settings,
        sender: Post,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._stores = stores
        self._settings = settings
        self._sender = sender
        self._clock = clock
        self._draw = draw
        self._notifications = Notifications(stores, settings, sender, clock, draw)
        self._under_way: Counter[str] = Counter()  # attempts by receiver
        for url in filter(None, (settings.webhook_url, *settings.webhook_urls.values())):
            try:
                check_url(url, settings.webhook_allow_http, settings.webhook_allow_private)
            except InvalidRequest as error:
                log.warning("A webhook URL of the settings will never be told: %s", error)

    async def due(self, now: float) -> Sequence[str]:
        """Jobs, storyboards and notifications to call `deliver` with, claimed. Raises StoreUnavailable."""
        if self._under_way.total() >= AT_ONCE:
            return ()
        return await self._stores.outbox.claim(now, now + self._settings.webhook_timeout_s + CLAIM_S, CLAIMED)

    async def deliver(self, name: str) -> None:
        """One attempt. Never raises: what goes wrong with the stores is tried again when the claim has run out."""
        try:
            await (self._notifications.deliver if is_notice(name) else self._deliver)(name)
        except KinorayError as error:
            log.info("The webhook is tried again: %s", error, extra=facts(job=name))

    async def _deliver(self, name: str) -> None:
        stores = self._stores
        ended = await self._ended(name)
        if ended is None:
            return
        before = ended.delivery
        try:
            url = url_of(ended.webhook, ended.tenant, self._settings)
        except InvalidRequest as error:  # the settings have changed since it was accepted
            await self._note(ended, Delivery("failed", before.attempts, error.error_code, self._clock()))
            return
        mark = _off_mark(ended.tenant, url)
        if await stores.board.get(mark) is not None:
            await self._note(ended, Delivery("disabled", before.attempts, f"http_{GONE}", self._clock()))
            return
        receiver = url.netloc.decode("ascii")
        if self._under_way[receiver] >= AT_ONE_RECEIVER or self._under_way.total() >= AT_ONCE:
            await stores.outbox.put_off(name, self._clock() + BUSY_S * (1 + self._draw()))
            return
        self._under_way[receiver] += 1
        try:
            answer = await self._attempt(ended, url)
        finally:
            self._under_way[receiver] -= 1
            self._under_way += Counter()  # without those that are at nought
        if answer.status == GONE:
            await stores.board.put(mark, {"at": self._clock()}, OFF_S)
        await self._note(ended, after(before, answer.status, answer.error, self._clock(), self._draw()))

    async def _ended(self, name: str) -> Ended | None:
        """What is to be told of what the outbox names; what has nothing to be told leaves the outbox."""
        if not is_story_id(name):
            ended = ended_job(await find(self._stores.jobs, name))
        else:
            story = await find_story(self._stores.storyboards, name)
            if story is None or not story.phase.ended:  # what deleted it, or took it up again, took it out
                return None
            ended = ended_story(story)
        if ended is None:
            await self._stores.outbox.close(name)
        return ended

    async def _attempt(self, ended: Ended, url: httpx.URL) -> Answer:
        keys = self._settings.webhook_keys(ended.tenant)
        signed = headers(ended.event_id, ended.content, keys, self._clock())
        with span("webhook", ended.trace, kind="client", facts={"job": ended.id, "server.address": url.host}) as made:
            above = made.traceparent or ended.trace
            answer = await self._sender.post(url, ended.content, signed | ({TRACEPARENT: above} if above else {}))
            made.note({"http.response.status_code": answer.status, "error": answer.error})
        return answer

    async def _note(self, ended: Ended, told: Delivery) -> None:
        stores, record = self._stores, ended.record
        if isinstance(record, Job):
            told = await self._note_job(record, told)
        elif not await note_story(record, told, stores.storyboards):
            return
        said = facts(attempts=told.attempts, cause=told.error)
        with ended.about():
            if told.state in ("failed", "disabled"):
                log.warning("webhook %s", told.state, extra=said)
            else:
                log.info("webhook %s", "to be tried again" if told.state == "waiting" else told.state, extra=said)
        await stores.meter.add({f"{WEBHOOKS}:{'retried' if told.state == 'waiting' else told.state}": 1})

    async def _note_job(self, job: Job, told: Delivery) -> Delivery:
        """The record first: who dies in between leaves a job in the outbox that says it was told."""
        stores = self._stores
        try:
            await stores.jobs.note_delivery(job.id, told)
        except (JobNotFound, IllegalTransition):
            told = replace(told, state="failed")
        if told.state == "waiting":
            await stores.outbox.put_off(job.id, told.next_at or self._clock())
        else:
            await stores.outbox.close(job.id)
        return told


def _off_mark(tenant: str, url: httpx.URL) -> str:
    """The name of the note that says that a tenant's receiver wants no more."""
    return f"webhook_off:{hashlib.sha256(f'{tenant} {url}'.encode()).hexdigest()}"
