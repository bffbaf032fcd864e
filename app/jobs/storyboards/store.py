"""The port to the durable storyboards: records that change only from the version that was read, and who is due."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import ConcurrencyExceeded, Conflict, Moved, StoryboardNotFound
from app.jobs.admission_limits import BUSY_S, IdempotencyKey
from app.types.storyboard import Storyboard

STORY = "story"
"""The kind of the events that tell a tenant of its storyboards: a record has changed, and says how."""
_ID = re.compile(r"story_[0-9A-Za-z]{8,64}")


@dataclass(frozen=True, slots=True)
class StoryPage:
    """Part of a list."""

    stories: tuple[Storyboard, ...]
    has_more: bool


class StoryboardStore(Protocol):
    """Storyboard records. Every method raises StoreUnavailable when the store does not answer in time."""

    async def create(
        self, story: Storyboard, key: IdempotencyKey | None, most_open: int, until: float | None = None
    ) -> Storyboard:
        """Keep a new one; the one on record where the key has been used for the same before.

        It is due at once, or, with `until`, claimed by its maker until then. The very same record again is fine.

        Raises:
            KeyReused: the key stands for another request.
            ConcurrencyExceeded: the tenant has `most_open` that have not ended.
            Conflict: the id is another's; `idempotency_key_spent`: the one that the key stands for is deleted.
            NotReplicated: as wherever jobs are accepted; nothing is kept.
        """
        ...

    async def get(self, story_id: str, tenant: str | None = None) -> Storyboard:
        """The record. Raises StoryboardNotFound, also when `tenant` is given and is not its own."""
        ...

    async def list(self, tenant: str, after: str | None, limit: int, newest_first: bool) -> StoryPage:
        """A page of a tenant's by time of creation, those behind `after`, which may be gone by now.

        Raises StoryboardNotFound for an `after` that never was one of the tenant's.
        """
        ...

    async def replace(self, story: Storyboard, due: float | None = None, promised: bool = False) -> Storyboard:
        """Put it in place of the version that it names; what is on record then: the same with the next version.

        The files that it names are held by it from then on (`app.jobs.storyboards.needs`), those that it does not name
        any more are not. `promised`: a client is told that something will be made; raises NotReplicated, and it may
        have been written, where that cannot be promised (`app.redis.commands`).

        `due`: the claim is given back, and somebody is to look at it by then, or sooner where it was woken since it
        was claimed. None: both as they were, which is what whoever has no claim passes, and wakes it; one that had
        ended and is taken up again is due at once. One that ends is due no more, and is in the outbox while its webhook
        is to be told (`told_at`). Raises Moved (it has another version by now), StoryboardNotFound, IllegalTransition.
        """
        ...

    async def delete(self, story_id: str, tenant: str) -> Storyboard:
        """Remove the record from everywhere and return what it was. Raises StoryboardNotFound."""
        ...

    async def claim(self, now: float, until: float, limit: int) -> Sequence[str]:
        """Those that are due, the longest first; nobody else gets them before `until`."""
        ...

    async def renew(self, story_id: str, fence: int, until: float) -> bool:
        """Claim it for longer; False where it has ended, is gone, or another has taken it up (another fence)."""
        ...

    async def wake(self, story_id: str, at: float) -> None:
        """Have it looked at by `at` at the latest, if it is on record and has not ended; a claim is waited for."""
        ...

    async def expired(self, now: float, limit: int) -> Sequence[Storyboard]:
        """Some of those whose time is over."""
        ...

    async def count_open(self) -> int:
        """How many have not ended."""
        ...


def is_story_id(text: str) -> bool:
    """Whether it may be a storyboard's id."""
    return _ID.fullmatch(text) is not None


def check_story_id(story_id: str) -> str:
    """The id itself. Raises StoryboardNotFound for what cannot be one: it never becomes part of a key or a path."""
    if not isinstance(story_id, str) or not is_story_id(story_id):
        raise StoryboardNotFound("There is no such storyboard.")
    return story_id


async def find_story(stories: StoryboardStore, story_id: str) -> Storyboard | None:
    """The record, if it is there. Raises StoreUnavailable."""
    try:
        return await stories.get(story_id)
    except StoryboardNotFound:
        return None


def no_story(story_id: str) -> StoryboardNotFound:
    """The error for one that is not on record, or is another tenant's."""
    return StoryboardNotFound(f"There is no storyboard {story_id}.")


def moved(story_id: str, revision: int) -> Moved:
    """The error for a change of what is no longer on record; `revision` is that of what is."""
    message = f"{story_id} has changed since it was read, and is at revision {revision} now."
    return Moved(message, "revision", revision=revision)


def spent_key(story_id: str) -> Conflict:
    """The error for a key whose storyboard is deleted: asking again must not make it again."""
    message = f"{story_id}, which this Idempotency-Key made, was deleted."
    return Conflict(message, "Idempotency-Key", "idempotency_key_spent")


def too_many_open(most: int) -> ConcurrencyExceeded:
    """The error for one more than a tenant may have under way."""
    message = f"You have {most} storyboards under way, as many as you may."
    return ConcurrencyExceeded(message, "storyboard_max_open", retry_after_s=BUSY_S)


def told_at(story: Storyboard) -> float | None:
    """From when its webhook may be told of its end, until which it is in the outbox; None: nothing is to be told."""
    webhook, told = story.wish.webhook, story.delivery
    wanted = story.phase.ended and webhook is not None and f"storyboard.{story.phase.value}" in webhook.events
    if not wanted or (told is not None and told.state != "waiting"):
        return None
    return 0.0 if told is None else told.next_at or 0.0
