"""A storyboard's record in the hands of the process that has claimed it: read, changed, let go when another has it.

The first write of a claim counts the fence up, as does each assembling. Who finds a fence that it did not write was
thought dead, and another goes on: it lets go. What clients change (a scene, an end) moves the record, not the fence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from app.errors import Moved, StoreUnavailable
from app.jobs.events import EventLog
from app.jobs.storyboards.store import StoryboardStore
from app.storyboards.events import tell
from app.types.storyboard import Storyboard

Change = Callable[[Storyboard], Storyboard | None]
"""What becomes of the newest record; None: nothing, it is not what the change was meant for."""
WRITES: Final = 50  # of one change, where others write all the time


class Superseded(Exception):
    """The storyboard is another by now: it was changed, or has ended."""


class Lost(Exception):
    """Another process has taken it up."""


class Held:
    """The newest that is known of the record. All methods raise StoryboardNotFound, StoreUnavailable and Lost."""

    def __init__(self, story: Storyboard, store: StoryboardStore, events: EventLog, clock: Callable[[], float]) -> None:
        self.story = story
        self.moved = asyncio.Event()  # a client has changed it since that was last cleared
        self._fence = story.fence
        self._taken_up = False
        self._store = store
        self._events = events
        self._clock = clock
        self._writing = asyncio.Lock()

    async def amend(self, change: Change) -> bool:
        """Write what the change makes of the newest record; False where it makes nothing of it."""
        async with self._writing:
            before = self.story.version
            written = await self._written(change)
        if written is not None and before < written.version == self.story.version:  # else who wrote after it tells
            await tell(written, self._events, self._clock())
        return written is not None

    async def _written(self, change: Change) -> Storyboard | None:
        for _ in range(WRITES):
            after = change(self.story)
            if after is None or after == self.story:
                return after
            if not self._taken_up:
                after = replace(after, fence=max(after.fence, self.story.fence + 1))
            try:
                self.story = await self._store.replace(after)
            except Moved:
                await self._read()
                continue
            self._fence, self._taken_up = self.story.fence, True
            return self.story
        raise StoreUnavailable(f"{self.story.id} changes all the time.")

    async def read(self) -> None:
        """See what is on record now."""
        async with self._writing:
            await self._read()

    async def renew(self, until: float) -> None:
        """Hold it for longer, and see whether it has moved."""
        renewed = await self._store.renew(self.story.id, self._fence, until)
        async with self._writing:
            if not renewed or (await self._store.get(self.story.id)).version != self.story.version:
                await self._read()

    async def give_back(self, due: float) -> None:
        """Have it looked at by then, by whoever comes first."""
        async with self._writing:
            for _ in range(WRITES):
                if self.story.phase.ended:
                    return
                try:
                    self.story = await self._store.replace(self.story, due)
                    return
                except Moved:
                    await self._read()

    async def _read(self) -> None:
        before, self.story = self.story, await self._store.get(self.story.id)
        if self.story.fence != self._fence:
            self.moved.set()
            raise Lost
        if self.story.revision != before.revision or self.story.phase.ended:
            self.moved.set()
