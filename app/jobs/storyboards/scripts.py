"""The Lua scripts that make each write to a storyboard atomic inside Redis, and the names of the keys they touch."""

from __future__ import annotations

from dataclasses import dataclass

from app.jobs.redis.scripts import Keys


@dataclass(frozen=True, slots=True)
class StoryKeys(Keys):
    """Key names of storyboards, beside those of jobs."""

    def story(self, story_id: str) -> str:
        """HASH: the record, and beside it what scripts look at."""
        return self.of("story", story_id)

    def stories(self, tenant: str) -> str:
        """ZSET of a tenant's ids by time of creation."""
        return self.of("stories", tenant)

    def story_key(self, name: str) -> str:
        """HASH: the storyboard that a client's idempotency key made, and the digest of what was asked."""
        return self.of("story_once", name)

    def holds(self, name: str) -> str:
        """SET of ids of who needs stored files, as RedisBoard keeps them."""
        return self.of("holds", name)

    @property
    def story_due(self) -> str:
        """ZSET of ids of those that have not ended, by the time at which somebody is to look at them."""
        return self.of("story_due")

    @property
    def story_claims(self) -> str:
        """ZSET of ids of those that somebody works on, by the time until which nobody else does."""
        return self.of("story_claims")

    @property
    def story_ended(self) -> str:
        """ZSET of ids of those that have ended, by expiry."""
        return self.of("story_ended")

    @property
    def story_open(self) -> str:
        """HASH: how many of each tenant have not ended."""
        return self.of("story_open")


# What every write keeps in step. KEYS story due claims ended open outbox holds:
_KEEP = """
local function ended(phase) return phase == 'completed' or phase == 'failed' end
local function count(tenant, by)
  if redis.call('HINCRBY', KEYS[5], tenant, by) <= 0 then redis.call('HDEL', KEYS[5], tenant) end
end
local function hold(id, names)
  local before, now = cjson.decode(redis.call('HGET', KEYS[1], 'needs') or '[]'), {}
  for _, name in ipairs(cjson.decode(names)) do
    now[name] = true
    redis.call('SADD', KEYS[7] .. name, id)
  end
  for _, name in ipairs(before) do
    if not now[name] then redis.call('SREM', KEYS[7] .. name, id) end
  end
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'needs', names) end
end
local function over(id, expires, told, new)
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  if expires ~= '' then redis.call('ZADD', KEYS[4], expires, id) else redis.call('ZREM', KEYS[4], id) end
  if told == '' then
    redis.call('ZREM', KEYS[6], id)
  elseif new then
    redis.call('ZADD', KEYS[6], told, id)
  else
    redis.call('ZADD', KEYS[6], 'XX', told, id)
  end
end
"""

# KEYS as above, then tenant once; ARGV id tenant created_at phase most_open until|'' expires_at|'' told_at|'' needs
#      digest|'' ttl_ms field value …
CREATE = (
    _KEEP
    + """
local id, first = ARGV[1], 12
if redis.call('EXISTS', KEYS[1]) == 1 then
  for i = first, #ARGV, 2 do
    if ARGV[i] == 'record' then
      return redis.call('HGET', KEYS[1], 'record') == ARGV[i + 1] and {'ok', 'there'} or {'conflict'}
    end
  end
end
if ARGV[10] ~= '' then
  local kept = redis.call('HMGET', KEYS[9], 'body', 'id')
  if kept[1] then return kept[1] == ARGV[10] and {'replayed', kept[2]} or {'reused'} end
end
local open = not ended(ARGV[4])
if open and tonumber(redis.call('HGET', KEYS[5], ARGV[2]) or '0') >= tonumber(ARGV[5]) then return {'busy'} end
if ARGV[10] ~= '' then
  redis.call('HSET', KEYS[9], 'body', ARGV[10], 'id', id)
  redis.call('PEXPIRE', KEYS[9], ARGV[11])
end
redis.call('HSET', KEYS[1], unpack(ARGV, first))
redis.call('ZADD', KEYS[8], ARGV[3], id)
hold(id, ARGV[9])
if open then
  count(ARGV[2], 1)
  redis.call('ZADD', KEYS[2], ARGV[6] == '' and 0 or ARGV[6], id)
  if ARGV[6] ~= '' then redis.call('ZADD', KEYS[3], ARGV[6], id) end
else
  over(id, ARGV[7], ARGV[8], true)
end
return {'ok', 'new'}
"""
)

# KEYS as above; ARGV id version '|legal|sources|' phase due|'' expires_at|'' told_at|'' needs field value …
REPLACE = (
    _KEEP
    + """
local id, phase, due = ARGV[1], ARGV[4], ARGV[5]
local kept = redis.call('HMGET', KEYS[1], 'version', 'phase', 'revision', 'tenant')
if not kept[1] then return {'missing'} end
if kept[1] ~= ARGV[2] then return {'moved', kept[3]} end
if not string.find(ARGV[3], '|' .. kept[2] .. '|', 1, true) then return {'illegal', kept[2]} end
hold(id, ARGV[8])
redis.call('HSET', KEYS[1], unpack(ARGV, 9))
if ended(phase) then
  if not ended(kept[2]) then count(kept[4], -1) end
  over(id, ARGV[6], ARGV[7], not ended(kept[2]))
elseif ended(kept[2]) then
  count(kept[4], 1)
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZREM', KEYS[6], id)
  redis.call('ZADD', KEYS[2], due == '' and 0 or due, id)
elseif due ~= '' then
  local at, claimed = redis.call('ZSCORE', KEYS[2], id), redis.call('ZSCORE', KEYS[3], id)
  local woken = at and claimed and tonumber(at) < tonumber(claimed)
  if not woken or tonumber(due) < tonumber(at) then redis.call('ZADD', KEYS[2], due, id) end
  redis.call('ZREM', KEYS[3], id)
end
return {'ok', kept[2]}
"""
)

# KEYS as above, then tenant cursor; ARGV id tenant cursor_ms
DELETE = (
    _KEEP
    + """
local id = ARGV[1]
local kept = redis.call('HMGET', KEYS[1], 'tenant', 'phase', 'created_at')
if kept[1] ~= ARGV[2] then return {'missing'} end
local record = redis.call('HGETALL', KEYS[1])
hold(id, '[]')
redis.call('SET', KEYS[9], kept[3] .. ' ' .. ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[1])
if not ended(kept[2]) then count(ARGV[2], -1) end
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[4], KEYS[6], KEYS[8]}) do redis.call('ZREM', key, id) end
return {'ok', record}
"""
)

# As DELETE, then once, for one that is taken back as it comes in; ARGV id tenant cursor_ms keyed(1|0)
WITHDRAW = (
    """
if ARGV[4] == '1' and redis.call('HGET', KEYS[10], 'id') == ARGV[1] then redis.call('DEL', KEYS[10]) end
"""
    + DELETE
)

# KEYS due claims; ARGV now until limit
CLAIM = """
local found, most = {}, tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, most + redis.call('ZCARD', KEYS[2]))
for _, id in ipairs(due) do
  if #found < most and not redis.call('ZSCORE', KEYS[2], id) then
    found[#found + 1] = id
    redis.call('ZADD', KEYS[1], ARGV[2], id)
    redis.call('ZADD', KEYS[2], ARGV[2], id)
  end
end
return found
"""

# KEYS story due claims; ARGV id fence until
RENEW = """
local at, claimed = redis.call('ZSCORE', KEYS[2], ARGV[1]), redis.call('ZSCORE', KEYS[3], ARGV[1])
if not at or redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end
if not claimed or tonumber(at) >= tonumber(claimed) then redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1]) end
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
return 1
"""
