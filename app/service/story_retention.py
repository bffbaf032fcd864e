"""How long storyboards are kept: records past their time go with their files, and so do files that were replaced."""

from __future__ import annotations

import logging
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.errors import KinorayError, StoryboardNotFound
from app.jobs.board import Board
from app.jobs.events import EventLog
from app.jobs.outbox import Outbox
from app.jobs.storyboards.needs import pictures_of
from app.jobs.storyboards.store import STORY, StoryboardStore, find_story
from app.service.artifact_refs import cached_mark
from app.service.input_image import forget_inputs
from app.service.removal import clear_retired
from app.types import Artifact
from app.types.storyboard import Storyboard

log = logging.getLogger(__name__)

MOST_UNTOLD = 1000  # expired records whose webhook is not yet told and that are passed over in one sweep


class StoryStores(Protocol):
    """The durable ports that this needs."""

    @property
    def storyboards(self) -> StoryboardStore: ...
    @property
    def events(self) -> EventLog: ...
    @property
    def board(self) -> Board: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def artifacts(self) -> ArtifactStore: ...


async def expire_stories(stores: StoryStores, now: float, limit: int) -> int:
    """Remove storyboards past their time with their files, but not before their webhook is told; how many.

    The jobs that made their scenes go at their own time; clips and narrations when nobody needs them (`tidy`). May be
    called again after a death in between. Raises StoreUnavailable only where Redis does.
    """
    untold = min(await stores.outbox.count(), MOST_UNTOLD)
    found = await stores.storyboards.expired(now, limit + untold)
    waiting = await stores.outbox.waiting([story.id for story in found])
    due = [story for story in found if story.id not in waiting][:limit]
    for story in due:
        try:
            gone = await stores.storyboards.delete(story.id, story.tenant)
        except StoryboardNotFound:  # another was quicker
            continue
        await stores.events.forget(story.id)
        await stores.events.tell_tenant(story.tenant, story.id, STORY, now, {"phase": "deleted"})
        try:
            await _forget_files(gone, stores)
        except KinorayError as error:
            log.warning("The files of %s are left for later: %s", story.id, error)
    return len(due)


async def _forget_files(story: Storyboard, stores: StoryStores) -> None:
    """Its pictures and its film, unless others need them; its record held nothing any more when it went."""
    await forget_inputs(pictures_of(story), story.id, stores.board, stores.artifacts)
    if await stores.board.get(cached_mark(story.id)) is None and await stores.board.retire(story.id, story.id):
        await clear_retired(story.id, stores.board, stores.artifacts)


async def remove_stale(story_id: str, stores: StoryStores, grace_s: float, now: float) -> int:
    """Remove what a storyboard no longer names: of a film that was made of it before it was changed; how many files.

    One that is being made is left alone, and so is one whose newest file is younger than the grace.
    """
    story = await find_story(stores.storyboards, story_id)
    if story is None or not story.phase.ended or await _is_needed(story_id, stores):
        return 0
    named = {artifact.key for artifact in story.artifacts.values()}
    stale = {key: size for key, size in (await stores.artifacts.files(story_id)).items() if key not in named}
    written_at = await stores.artifacts.written_at(story_id) if stale else None
    if written_at is None or now - written_at <= grace_s:
        return 0
    for key, size in stale.items():
        await stores.artifacts.delete(Artifact(key, "", size))
    log.info("Removed %d files of %s, which it no longer names", len(stale), story_id)
    return len(stale)


async def _is_needed(story_id: str, stores: StoryStores) -> bool:
    """Whether another storyboard was answered with its film, or one may be."""
    held = await stores.board.holders(story_id)
    return bool(held) or await stores.board.get(cached_mark(story_id)) is not None
