"""Storyboards in this process: for tests, tools and simulations, with the same rules as those in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from app.errors import Conflict
from app.jobs.admission_limits import IdempotencyKey, refusal
from app.jobs.store import CURSOR_KEPT_S
from app.jobs.storyboards import states
from app.jobs.storyboards.figures import CREATED, count, figures_of_end
from app.jobs.storyboards.needs import needs_of
from app.jobs.storyboards.store import (
    StoryPage,
    check_story_id,
    moved,
    no_story,
    spent_key,
    told_at,
    too_many_open,
)
from app.telemetry import Meter
from app.types.storyboard import Storyboard


class MemoryStoryboards:
    """The StoryboardStore port.

    `outbox` is that of the jobs, names to the time from which anyone may tell; `holds` those of the board.
    """

    def __init__(
        self,
        outbox: dict[str, float] | None = None,
        holds: dict[str, set[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        meter: Meter | None = None,
    ) -> None:
        self._stories: dict[str, Storyboard] = {}
        self._due: dict[str, float] = {}  # of those that have not ended
        self._held: dict[str, float] = {}  # claimed until then
        self._keys: dict[tuple[str, str], tuple[str, str, float]] = {}  # digest, id, end
        self._gone: dict[str, tuple[float, Storyboard]] = {}  # deleted ones that a page may go on behind, until then
        self._outbox: dict[str, float] = {} if outbox is None else outbox
        self._holds: dict[str, set[str]] = {} if holds is None else holds
        self._clock = clock
        self._meter = meter

    async def create(
        self, story: Storyboard, key: IdempotencyKey | None, most_open: int, until: float | None = None
    ) -> Storyboard:
        kept = self._stories.get(check_story_id(story.id))
        if kept is not None and kept != story:
            raise Conflict(f"{story.id} exists already.")
        if kept is not None:
            return kept
        if key is not None and (first := self._made_with(key, story)) is not None:
            if first not in self._stories:
                raise spent_key(first)
            return self._stories[first]
        if not story.phase.ended:
            mine = sum(each.tenant == story.tenant and not each.phase.ended for each in self._stories.values())
            if mine >= most_open:
                raise too_many_open(most_open)
            self._due[story.id] = 0.0 if until is None else until
            if until is not None:
                self._held[story.id] = until
        if key is not None:
            self._keys[story.tenant, key.value] = (key.digest, story.id, story.created_at + key.ttl_s)
        self._stories[story.id] = story
        self._hold(story.id, (), needs_of(story))
        if (at := told_at(story)) is not None:
            self._outbox[story.id] = at
        await count(CREATED, self._meter)
        return story

    def _made_with(self, key: IdempotencyKey, story: Storyboard) -> str | None:
        """The one that the key has made. Raises KeyReused."""
        self._keys = {name: kept for name, kept in self._keys.items() if kept[2] > story.created_at}
        digest, first, _ = self._keys.get((story.tenant, key.value), ("", None, 0.0))
        if first is not None and digest != key.digest:
            raise refusal("reused")
        return first

    async def get(self, story_id: str, tenant: str | None = None) -> Storyboard:
        story = self._stories.get(check_story_id(story_id))
        if story is None or tenant not in (None, story.tenant):
            raise no_story(story_id)
        return story

    async def list(self, tenant: str, after: str | None, limit: int, newest_first: bool) -> StoryPage:
        mine = sorted((each for each in self._stories.values() if each.tenant == tenant), key=_place)
        if newest_first:
            mine.reverse()
        if after is not None:
            cursor = _place(await self._listed(after, tenant))
            mine = [each for each in mine if (_place(each) < cursor if newest_first else _place(each) > cursor)]
        return StoryPage(tuple(mine[:limit]), len(mine) > limit)

    async def _listed(self, story_id: str, tenant: str) -> Storyboard:
        """One that is, or not long ago was, in the tenant's list. Raises StoryboardNotFound."""
        until, gone = self._gone.get(check_story_id(story_id), (0.0, None))
        if gone is not None and gone.tenant == tenant and until > self._clock():
            return gone
        return await self.get(story_id, tenant)

    async def replace(self, story: Storyboard, due: float | None = None, promised: bool = False) -> Storyboard:
        before = await self.get(story.id)
        if before.version != story.version:
            raise moved(story.id, before.revision)
        states.check(before.phase, story.phase)
        after = states.kept(story)
        self._stories[story.id] = after
        self._hold(story.id, needs_of(before), needs_of(after))
        if after.phase.ended:
            self._due.pop(story.id, None)
            self._held.pop(story.id, None)
            self._tell(after, new=not before.phase.ended)
        elif before.phase.ended:
            self._outbox.pop(story.id, None)
            self._due[story.id] = 0.0 if due is None else due
        elif due is not None:
            woken = self._woken(story.id)
            self._due[story.id] = min(due, self._due[story.id]) if woken else due
            self._held.pop(story.id, None)
        await count(figures_of_end(before.phase, after), self._meter)
        return after

    def _hold(self, story_id: str, before: Sequence[str], after: Sequence[str]) -> None:
        for name in after:
            self._holds.setdefault(name, set()).add(story_id)
        for name in set(before) - set(after):
            self._holds[name].discard(story_id)

    def _tell(self, story: Storyboard, new: bool) -> None:
        at = told_at(story)
        if at is None:
            self._outbox.pop(story.id, None)
        elif new or story.id in self._outbox:
            self._outbox[story.id] = at

    def _woken(self, story_id: str) -> bool:
        """Whether it is to be looked at before its claim runs out."""
        return self._due[story_id] < self._held.get(story_id, 0.0)

    async def delete(self, story_id: str, tenant: str) -> Storyboard:
        story = await self.get(story_id, tenant)
        for kept in (self._stories, self._due, self._held, self._outbox):
            kept.pop(story_id, None)
        self._hold(story_id, needs_of(story), ())
        now = self._clock()
        self._gone = {name: gone for name, gone in self._gone.items() if gone[0] > now}
        self._gone[story_id] = (now + CURSOR_KEPT_S, story)
        return story

    async def claim(self, now: float, until: float, limit: int) -> Sequence[str]:
        free = ((at, each) for each, at in self._due.items() if at <= now and self._held.get(each, now) <= now)
        found = [story_id for _, story_id in sorted(free)[:limit]]
        for story_id in found:
            self._due[story_id] = self._held[story_id] = until
        return found

    async def renew(self, story_id: str, fence: int, until: float) -> bool:
        if check_story_id(story_id) not in self._due or self._stories[story_id].fence != fence:
            return False
        if not self._woken(story_id):
            self._due[story_id] = until
        self._held[story_id] = until
        return True

    async def wake(self, story_id: str, at: float) -> None:
        if check_story_id(story_id) in self._due:
            self._due[story_id] = min(at, self._due[story_id])

    async def expired(self, now: float, limit: int) -> Sequence[Storyboard]:
        gone = [each for each in self._stories.values() if each.phase.ended and each.expires_at is not None]
        over = [each for each in gone if (each.expires_at or 0.0) <= now]
        return sorted(over, key=lambda each: each.expires_at or 0.0)[:limit]

    async def count_open(self) -> int:
        return len(self._due)


def _place(story: Storyboard) -> tuple[float, str]:
    return story.created_at, story.id
