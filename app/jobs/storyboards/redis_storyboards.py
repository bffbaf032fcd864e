"""Storyboards in Redis: the only truth about them, shared by all processes and machines."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import orjson

from app.errors import Conflict, StoreUnavailable
from app.jobs.admission_limits import IdempotencyKey, key_name, refusal
from app.jobs.redis.script_args import flat
from app.jobs.redis.scripts import LIST
from app.jobs.store import CURSOR_KEPT_S
from app.jobs.storyboards import scripts, states
from app.jobs.storyboards.figures import CREATED, count, figures_of_end
from app.jobs.storyboards.needs import needs_of
from app.jobs.storyboards.record import story_from_fields, story_to_fields
from app.jobs.storyboards.scripts import StoryKeys
from app.jobs.storyboards.store import StoryPage, check_story_id, moved, no_story, spent_key, told_at, too_many_open
from app.redis.commands import Commands, not_replicated
from app.redis.connection import Client
from app.redis.replies import Word, mapping
from app.telemetry import Meter
from app.types.storyboard import Storyboard, StoryPhase

log = logging.getLogger(__name__)

BATCH = 50  # records read in one round trip


class RedisStoryboards:
    """The StoryboardStore port."""

    def __init__(self, redis: Client, prefix: str, meter: Meter | None = None) -> None:
        self._commands = Commands(redis)
        self._keys = StoryKeys(prefix)
        self._meter = meter

    async def create(
        self, story: Storyboard, key: IdempotencyKey | None, most_open: int, until: float | None = None
    ) -> Storyboard:
        keys = self._keys
        used = keys.story_open if key is None else keys.story_key(key_name(story.tenant, key.value))
        names = [*self._places(story.id), keys.stories(story.tenant), used]
        args: list[Word] = [story.id, story.tenant, story.created_at, story.phase.value, most_open]
        args += ["" if until is None else until, *_ending(story), "" if key is None else key.digest]
        args += [1 if key is None else max(1, int(1000 * key.ttl_s)), *flat(story_to_fields(story))]
        answer, replicated = await self._commands.run_promised(scripts.CREATE, names, args)
        word = answer[0].decode()
        if not replicated and word in ("ok", "replayed"):
            if word == "ok":
                await self._withdraw(story, used, key is not None)
            raise not_replicated()
        if word == "replayed":
            return await self._former(answer[1].decode(), story.tenant)
        if word == "conflict":
            raise Conflict(f"{story.id} exists already.")
        if word != "ok":
            raise too_many_open(most_open) if word == "busy" else refusal(word)
        if answer[1] == b"new":
            await count(CREATED, self._meter)
        return story

    async def _former(self, story_id: str, tenant: str) -> Storyboard:
        found = await self._read([story_id.encode()])
        if not found or found[0].tenant != tenant:
            raise spent_key(story_id)
        return found[0]

    async def _withdraw(self, story: Storyboard, used: str, keyed: bool) -> None:
        names = [*self._places(story.id), self._keys.stories(story.tenant), self._keys.cursor(story.id), used]
        args: list[Word] = [story.id, story.tenant, int(1000 * CURSOR_KEPT_S), int(keyed)]
        try:
            await self._commands.run(scripts.WITHDRAW, names, args)
        except StoreUnavailable as error:
            log.warning("%s was refused, and may be made all the same: %s", story.id, error)

    async def get(self, story_id: str, tenant: str | None = None) -> Storyboard:
        kept = mapping(await self._commands.call("HGETALL", self._keys.story(check_story_id(story_id))))
        if not kept or tenant not in (None, kept[b"tenant"].decode()):
            raise no_story(story_id)
        return story_from_fields(kept)

    async def list(self, tenant: str, after: str | None, limit: int, newest_first: bool) -> StoryPage:
        cursor = "" if after is None else check_story_id(after)
        keys = [self._keys.stories(tenant), self._keys.cursor(cursor)]
        answer = await self._commands.run(LIST, keys, [cursor, limit, int(newest_first), tenant])
        if answer[0] != b"ok":
            raise no_story(str(after))
        ids = answer[1]
        return StoryPage(tuple(await self._read(ids[:limit])), len(ids) > limit)

    async def replace(self, story: Storyboard, due: float | None = None, promised: bool = False) -> Storyboard:
        after = states.kept(story)
        args: list[Word] = [check_story_id(story.id), story.version, f"|{'|'.join(states.sources(story.phase))}|"]
        args += [story.phase.value, "" if due is None else due, *_ending(after), *flat(story_to_fields(after))]
        names = self._places(story.id)
        if promised:
            answer, replicated = await self._commands.run_promised(scripts.REPLACE, names, args)
        else:  # what was seen once is not to be undone by a failover
            answer, replicated = await self._commands.run_shared(scripts.REPLACE, names, args), True
        word = answer[0]
        if word == b"missing":
            raise no_story(story.id)
        if word == b"moved":
            raise moved(story.id, int(answer[1]))
        if word == b"illegal":
            raise states.illegal(answer[1].decode(), story.phase)
        await count(figures_of_end(StoryPhase(answer[1].decode()), after), self._meter)
        if not replicated:
            raise not_replicated()
        return after

    async def delete(self, story_id: str, tenant: str) -> Storyboard:
        names = [*self._places(story_id), self._keys.stories(tenant), self._keys.cursor(story_id)]
        args: list[Word] = [story_id, tenant, int(1000 * CURSOR_KEPT_S)]
        answer = await self._commands.run_shared(scripts.DELETE, names, args)
        if answer[0] != b"ok":
            raise no_story(story_id)
        return story_from_fields(mapping(answer[1]))

    async def claim(self, now: float, until: float, limit: int) -> Sequence[str]:
        keys = [self._keys.story_due, self._keys.story_claims]
        return [each.decode() for each in await self._commands.run(scripts.CLAIM, keys, [now, until, limit])]

    async def renew(self, story_id: str, fence: int, until: float) -> bool:
        keys = [self._keys.story(check_story_id(story_id)), self._keys.story_due, self._keys.story_claims]
        return bool(await self._commands.run(scripts.RENEW, keys, [story_id, fence, until]))

    async def wake(self, story_id: str, at: float) -> None:
        await self._commands.call("ZADD", self._keys.story_due, "XX", "LT", at, check_story_id(story_id))

    async def expired(self, now: float, limit: int) -> Sequence[Storyboard]:
        ids = await self._commands.call("ZRANGEBYSCORE", self._keys.story_ended, "-inf", now, "LIMIT", 0, limit)
        return await self._read(ids)

    async def count_open(self) -> int:
        return int(await self._commands.call("ZCARD", self._keys.story_due))

    def _places(self, story_id: str) -> Sequence[str]:
        """The keys that every write is given, in order; of the last, a script adds a name."""
        keys = self._keys
        places = [keys.story(check_story_id(story_id)), keys.story_due, keys.story_claims, keys.story_ended]
        return [*places, keys.story_open, keys.outbox, keys.holds("")]

    async def _read(self, ids: Sequence[bytes]) -> Sequence[Storyboard]:
        """The records that are still there, in order; one that cannot be read does not hold up the others."""
        found = []
        for start in range(0, len(ids), BATCH):
            reads = [("HGETALL", self._keys.story(each.decode())) for each in ids[start : start + BATCH]]
            for story_id, kept in zip(ids[start:], await self._commands.all(reads), strict=False):
                try:
                    found.extend([story_from_fields(mapping(kept))] if kept else [])
                except StoreUnavailable as error:
                    log.error("Passed over %s: %s", story_id.decode(), error)
        return found


def _ending(story: Storyboard) -> tuple[Word, Word, Word]:
    """When it expires, from when its end may be told, and what it needs."""
    expires = story.expires_at if story.phase.ended and story.expires_at is not None else ""
    at = told_at(story)
    return expires, "" if at is None else at, orjson.dumps(needs_of(story))
