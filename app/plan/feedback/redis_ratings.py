"""Ratings in Redis: a sorted set for each place and tenant, by time, trimmed by every write and gone when it is old."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Final

import orjson

from app.plan.feedback.feedback import PER_TENANT, PER_USER, REASONS, SCORES, Fading, Leaning, Place, Rating
from app.plan.feedback.ratings import Scope, tabled
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word, scored

BATCH: Final = 200  # sets read in one round trip
_FIELDS: Final = frozenset(field.name for field in fields(Rating))

# KEYS place index; ARGV at member 'user|video|' 'user|' per_user per_tenant horizon_s index_member
# What `app.plan.feedback.feedback.remembered` says, in one step.
_ADD = """
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(member, 1, #ARGV[3]) == ARGV[3] then redis.call('ZREM', KEYS[1], member) end
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[7])
local mine = 0
for _, member in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  if string.sub(member, 1, #ARGV[4]) == ARGV[4] then
    mine = mine + 1
    if mine > tonumber(ARGV[5]) then redis.call('ZREM', KEYS[1], member) end
  end
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[6])
redis.call('PEXPIRE', KEYS[1], math.ceil(1000 * ARGV[7]))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[1] + ARGV[7], ARGV[8])
"""


class RedisRatings:
    """The Ratings port. A tenant holds at most 64 ratings in a place, and a model has 20 places."""

    def __init__(
        self, redis: Client, prefix: str, fading: Fading | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._commands = Commands(redis)
        self._base = f"{{{prefix}}}:ratings"
        self._fading = fading or Fading()
        self._clock = clock

    async def add(self, rating: Rating) -> None:
        horizon_s = self._fading.horizon_s
        note = ("SET", self._note(rating.video_id), orjson.dumps(rating), "PX", max(1, int(1000 * horizon_s)))
        await self._commands.call(*note)
        if not rating.counted:
            await self._commands.confirm()
            return
        user, mine = f"{rating.user}|", f"{rating.user}|{rating.video_id}|"
        member = f"{mine}{rating.score}|{','.join(rating.reasons)}"
        index = orjson.dumps([*rating.place, rating.tenant])
        args: list[Word] = [repr(rating.at), member, mine, user, PER_USER, PER_TENANT, repr(horizon_s), index]
        await self._commands.run(_ADD, [self._key(rating.place, rating.tenant), self._index], args)
        await self._commands.confirm()

    async def rated(self, video_id: str) -> Rating | None:
        kept = await self._commands.call("GET", self._note(video_id))
        if kept is None:
            return None
        told = {name: value for name, value in orjson.loads(kept).items() if name in _FIELDS}  # not a newer version's
        return Rating(**told | {"place": tuple(told["place"]), "reasons": tuple(told["reasons"])})

    async def table(self) -> tuple[Leaning, ...]:
        rows = await self._rows()
        found: list[Rating] = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            reads = [("ZRANGE", self._key(place, tenant), 0, -1, "WITHSCORES") for place, tenant in part]
            for (place, tenant), kept in zip(part, await self._commands.all(reads), strict=True):
                found.extend(_ratings(place, tenant, kept))
        return tabled(found, self._clock(), self._fading)

    async def leanings(self) -> Mapping[Place, float]:
        return {each.place: each.factor for each in await self.table()}

    async def reset(self, scope: Scope) -> int:
        rows = [(place, tenant) for place, tenant in await self._rows() if scope.covers(place, tenant)]
        count = 0
        for place, tenant in rows:
            key, index = self._key(place, tenant), orjson.dumps([*place, tenant])
            commands = [("ZCARD", key), ("DEL", key), ("ZREM", self._index, index)]
            count += int((await self._commands.all(commands, atomic=True))[0])
        return count

    async def _rows(self) -> list[tuple[Place, str]]:
        """The places and tenants that have ratings."""
        told = [orjson.loads(row) for row in await self._commands.call("ZRANGE", self._index, 0, -1)]
        return [((model, tier, complexity), tenant) for model, tier, complexity, tenant in told]

    @property
    def _index(self) -> str:
        return f"{self._base}!places"

    def _key(self, place: Place, tenant: str) -> str:
        return ":".join((self._base, *place, tenant))

    def _note(self, video_id: str) -> str:
        return f"{self._base}!of:{video_id}"


def _ratings(place: Place, tenant: str, kept: object) -> Iterator[Rating]:
    """What a set of ratings says; unknown words are left out."""
    for member, at in scored(kept):
        user, video_id, score, reasons = member.decode().split("|")
        known = tuple(reason for reason in reasons.split(",") if reason in REASONS)
        if score.isdigit() and int(score) in SCORES:
            yield Rating(video_id, tenant, user, place, int(score), known, at)
