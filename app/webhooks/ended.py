"""What a webhook tells of: the record of a video or a storyboard that has ended comes in, what is told comes out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import httpx

from app.errors import InvalidRequest, Moved, StoryboardNotFound
from app.jobs.storyboards.store import StoryboardStore
from app.logs.context import about, about_job, tenant_hash, trace_id
from app.settings import Settings
from app.types import Delivery, Job, Webhook
from app.types.storyboard import Storyboard
from app.webhooks.addresses import check_url
from app.webhooks.message import body, event_id, story_body, story_event_id

TRIES = 5  # at noting what was told on a record that others write to, too


@dataclass(frozen=True, slots=True)
class Ended:
    """One end that is to be told."""

    id: str
    tenant: str
    webhook: Webhook
    delivery: Delivery
    trace: str | None
    event_id: str
    content: bytes
    record: Job | Storyboard

    def about(self) -> AbstractContextManager[None]:
        """Within it, every line of the log says what it is about."""
        if isinstance(self.record, Job):
            return about_job(self.record)
        return about(storyboard=self.id, tenant=tenant_hash(self.tenant), trace=trace_id(self.trace))


def ended_job(job: Job | None) -> Ended | None:
    """None where nothing is to be told: it was deleted, or told by one who died before saying so."""
    told = Delivery() if job is None else job.delivery or Delivery()
    if job is None or job.webhook is None or told.state != "waiting":
        return None
    return Ended(job.id, job.tenant, job.webhook, told, job.trace, event_id(job.id, job.fence), body(job), job)


def ended_story(story: Storyboard) -> Ended | None:
    """None where nothing is to be told."""
    told, webhook = story.delivery or Delivery(), story.wish.webhook
    if not story.phase.ended or webhook is None or told.state != "waiting":
        return None
    return Ended(story.id, story.tenant, webhook, told, story.trace, story_event_id(story), story_body(story), story)


async def note_story(story: Storyboard, told: Delivery, stories: StoryboardStore) -> bool:
    """Put how far the telling is on the record; False where that end is no more.

    The same write moves it in the outbox, or out: between two writes it could be taken up and end again, and this end's
    word would close the next one's. Raises StoreUnavailable.
    """
    for _ in range(TRIES):
        try:
            await stories.replace(replace(story, delivery=told))
            return True
        except StoryboardNotFound:
            return False
        except Moved:
            now = await stories.get(story.id)
            if (now.phase, now.completed_at) != (story.phase, story.completed_at):
                return False
            story = now
    return False


def url_of(webhook: Webhook, tenant: str, settings: Settings) -> httpx.URL:
    """Where to. Raises InvalidRequest: there is none any more, or it may not be sent to."""
    text = webhook.url or service_url(tenant, settings)
    if text is None or not settings.webhook_keys(tenant):
        raise InvalidRequest("There is no URL or secret any more.", code="webhooks_not_set_up")
    return check_url(text, settings.webhook_allow_http, settings.webhook_allow_private)


def service_url(tenant: str, settings: Settings) -> str | None:
    """The one that the settings name for a tenant."""
    return settings.webhook_urls.get(tenant, settings.webhook_url)
