"""The port to the durable storyboards: records that change only from the version that was read, and who is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.jobs.admission_limits import IdempotencyKey
from app.types.storyboard import Storyboard


@dataclass(frozen=True, slots=True)
class StoryPage:
    """Part of a list."""

    stories: tuple[Storyboard, ...]
    has_more: bool


class StoryboardStore(Protocol):
    """Storyboard records. Every method raises StoreUnavailable when the store does not answer in time."""

    async def create(self, story: Storyboard, key: IdempotencyKey | None, most_open: int) -> Storyboard:
        """Keep a new one, due at once; the one on record where the key has been used for the same before.

        The very same record again is fine. Raises KeyReused (the key stands for another request), and
        ConcurrencyExceeded where the tenant has `most_open` that have not ended.
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

    async def replace(self, story: Storyboard, due: float | None = None) -> Storyboard:
        """Put it in place of the version that it names; what is on record then: the same with the next version.

        `due`: when somebody is to look at it next; None: as it was. One that has ended is due no more, and enters the
        outbox where it has a webhook. Raises Moved (it has another version by now), StoryboardNotFound,
        IllegalTransition.
        """
        ...

    async def delete(self, story_id: str, tenant: str) -> Storyboard:
        """Remove the record from everywhere and return what it was. Raises StoryboardNotFound."""
        ...

    async def claim(self, now: float, until: float, limit: int) -> Sequence[str]:
        """Those that are due, the longest first; nobody else gets them before `until`."""
        ...

    async def wake(self, story_id: str, at: float) -> None:
        """Have it looked at by `at` at the latest, if it is on record and has not ended."""
        ...

    async def expired(self, now: float, limit: int) -> Sequence[Storyboard]:
        """Some of those whose time is over."""
        ...

    async def count_open(self) -> int:
        """How many have not ended."""
        ...
