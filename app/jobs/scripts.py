"""The Lua scripts that make each write to a job atomic inside Redis, and the names of the keys they touch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix; the braces keep them on one node of a Redis cluster."""

    prefix: str

    def of(self, *parts: str) -> str:
        return ":".join((f"{{{self.prefix}}}", *parts))

    def job(self, job_id: str) -> str:
        """HASH: the record as created, and what has changed since, field by field."""
        return self.of("job", job_id)

    def checkpoint(self, job_id: str) -> str:
        """STRING: the newest checkpoint of a running job."""
        return self.of("checkpoint", job_id)

    def tenant(self, tenant: str) -> str:
        """ZSET of job ids by time of creation."""
        return self.of("tenant", tenant)

    def flight(self, digest: str) -> str:
        """STRING: the id of the job that makes what a digest names, until its followers are settled."""
        return self.of("flight", digest)

    def followers(self, digest: str) -> str:
        """ZSET of the ids of jobs that wait for what another makes, the most urgent first."""
        return self.of("followers", digest)

    @property
    def line(self) -> str:
        """ZSET of waiting job ids by time of creation."""
        return self.of("line")

    @property
    def leases(self) -> str:
        """ZSET of running job ids by end of lease."""
        return self.of("leases")

    @property
    def ended(self) -> str:
        """ZSET of ended job ids by expiry."""
        return self.of("ended")

    @property
    def wake(self) -> str:
        """LIST that holds one element while the dispatcher has something to decide."""
        return self.of("wake")

    @property
    def unsettled(self) -> str:
        """ZSET of digests of which a job has ended, by the time from which anyone may settle the flight."""
        return self.of("unsettled")

    @property
    def outbox(self) -> str:
        """ZSET of ended jobs whose webhooks are to be told, by the time from which anyone may try."""
        return self.of("outbox")

    @property
    def followed(self) -> str:
        """SET of digests that have followers."""
        return self.of("followed")

    @property
    def due(self) -> str:
        """ZSET of followers by deadline."""
        return self.of("due")


WAKE = """
local function wake(key)
  redis.call('DEL', key)
  redis.call('RPUSH', key, '1')
end
"""

TELL = """
local function tell(job, outbox, id, phase)
  local wanted = redis.call('HGET', job, 'webhook')
  if wanted and string.find(wanted, '|' .. phase .. '|', 1, true) then redis.call('ZADD', outbox, 0, id) end
end
"""

# KEYS job line tenant ended wake outbox; ARGV id phase created_at expires_at|'' field value …
CREATE = (
    WAKE
    + TELL
    + """
if redis.call('EXISTS', KEYS[1]) == 1 then
  for i = 5, #ARGV, 2 do
    if ARGV[i] == 'record' then return redis.call('HGET', KEYS[1], 'record') == ARGV[i + 1] and 'ok' or 'conflict' end
  end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
if ARGV[2] == 'queued' then redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1]) end
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1]) end
tell(KEYS[1], KEYS[6], ARGV[1], ARGV[2])
wake(KEYS[5])
return 'ok'
"""
)

# KEYS job line leases ended wake checkpoint unsettled outbox
# ARGV id tenant|'' fence|'' '|legal|sources|' phase|'' step fence+ attempts+
#      holder|'' until|'' expires_at|'' wakes settle_at field value …
CHANGE = (
    WAKE
    + TELL
    + """
local id, phase = ARGV[1], ARGV[5]
local kept = redis.call('HMGET', KEYS[1], 'tenant', 'fence', 'phase', 'step', 'created_at')
if not kept[1] or (ARGV[2] ~= '' and kept[1] ~= ARGV[2]) then return {'missing'} end
if ARGV[3] ~= '' and kept[2] ~= ARGV[3] then return {'lost'} end
if not string.find(ARGV[4], '|' .. kept[3] .. '|', 1, true) then return {'illegal', kept[3]} end
if ARGV[9] ~= '' and not redis.call('ZSCORE', KEYS[2], id) then return {'illegal', 'not in the line'} end
if tonumber(ARGV[6]) > tonumber(kept[4]) then redis.call('HSET', KEYS[1], 'step', ARGV[6]) end
if #ARGV > 13 then redis.call('HSET', KEYS[1], unpack(ARGV, 14)) end
redis.call('HINCRBY', KEYS[1], 'fence', ARGV[7])
redis.call('HINCRBY', KEYS[1], 'attempts', ARGV[8])
if phase ~= '' then redis.call('HSET', KEYS[1], 'phase', phase) end
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[1], 'holder', ARGV[9])
  redis.call('ZADD', KEYS[3], ARGV[10], id)
  redis.call('ZREM', KEYS[2], id)
elseif phase == 'queued' then
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZADD', KEYS[2], kept[5], id)
elseif phase == 'completed' or phase == 'failed' then
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('DEL', KEYS[6])
  redis.call('ZADD', KEYS[4], ARGV[11], id)
  tell(KEYS[1], KEYS[8], id, phase)
  local digest = redis.call('HGET', KEYS[1], 'flight')
  if digest then redis.call('ZADD', KEYS[7], ARGV[13], digest) end
end
if ARGV[12] == '1' then wake(KEYS[5]) end
return {'ok', redis.call('HGETALL', KEYS[1])}
"""
)

# KEYS job line leases ended wake checkpoint unsettled outbox tenant; ARGV id tenant
DELETE = (
    WAKE
    + """
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[2] then return {'missing'} end
local kept = redis.call('HGETALL', KEYS[1])
local digest = redis.call('HGET', KEYS[1], 'flight')
redis.call('DEL', KEYS[1], KEYS[6])
if digest then redis.call('ZADD', KEYS[7], 0, digest) end
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[4], KEYS[8], KEYS[9]}) do redis.call('ZREM', key, ARGV[1]) end
wake(KEYS[5])
return {'ok', kept}
"""
)

# KEYS leases job …; ARGV until id fence id fence …
RENEW = """
local lost = {}
for i = 2, #KEYS do
  local id, fence = ARGV[2 * i - 2], ARGV[2 * i - 1]
  if redis.call('HGET', KEYS[i], 'fence') ~= fence then
    lost[#lost + 1] = id
  else
    redis.call('ZADD', KEYS[1], 'XX', ARGV[1], id)
  end
end
return lost
"""

# KEYS job checkpoint; ARGV fence milliseconds data
KEEP = """
local kept = redis.call('HMGET', KEYS[1], 'fence', 'phase')
if kept[1] ~= ARGV[1] or kept[2] == 'completed' or kept[2] == 'failed' then return 'lost' end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
return 'ok'
"""

# KEYS tenant; ARGV after|'' limit newest(1|0)
LIST = """
local start = 0
local newest = ARGV[3] == '1'
if ARGV[1] ~= '' then
  local rank = redis.call(newest and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[1])
  if not rank then return {'missing'} end
  start = rank + 1
end
return {'ok', redis.call(newest and 'ZREVRANGE' or 'ZRANGE', KEYS[1], start, start + ARGV[2])}
"""
