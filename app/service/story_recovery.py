"""After a restore: a backup's storyboards come in; each goes on, stands as it is, or is lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.errors import StoryboardNotFound
from app.jobs.board import Board
from app.jobs.storyboards.store import StoryboardStore, find_story, is_story_id
from app.service.artifact_refs import readable
from app.service.recovery import lost_mark
from app.types.storyboard import StoryPhase

FILM_GONE = "it was completed before the backup, and its film is no longer stored: a change of a scene makes it anew"
UNKNOWN = "it was accepted after the backup"


class RecoveringStories(Protocol):
    """The stores that this reads and writes."""

    @property
    def storyboards(self) -> StoryboardStore: ...
    @property
    def artifacts(self) -> ArtifactStore: ...


@dataclass(frozen=True, slots=True)
class StoryRecovery:
    """What became of storyboards. `waiting`: those of the backup that go on; `lost`: ids to why."""

    waiting: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)


async def recover_stories(
    kept: Collection[str], held: Collection[str], stores: RecoveringStories, now: float, look: bool
) -> StoryRecovery:
    """Have every storyboard of a backup, `kept`, that has not ended looked at; their jobs are seen to by `recover`.

    `held`: those that were on record before the backup took their place; with `look`, films are looked for in the
    artifact store. It may be called again. Raises StoreUnavailable.
    """
    waiting: list[str] = []
    lost = dict.fromkeys(sorted(set(held) - set(kept)), UNKNOWN)
    for story_id in sorted(kept):
        story = await find_story(stores.storyboards, story_id)
        if story is None:  # its time was over
            continue
        if not story.phase.ended:
            await stores.storyboards.wake(story_id, now)
            waiting.append(story_id)
        elif look and story.phase is StoryPhase.COMPLETED and not await readable(story.artifacts, stores.artifacts):
            lost[story_id] = FILM_GONE
    return StoryRecovery(tuple(waiting), lost)


async def lost_story_or(error: StoryboardNotFound, story_id: str, board: Board) -> StoryboardNotFound:
    """What to say of one that is not on record: that a restore has lost it, else `error`. Raises StoreUnavailable."""
    note = await board.get(lost_mark(story_id)) if is_story_id(story_id) else None
    if note is None:
        return error
    message = f"{story_id} was lost when a backup was restored: {note.get('why')}. Ask again."
    return StoryboardNotFound(message, code="storyboard_lost")
