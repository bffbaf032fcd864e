"""A storyboard that nobody needs any more comes in; it goes, with the jobs that were made for it, and its files."""

from __future__ import annotations

import logging
from typing import Final

from app.errors import JobNotFound, StoreUnavailable, StoryboardNotFound
from app.jobs.storyboards.needs import PICTURES, needs_of, pictures_of
from app.jobs.storyboards.store import STORY
from app.service.ports import Ports
from app.service.removal import clear_retired
from app.service.videos import VideoService
from app.storyboards.pictures import let_go
from app.storyboards.planning import Planning
from app.storyboards.submitting import caller_of, jobs_of
from app.types.storyboard import Storyboard

log = logging.getLogger(__name__)
DELETED: Final = "deleted"


async def forget(story: Storyboard, service: VideoService, planning: Planning) -> None:
    """Of one that has ended. It may be called again after a death in between. Raises StoreUnavailable."""
    ports, caller = service.ports, caller_of(story)
    for job_id in await jobs_of(story, service, planning, former=True):
        try:
            await service.delete(job_id, caller)
        except JobNotFound:
            continue
    try:
        gone = await ports.storyboards.delete(story.id, story.tenant)
    except StoryboardNotFound:  # another was quicker
        gone = story
    try:
        await ports.events.tell_tenant(story.tenant, story.id, STORY, service.now(), {"phase": DELETED})
        await _forget_files(gone, ports)
    except StoreUnavailable as error:  # the record is gone: its files have no owner, and are removed as such
        log.warning("The files of %s are left for later: %s", story.id, error)


async def _forget_files(story: Storyboard, ports: Ports) -> None:
    """Those that no other storyboard and no job needs."""
    await let_go(list(pictures_of(story)), story.id, ports.board, ports.artifacts)
    for origin in needs_of(story):
        if not origin.startswith(PICTURES) and await ports.board.retire(origin, story.id):
            await clear_retired(origin, ports.board, ports.artifacts)
    if await ports.board.retire(story.id, story.id):
        await clear_retired(story.id, ports.board, ports.artifacts)
