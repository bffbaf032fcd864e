"""Shards in Redis: a lease is a string that expires by the clock of Redis, a term a count that only grows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from app.jobs.redis.scripts import Keys
from app.jobs.shards import Meeting, ShardLease
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word

# KEYS members, the member's own, shard …; ARGV name milliseconds prefix of members
MEET: Final = """
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
local members, held = {}, {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[3] .. name) == 1 then
    members[#members + 1] = name
  else
    redis.call('SREM', KEYS[1], name)
  end
end
for i = 3, #KEYS do held[i - 2] = redis.call('GET', KEYS[i]) or '' end
return {members, held}
"""

# KEYS shard terms; ARGV name of the shard, holder, milliseconds
TAKE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local term = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
redis.call('SET', KEYS[1], term .. ' ' .. ARGV[2], 'PX', ARGV[3])
return term
"""

# KEYS shard …; ARGV milliseconds, 0: give it up; token …
RENEW: Final = """
local held = {}
for i = 1, #KEYS do
  held[i] = 0
  if redis.call('GET', KEYS[i]) == ARGV[i + 1] then
    held[i] = 1
    if ARGV[1] == '0' then redis.call('DEL', KEYS[i]) else redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
  end
end
return held
"""

# Before a script whose last KEY is the shard and whose last ARGV the token: it writes under the lease, or nothing.
GUARD: Final = """
local shard, token = table.remove(KEYS), table.remove(ARGV)
if redis.call('GET', shard) ~= token then return {'deposed'} end
"""

# After GUARD, before a script whose first KEY is a job: KEYS … running shard; ARGV … most|'' token
WITHIN: Final = """
local running, most = table.remove(KEYS), table.remove(ARGV)
if most ~= '' then
  local tenant = redis.call('HGET', KEYS[1], 'tenant')
  if tenant and tonumber(redis.call('HGET', running, tenant) or '0') >= tonumber(most) then return {'tenant_full'} end
end
"""


def shard_key(keys: Keys, shard: str) -> str:
    """STRING: the token of who has it; gone when the lease has run out."""
    return keys.of("shard", shard)


class RedisShards:
    """The Shards port."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)

    async def meet(self, name: str, shards: Collection[str], ttl_s: float) -> Meeting:
        named, keys = list(shards), self._keys
        names = [keys.of("dispatchers"), keys.of("dispatcher", name), *(shard_key(keys, each) for each in named)]
        args: list[Word] = [name, _ms(ttl_s), keys.of("dispatcher", "")]
        members, held = await self._commands.run(MEET, names, args)
        holders = {shard: token.decode().partition(" ")[2] for shard, token in zip(named, held, strict=True) if token}
        return Meeting(sorted(member.decode() for member in members), holders)

    async def take(self, shard: str, holder: str, ttl_s: float) -> ShardLease | None:
        names = [shard_key(self._keys, shard), self._keys.of("shard_terms")]
        term = await self._commands.run_shared(TAKE, names, [shard, holder, _ms(ttl_s)])
        return None if term is None else ShardLease(shard, holder, int(term))

    async def renew(self, leases: Sequence[ShardLease], ttl_s: float) -> Sequence[ShardLease]:
        return await self._each(leases, _ms(ttl_s))

    async def release(self, name: str, leases: Sequence[ShardLease], leaving: bool = False) -> None:
        await self._each(leases, 0)
        if leaving:
            await self._commands.call("DEL", self._keys.of("dispatcher", name))

    async def _each(self, leases: Sequence[ShardLease], milliseconds: int) -> list[ShardLease]:
        if not leases:
            return []
        names = [shard_key(self._keys, lease.shard) for lease in leases]
        held = await self._commands.run(RENEW, names, [milliseconds, *(lease.token for lease in leases)])
        return [lease for lease, holds in zip(leases, held, strict=True) if holds]


def _ms(seconds: float) -> int:
    return max(1, int(1000 * seconds))
