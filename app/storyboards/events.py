"""What happens to a storyboard is told in its tenant's log, beside the events of the jobs that make its scenes."""

from __future__ import annotations

import logging

from app.errors import StoreUnavailable
from app.jobs.events import EventLog
from app.jobs.storyboards.store import STORY
from app.types.storyboard import Storyboard

log = logging.getLogger(__name__)


async def tell(story: Storyboard, events: EventLog, now: float) -> None:
    """Its record has been written; who follows it reads it again. One whom nobody hears does not fail for it."""
    try:
        await events.tell_tenant(story.tenant, story.id, STORY, now, {"phase": story.phase.value})
    except StoreUnavailable as error:
        log.info("Nobody heard of a change of %s: %s", story.id, error)
