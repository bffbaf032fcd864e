"""Flights in Redis: each step of a flight is one script, so that no death in between loses or doubles a job."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import Conflict
from app.jobs.admission_limits import UNLIMITED, AdmissionLimits
from app.jobs.changes import Change
from app.jobs.flights import MOST_FOLLOWERS, Claim, Role, makes_way, pays, rank, too_many
from app.jobs.record import check_id, job_from_fields, job_to_fields
from app.jobs.redis.places import change_keys
from app.jobs.redis.quota_scripts import QUOTAS
from app.jobs.redis.script_args import change_args, flat
from app.jobs.redis.scripts import ADMISSION, CHANGE, WAKE, Keys
from app.jobs.redis.waits import admission_args, admission_keys, refused
from app.jobs.redis.withdrawal import let_in
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word, mapping
from app.types import Job

FOLLOWED = 500  # flights looked at in one sweep, drawn at random

# KEYS job line tenant wake flight followers followed due unresolved leader, then those of ADMISSION
# ARGV id digest role leader|'' created_at rank deadline|'' most leader_rank leader_deadline|'',
#      the twelve of ADMISSION, field value …
ENTER = (
    WAKE
    + ADMISSION
    + """
local id, digest, role, leader = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', KEYS[1]) == 1 then
  for i = 23, #ARGV, 2 do
    if ARGV[i] == 'record' then
      return redis.call('HGET', KEYS[1], 'record') == ARGV[i + 1] and {'ok'} or {'conflict'}
    end
  end
end
local why = refused(11, 11, true)
if why then return why end
if (redis.call('GET', KEYS[5]) or '') ~= leader then return {'moved'} end
local function aside(who, place, deadline)
  redis.call('ZADD', KEYS[6], place, who)
  redis.call('SADD', KEYS[7], digest)
  if deadline ~= '' then redis.call('ZADD', KEYS[8], deadline, who) end
end
if role == 'take_over' then
  if redis.call('ZREM', KEYS[2], leader) == 0 then return {'moved'} end
  redis.call('HINCRBY', KEYS[10], 'fence', 1)
  aside(leader, ARGV[9], ARGV[10])
elseif role == 'follow' then
  if redis.call('ZCARD', KEYS[6]) >= tonumber(ARGV[8]) then return {'followed'} end
  aside(id, ARGV[6], ARGV[7])
  redis.call('PERSIST', KEYS[5])
  local phase = redis.call('HGET', KEYS[10], 'phase')
  if not phase or phase == 'completed' or phase == 'failed' then
    redis.call('ZADD', KEYS[9], 0, digest)
    wake(KEYS[4])
  end
end
admitted(11, 11, true, role ~= 'take_over')
redis.call('HSET', KEYS[1], 'flight', digest, unpack(ARGV, 23))
count_open(KEYS[12], KEYS[16], KEYS[1], ARGV[11], 1)
redis.call('ZADD', KEYS[3], ARGV[5], id)
if role ~= 'follow' then
  redis.call('SET', KEYS[5], id)
  redis.call('ZADD', KEYS[2], ARGV[5], id)
  wake(KEYS[4])
end
return {'ok'}
"""
)

# As CHANGE, of a follower; then KEYS followers due
ANSWER = (
    """
redis.call('ZREM', KEYS[18], ARGV[1])
if redis.call('ZREM', KEYS[17], ARGV[1]) == 0 then return {'missing'} end
redis.call('HDEL', KEYS[1], 'flight')
"""
    + CHANGE
)

# KEYS job line wake flight followers followed due unresolved quotas spent:; ARGV id digest leader|''
PROMOTE = (
    WAKE
    + QUOTAS
    + """
if (redis.call('GET', KEYS[4]) or '') ~= ARGV[3] then return 'moved' end
if redis.call('ZREM', KEYS[5], ARGV[1]) == 0 then return 'moved' end
redis.call('ZREM', KEYS[7], ARGV[1])
if redis.call('EXISTS', KEYS[5]) == 0 then redis.call('SREM', KEYS[6], ARGV[2]) end
local kept = redis.call('HMGET', KEYS[1], 'phase', 'created_at', 'tenant')
if kept[1] ~= 'queued' then return 'moved' end
pay(KEYS[1], KEYS[9], KEYS[10] .. kept[3])
redis.call('SET', KEYS[4], ARGV[1])
redis.call('ZADD', KEYS[2], kept[2], ARGV[1])
redis.call('ZREM', KEYS[8], ARGV[2])
wake(KEYS[3])
return 'ok'
"""
)

# KEYS job line wake flight followers due leader; ARGV id leader leader_rank leader_deadline|''
RESEAT = (
    WAKE
    + """
if (redis.call('GET', KEYS[4]) or '') ~= ARGV[2] then return 'moved' end
if not redis.call('ZSCORE', KEYS[5], ARGV[1]) then return 'moved' end
local kept = redis.call('HMGET', KEYS[1], 'phase', 'created_at')
if kept[1] ~= 'queued' or redis.call('ZREM', KEYS[2], ARGV[2]) == 0 then return 'moved' end
redis.call('HINCRBY', KEYS[7], 'fence', 1)
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZADD', KEYS[5], ARGV[3], ARGV[2])
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[6], ARGV[4], ARGV[2]) end
redis.call('SET', KEYS[4], ARGV[1])
redis.call('ZADD', KEYS[2], kept[2], ARGV[1])
wake(KEYS[3])
return 'ok'
"""
)

# KEYS flight followers followed unresolved leader|followed follower …; ARGV digest leader|'' keep_ms follower …
PARK = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[2] then return 'moved' end
for i = 4, #ARGV do
  if redis.call('HGET', KEYS[i + 2], 'phase') ~= 'queued' then redis.call('ZREM', KEYS[2], ARGV[i]) end
end
local phase = ARGV[2] ~= '' and redis.call('HGET', KEYS[5], 'phase')
local ended = not phase or phase == 'completed' or phase == 'failed'
local left = redis.call('ZCARD', KEYS[2])
if ended and left > 0 then return 'moved' end
redis.call('ZREM', KEYS[4], ARGV[1])
if left == 0 then redis.call('SREM', KEYS[3], ARGV[1]) end
if phase == 'completed' and tonumber(ARGV[3]) > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
elseif ended then
  redis.call('DEL', KEYS[1])
end
return 'ok'
"""


class RedisFlights:
    """The Flights port."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)

    async def leader(self, digest: str) -> str | None:
        found = await self._commands.call("GET", self._keys.flight(digest))
        return None if found is None else str(found.decode())

    async def followers(self, digest: str, limit: int) -> Sequence[str]:
        found = await self._commands.call("ZRANGE", self._keys.followers(digest), 0, limit - 1)
        return [job_id.decode() for job_id in found]

    async def enter(
        self, job: Job, digest: str, role: Role, claim: Claim | None, limits: AdmissionLimits = UNLIMITED
    ) -> bool:
        keys, leader = self._keys, claim.leader if claim else None
        leader_id = claim.leader_id if claim else ""
        names = [
            *(keys.job(check_id(job.id)), keys.line, keys.tenant(job.tenant), keys.wake),
            *self._flight(digest),
            *(keys.due, keys.unresolved, keys.job(check_id(leader_id or job.id))),
            *admission_keys(keys, job, limits),
        ]
        args = [
            *(job.id, digest, role.value, leader_id, job.created_at, rank(job), _due(job), MOST_FOLLOWERS),
            *((rank(leader), _due(leader)) if leader else (0, "")),
            *admission_args(job, limits, pays(role)),
            *flat(job_to_fields(job)),
        ]
        answer = await let_in(self._commands, keys, ENTER, names, args, job, limits)
        if answer[0] == b"conflict":
            raise Conflict(f"{job.id} exists already.")
        if answer[0] == b"followed":
            raise too_many()
        if answer[0] not in (b"ok", b"moved"):
            raise refused(answer, job, limits)
        return bool(answer[0] == b"ok")

    async def answer(self, digest: str, job_id: str, change: Change) -> Job | None:
        keys = self._keys
        names = [*change_keys(keys, job_id), keys.followers(digest), keys.due]
        answer = await self._commands.run_shared(ANSWER, names, change_args(job_id, change))
        return job_from_fields(mapping(answer[1])) if answer[0] == b"ok" else None

    async def promote(self, digest: str, leader_id: str | None, job_id: str) -> bool:
        keys = self._keys
        names = [keys.job(check_id(job_id)), keys.line, keys.wake, *self._flight(digest), keys.due, keys.unresolved]
        names += [keys.quotas, keys.spent("")]
        return bool(await self._commands.run(PROMOTE, names, [job_id, digest, leader_id or ""]) == b"ok")

    async def reseat(self, job: Job) -> str | None:
        keys = self._keys
        found = await self._commands.call("HGET", keys.job(check_id(job.id)), "flight")
        digest = "" if found is None else found.decode()
        if not digest:
            return None
        await self._commands.call("ZADD", keys.followers(digest), "XX", rank(job), job.id)
        leader = await self._read(await self.leader(digest))
        first = await self._read(next(iter(await self.followers(digest, 1)), None))
        if leader is None or first is None or not makes_way(leader, first):
            return None
        names = [keys.job(first.id), keys.line, keys.wake, *self._flight(digest)[:2], keys.due, keys.job(leader.id)]
        args: list[Word] = [first.id, leader.id, rank(leader), _due(leader)]
        return first.id if await self._commands.run_shared(RESEAT, names, args) == b"ok" else None

    async def _read(self, job_id: str | None) -> Job | None:
        kept = mapping(await self._commands.call("HGETALL", self._keys.job(job_id))) if job_id else {}
        return job_from_fields(kept) if kept else None

    async def park(self, digest: str, leader_id: str | None, followers: Sequence[str], keep_s: float) -> bool:
        keys = self._keys
        leader = keys.job(check_id(leader_id)) if leader_id else keys.followed
        names = [*self._flight(digest), keys.unresolved, leader, *(keys.job(check_id(each)) for each in followers)]
        args: list[Word] = [digest, leader_id or "", int(1000 * keep_s), *followers]
        return bool(await self._commands.run(PARK, names, args) == b"ok")

    async def unresolved(self, now: float, limit: int) -> Sequence[str]:
        return await self._until(self._keys.unresolved, now, limit)

    async def followed(self) -> Sequence[str]:
        found = await self._commands.call("SRANDMEMBER", self._keys.followed, FOLLOWED)
        return [digest.decode() for digest in found]

    async def late(self, now: float, limit: int) -> Sequence[str]:
        return await self._until(self._keys.due, now, limit)

    async def excuse(self, job_id: str) -> None:
        await self._commands.call("ZREM", self._keys.due, job_id)

    async def _until(self, key: str, now: float, limit: int) -> Sequence[str]:
        found: Sequence[bytes] = await self._commands.call("ZRANGEBYSCORE", key, "-inf", now, "LIMIT", 0, limit)
        return [member.decode() for member in found]

    def _flight(self, digest: str) -> tuple[str, str, str]:
        return self._keys.flight(digest), self._keys.followers(digest), self._keys.followed


def _due(job: Job) -> float | str:
    return "" if job.deadline is None else job.deadline
