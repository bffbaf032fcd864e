"""The Lua scripts that make each write to a job atomic inside Redis, and the names of the keys they touch."""

from __future__ import annotations

from dataclasses import dataclass

from app.jobs.redis.quota_scripts import QUOTAS


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

    def cursor(self, job_id: str) -> str:
        """STRING: when a job that is gone was created, and its tenant: where it stood in the list, for a while."""
        return self.of("cursor", job_id)

    def favourites(self, tenant: str) -> str:
        """ZSET of the ids of a tenant's favourites by time of creation."""
        return self.of("favourites", tenant)

    def tags(self, tenant: str) -> str:
        """HASH: how many of a tenant's jobs have each tag; those of one are found by `app.jobs.redis.marks`."""
        return self.of("tags", tenant)

    def flight(self, digest: str) -> str:
        """STRING: the id of the job that makes what a digest names, until its followers are resolved."""
        return self.of("flight", digest)

    def followers(self, digest: str) -> str:
        """ZSET of the ids of jobs that wait for what another makes, the most urgent first."""
        return self.of("followers", digest)

    def idempotency_key(self, name: str) -> str:
        """HASH: the job that a client's idempotency key made, and the digest of what was asked."""
        return self.of("once", name)

    def spent(self, tenant: str) -> str:
        """HASH of step-seconds that a tenant asked for, by part of the window."""
        return self.of("spent", tenant)

    @property
    def quotas(self) -> str:
        """HASH of what tenants and keys have had in a day or month (`app.jobs.quotas`)."""
        return self.of("quotas")

    def dependants(self, job_id: str) -> str:
        """SET of the ids of jobs that wait for this one to complete."""
        return self.of("dependants", job_id)

    def awaited(self, job_id: str) -> str:
        """SET of the ids of jobs that this one still waits for."""
        return self.of("awaited", job_id)

    @property
    def blocked(self) -> str:
        """ZSET of the ids of jobs that wait for other jobs, by time of creation; they are not in the line."""
        return self.of("blocked")

    @property
    def unreleased(self) -> str:
        """SET of the ids of jobs that ended, or went, while others waited for them."""
        return self.of("heard")

    @property
    def open(self) -> str:
        """HASH: how many jobs of each tenant have not ended; those of each key are counted in `quotas`."""
        return self.of("open")

    @property
    def running(self) -> str:
        """HASH: of those, how many hold a lease."""
        return self.of("running")

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
    def unresolved(self) -> str:
        """ZSET of digests of which a job has ended, by the time from which anyone may resolve the flight."""
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
  if not wanted or not string.find(wanted, '|' .. phase .. '|', 1, true) then return false end
  redis.call('ZADD', outbox, 0, id)
  return true
end
"""

# Counts of jobs by tenant: a count of none is no field.
COUNT = (
    QUOTAS
    + """
local function count(key, tenant, by)
  if by ~= 0 and redis.call('HINCRBY', key, tenant, by) <= 0 then redis.call('HDEL', key, tenant) end
end
local function count_open(open, quotas, job, tenant, by)
  count(open, tenant, by)
  local used = redis.call('HGET', job, 'key')
  if used then count(quotas, OPEN_OF_KEY .. used, by) end
end
local function ended(phase) return phase == 'completed' or phase == 'failed' end
local function live(phase) return ended(phase) and 0 or 1 end
local function runs(phase) return (ended(phase) or phase == 'queued') and 0 or 1 end
local function gives(job, line, blocked, id, when)
  if when ~= 'unstarted' then return when == 'always' end
  local kept = redis.call('HMGET', job, 'phase', 'attempts')
  if kept[1] ~= 'queued' or kept[2] ~= '0' then return false end
  return redis.call('ZSCORE', line, id) or redis.call('ZSCORE', blocked, id)
end
"""
)

# Whether a job may come in (`app.jobs.admission_limits`), and the counts of one that does.
# KEYS from k: once open spent line blocked quotas
# ARGV from a: tenant body|'' ttl_ms most_open|'' most_waiting|'' most_spent|'' amount bucket buckets id,
#      window|'' book|'' (`app.jobs.redis.quota_scripts`)
ADMISSION = (
    COUNT
    + """
local function refused(k, a, made)
  if ARGV[a + 1] ~= '' then
    local kept = redis.call('HMGET', KEYS[k], 'body', 'id')
    if kept[1] then return kept[1] == ARGV[a + 1] and {'replayed', kept[2]} or {'reused'} end
  end
  if not made then return nil end
  local open = tonumber(redis.call('HGET', KEYS[k + 1], ARGV[a]) or '0')
  if ARGV[a + 3] ~= '' and open >= tonumber(ARGV[a + 3]) then return {'busy'} end
  local waiting = redis.call('ZCARD', KEYS[k + 3]) + redis.call('ZCARD', KEYS[k + 4])
  local most = tonumber(ARGV[a + 4])
  if most then
    local taken = most - math.floor(most / 10)
    local part = open * redis.call('HLEN', KEYS[k + 1])
    if waiting >= most or (waiting >= taken and part >= taken) then return {'full'} end
  end
  if ARGV[a + 5] ~= '' then
    local kept, sum, oldest = redis.call('HGETALL', KEYS[k + 2]), 0, tonumber(ARGV[a + 7]) - tonumber(ARGV[a + 8])
    for i = 1, #kept, 2 do
      if tonumber(kept[i]) > oldest then
        sum = sum + tonumber(kept[i + 1])
      else
        redis.call('HDEL', KEYS[k + 2], kept[i])
      end
    end
    if sum + tonumber(ARGV[a + 6]) > tonumber(ARGV[a + 5]) + 1e-9 then
      return {'spent', redis.call('HGETALL', KEYS[k + 2])}
    end
  end
  return ARGV[a + 11] ~= '' and over(KEYS[k + 1], KEYS[k + 5], cjson.decode(ARGV[a + 11])) or nil
end
local function admitted(k, a, made, owes)
  if ARGV[a + 1] ~= '' then
    redis.call('HSET', KEYS[k], 'body', ARGV[a + 1], 'id', ARGV[a + 9])
    redis.call('PEXPIRE', KEYS[k], ARGV[a + 2])
  end
  if not made or not owes or ARGV[a + 10] .. ARGV[a + 11] == '' then return end
  local pays = tonumber(ARGV[a + 6]) > 0
  if ARGV[a + 11] ~= '' then
    local book = cjson.decode(ARGV[a + 11])
    pays = book.pays
    forget_over(KEYS[k + 5], book.day, book.month)
    if #book.charges > 0 then redis.call('HSET', KEYS[1], 'charges', cjson.encode(book.charges)) end
    if #book.stores > 0 then redis.call('HSET', KEYS[1], 'stores', cjson.encode(book.stores)) end
  end
  if ARGV[a + 10] ~= '' then redis.call('HSET', KEYS[1], 'window', ARGV[a + 10]) end
  redis.call('HSET', KEYS[1], 'paid', '0')
  if pays then pay(KEYS[1], KEYS[k + 5], KEYS[k + 2]) end
end
"""
)

# KEYS job line tenant ended wake, the six of ADMISSION, due unreleased awaited,
#      of each job to wait for: job dependants, at last outbox
# ARGV id phase created_at expires_at|'', the twelve of ADMISSION, deadline|'' most_after,
#      ids to wait for, field value …
CREATE = (
    WAKE
    + TELL
    + ADMISSION
    + """
local after = tonumber(ARGV[18])
local first = 19 + after
if redis.call('EXISTS', KEYS[1]) == 1 then
  for i = first, #ARGV, 2 do
    if ARGV[i] == 'record' then
      return redis.call('HGET', KEYS[1], 'record') == ARGV[i + 1] and {'ok'} or {'conflict'}
    end
  end
end
local made = ARGV[2] == 'queued'
local why = refused(6, 5, made)
if why then return why end
local awaited = {}
for i = 1, after do
  local id = ARGV[18 + i]
  local kept = redis.call('HMGET', KEYS[13 + 2 * i], 'tenant', 'phase')
  if kept[1] ~= ARGV[5] then return {'unknown', id} end
  if kept[2] == 'failed' then return {'failed', id} end
  if made and kept[2] ~= 'completed' then awaited[#awaited + 1] = i end
end
admitted(6, 5, made, true)
redis.call('HSET', KEYS[1], unpack(ARGV, first))
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
count_open(KEYS[7], KEYS[11], KEYS[1], ARGV[5], live(ARGV[2]))
if #awaited > 0 then
  redis.call('ZADD', KEYS[10], ARGV[3], ARGV[1])
  if ARGV[17] ~= '' then redis.call('ZADD', KEYS[12], ARGV[17], ARGV[1]) end
  for _, i in ipairs(awaited) do
    redis.call('SADD', KEYS[14], ARGV[18 + i])
    redis.call('SADD', KEYS[14 + 2 * i], ARGV[1])
  end
elseif made then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
end
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1]) end
local told = tell(KEYS[1], KEYS[#KEYS], ARGV[1], ARGV[2])
if made or told then wake(KEYS[5]) end
return {'ok'}
"""
)

# KEYS job line leases ended wake checkpoint unresolved, open running blocked unreleased awaited dependants
#      outbox quotas spent:
# ARGV id tenant|'' fence|'' '|legal|sources|' phase|'' step fence+ attempts+
#      holder|'' until|'' expires_at|'' wakes resolve_at losses+ gives_back stored_bytes day month field value …
CHANGE = (
    WAKE
    + TELL
    + COUNT
    + """
local id, phase = ARGV[1], ARGV[5]
local kept = redis.call('HMGET', KEYS[1], 'tenant', 'fence', 'phase', 'step', 'created_at')
if not kept[1] or (ARGV[2] ~= '' and kept[1] ~= ARGV[2]) then return {'missing'} end
if ARGV[3] ~= '' and kept[2] ~= ARGV[3] then return {'lost'} end
if not string.find(ARGV[4], '|' .. kept[3] .. '|', 1, true) then return {'illegal', kept[3]} end
if ARGV[9] ~= '' and not redis.call('ZSCORE', KEYS[2], id) then return {'illegal', 'not in the line'} end
if tonumber(ARGV[6]) > tonumber(kept[4]) then redis.call('HSET', KEYS[1], 'step', ARGV[6]) end
if gives(KEYS[1], KEYS[2], KEYS[10], id, ARGV[15]) then give_back(KEYS[1], KEYS[15], KEYS[16] .. kept[1]) end
store(KEYS[1], KEYS[15], ARGV[16], ARGV[17], ARGV[18])
if #ARGV > 18 then redis.call('HSET', KEYS[1], unpack(ARGV, 19)) end
if ARGV[14] ~= '0' then redis.call('HINCRBY', KEYS[1], 'losses', ARGV[14]) end
redis.call('HINCRBY', KEYS[1], 'fence', ARGV[7])
redis.call('HINCRBY', KEYS[1], 'attempts', ARGV[8])
if phase ~= '' then
  redis.call('HSET', KEYS[1], 'phase', phase)
  count_open(KEYS[8], KEYS[15], KEYS[1], kept[1], live(phase) - live(kept[3]))
  count(KEYS[9], kept[1], runs(phase) - runs(kept[3]))
end
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
  tell(KEYS[1], KEYS[14], id, phase)
  redis.call('ZREM', KEYS[10], id)
  redis.call('DEL', KEYS[12])
  if redis.call('EXISTS', KEYS[13]) == 1 then redis.call('SADD', KEYS[11], id) end
  local digest = redis.call('HGET', KEYS[1], 'flight')
  if digest then redis.call('ZADD', KEYS[7], ARGV[13], digest) end
end
if ARGV[12] == '1' then wake(KEYS[5]) end
return {'ok', redis.call('HGETALL', KEYS[1])}
"""
)

# Lists by tag are named by a hash, in which no tenant's name can be made to look like another's tag.
TAGGED = """
local function tagged(prefix, tenant, tag) return prefix .. redis.sha1hex(tenant .. '\\n' .. tag) end
local function untag(prefix, tags, tenant, tag, id)
  redis.call('ZREM', tagged(prefix, tenant, tag), id)
  if redis.call('HINCRBY', tags, tag, -1) <= 0 then redis.call('HDEL', tags, tag) end
end
"""

# As CHANGE, then KEYS tenant cursor tags favourites tagged:; ARGV id tenant cursor_ms
DELETE = (
    WAKE
    + COUNT
    + TAGGED
    + """
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[2] then return {'missing'} end
local kept = redis.call('HGETALL', KEYS[1])
local digest = redis.call('HGET', KEYS[1], 'flight')
local phase = redis.call('HGET', KEYS[1], 'phase')
redis.call('SET', KEYS[18], redis.call('HGET', KEYS[1], 'created_at') .. ' ' .. ARGV[2], 'PX', ARGV[3])
if gives(KEYS[1], KEYS[2], KEYS[10], ARGV[1], 'unstarted') then give_back(KEYS[1], KEYS[15], KEYS[16] .. ARGV[2]) end
count_open(KEYS[8], KEYS[15], KEYS[1], ARGV[2], -live(phase))
for _, tag in ipairs(cjson.decode(redis.call('HGET', KEYS[1], 'tags') or '[]')) do
  untag(KEYS[21], KEYS[19], ARGV[2], tag, ARGV[1])
end
redis.call('DEL', KEYS[1], KEYS[6], KEYS[12])
count(KEYS[9], ARGV[2], -runs(phase))
if redis.call('EXISTS', KEYS[13]) == 1 then redis.call('SADD', KEYS[11], ARGV[1]) end
if digest then redis.call('ZADD', KEYS[7], 0, digest) end
for _, k in ipairs({2, 3, 4, 10, 14, 17, 20}) do redis.call('ZREM', KEYS[k], ARGV[1]) end
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

# KEYS tenant cursor; ARGV after|'' limit newest(1|0) tenant
LIST = """
local start = 0
local newest = ARGV[3] == '1'
if ARGV[1] ~= '' then
  local rank = newest and 'ZREVRANK' or 'ZRANK'
  local place = redis.call(rank, KEYS[1], ARGV[1])
  if place then
    start = place + 1
  else
    local at, whose = string.match(redis.call('GET', KEYS[2]) or '', '^(%S+) (.*)$')
    if whose ~= ARGV[4] then return {'missing'} end
    redis.call('ZADD', KEYS[1], at, ARGV[1])
    start = redis.call(rank, KEYS[1], ARGV[1])
    redis.call('ZREM', KEYS[1], ARGV[1])
  end
end
return {'ok', redis.call(newest and 'ZREVRANGE' or 'ZRANGE', KEYS[1], start, start + ARGV[2])}
"""
