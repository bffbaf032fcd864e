"""Favourites and tags in Redis: fields of the job's record, and beside it the lists that they are found by."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from app.errors import JobNotFound
from app.jobs.marks import MOST_TAGS_OF_TENANT, Among, too_many_tags
from app.jobs.record import check_id
from app.jobs.redis.places import mark_keys
from app.jobs.redis.scripts import TAGGED, Keys
from app.redis.commands import Commands
from app.redis.replies import Reply, mapping

# KEYS job tags favourites tagged:; ARGV id tenant favourite|'' tags|'' most rating|''
MARK: Final = (
    TAGGED
    + """
local kept = redis.call('HMGET', KEYS[1], 'tenant', 'created_at', 'tags')
if kept[1] ~= ARGV[2] then return {'missing'} end
if ARGV[4] ~= '' then
  local has, wants, room = {}, {}, tonumber(ARGV[5]) - redis.call('HLEN', KEYS[2])
  local now = cjson.decode(ARGV[4])
  for _, tag in ipairs(now) do wants[tag] = true end
  for _, tag in ipairs(cjson.decode(kept[3] or '[]')) do
    has[tag] = true
    if not wants[tag] and redis.call('HGET', KEYS[2], tag) == '1' then room = room + 1 end
  end
  local grows = false
  for _, tag in ipairs(now) do
    if not has[tag] and redis.call('HEXISTS', KEYS[2], tag) == 0 then room, grows = room - 1, true end
  end
  if grows and room < 0 then return {'many'} end
  for tag in pairs(has) do
    if not wants[tag] then untag(KEYS[4], KEYS[2], ARGV[2], tag, ARGV[1]) end
  end
  for tag in pairs(wants) do
    if not has[tag] then
      redis.call('ZADD', tagged(KEYS[4], ARGV[2], tag), kept[2], ARGV[1])
      redis.call('HINCRBY', KEYS[2], tag, 1)
    end
  end
  redis.call('HSET', KEYS[1], 'tags', ARGV[4])
end
if ARGV[3] == 'true' then redis.call('ZADD', KEYS[3], kept[2], ARGV[1]) end
if ARGV[3] == 'false' then redis.call('ZREM', KEYS[3], ARGV[1]) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'favourite', ARGV[3]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'rating', ARGV[6]) end
return {'ok', redis.call('HGETALL', KEYS[1])}
"""
)

# KEYS job|'' cursor place list …; ARGV after|'' limit newest(1|0) tenant
# Where `after` stood is known by when it was created, also where it has left the list or is gone since.
MARKED: Final = """
local newest, start, list = ARGV[3] == '1', 0, KEYS[4]
if #KEYS > 4 then
  local args = {unpack(KEYS, 4)}
  args[#args + 1] = 'AGGREGATE'
  args[#args + 1] = 'MIN'
  redis.call('ZINTERSTORE', KEYS[3], #KEYS - 3, unpack(args))
  list = KEYS[3]
end
local at
if ARGV[1] ~= '' then
  local kept = redis.call('HMGET', KEYS[1], 'tenant', 'created_at')
  if kept[1] == ARGV[4] then at = kept[2] end
  if not at then
    local was, whose = string.match(redis.call('GET', KEYS[2]) or '', '^(%S+) (.*)$')
    if whose == ARGV[4] then at = was end
  end
  if not at then return {'missing'} end
  local rank = newest and 'ZREVRANK' or 'ZRANK'
  local place = redis.call(rank, list, ARGV[1])
  if place then
    start = place + 1
  else
    redis.call('ZADD', list, at, ARGV[1])
    start = redis.call(rank, list, ARGV[1])
    redis.call('ZREM', list, ARGV[1])
  end
end
local found = redis.call(newest and 'ZREVRANGE' or 'ZRANGE', list, start, start + ARGV[2])
if #KEYS > 4 then redis.call('DEL', KEYS[3]) end
return {'ok', found}
"""


class RedisMarks:
    """What RedisJobs asks: ids and records' fields, not yet read."""

    def __init__(self, commands: Commands, keys: Keys) -> None:
        self._commands, self._keys = commands, keys

    async def mark(
        self, job_id: str, tenant: str, favourite: bool | None, tags: Sequence[str] | None, rating: int | None
    ) -> Mapping[bytes, bytes]:
        """The fields of the job's record as they are then. Raises JobNotFound, Conflict."""
        keys = [self._keys.job(check_id(job_id)), *mark_keys(self._keys, tenant)]
        said = "" if favourite is None else "true" if favourite else "false"
        told = b"" if tags is None else orjson.dumps(list(tags))
        answer = await self._commands.run(MARK, keys, [job_id, tenant, said, told, MOST_TAGS_OF_TENANT, rating or ""])
        if answer[0] == b"many":
            raise too_many_tags()
        if answer[0] != b"ok":
            raise JobNotFound(f"There is no video {job_id}.")
        return mapping(answer[1])

    async def ids(
        self, tenant: str, among: Among, after: str | None, limit: int, newest_first: bool
    ) -> Sequence[bytes]:
        """Up to one more than `limit`. Raises JobNotFound."""
        cursor = "" if after is None else check_id(after)
        names = [_tagged(self._keys, tenant, tag) for tag in among.tags]
        names += [self._keys.favourites(tenant)] if among.favourite else []
        aside = self._keys.of("marked", uuid.uuid4().hex)
        keys = [self._keys.job(cursor), self._keys.cursor(cursor), aside, *names]
        answer: Reply = await self._commands.run(MARKED, keys, [cursor, limit, int(newest_first), tenant])
        if answer[0] != b"ok":
            raise JobNotFound(f"There is no video {after}.")
        found: Sequence[bytes] = answer[1]
        return found

    async def tags(self, tenant: str) -> Mapping[str, int]:
        """How many videos have each tag."""
        kept = mapping(await self._commands.call("HGETALL", self._keys.tags(tenant)))
        return {tag.decode(): int(count) for tag, count in kept.items()}


def _tagged(keys: Keys, tenant: str, tag: str) -> str:
    name = hashlib.sha1(f"{tenant}\n{tag}".encode(), usedforsecurity=False).hexdigest()
    return keys.of("tagged", name)
