"""What the shared tier does in Redis in one go: keep a value, note uses, and give memory back.

Each level has, beside its values, an end for each key (`!expiry`), its size, worth and uses (`!books`), its rank by
benefit (`!rank`), the sum of the sizes (`!bytes`) and the floor that ranks stand on (`!floor`), as in
`app.cache.policy.Benefit`.
"""

from __future__ import annotations

from app.cache.policy import LEAST_WORTH

_BOOKS = f"""
local expiry, books, rank, bytes, floor = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local function benefit(size, worth, uses)
  return tonumber(redis.call('GET', floor) or 0) + uses * math.max({LEAST_WORTH}, worth) / math.max(1, size)
end
local function read(key)
  local size, worth, uses = string.match(redis.call('HGET', books, key) or '', '^(%d+):(%S+):(%d+)$')
  return tonumber(size), tonumber(worth), tonumber(uses)
end
local function write(key, size, worth, uses)
  redis.call('HSET', books, key, string.format('%d:%.6g:%d', size, worth, uses))
  redis.call('ZADD', rank, benefit(size, worth, uses), key)
end
"""

# ARGV now key value ttl_ms worth max_bytes value_prefix level; KEYS more: counts
# What has run out leaves the books; then those of least benefit leave, unless the newcomer has less.
PUT = (
    _BOOKS
    + """
local now, key, value, ttl_ms = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local worth, max_bytes, prefix, level, counts = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8], KEYS[6]
local function forget(gone)
  local size, _, uses = read(gone)
  redis.call('ZREM', expiry, gone)
  redis.call('ZREM', rank, gone)
  redis.call('HDEL', books, gone)
  if size then redis.call('DECRBY', bytes, size) end
  return uses
end
if ttl_ms > 0 then redis.call('HINCRBY', counts, 'hits:' .. level, 0) end  -- first, so that a full Redis refuses it
local uses = forget(key) or 1
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 1000)) do forget(gone) end
if ttl_ms == 0 then
  redis.call('DEL', prefix .. key)
  return 0
end
local mine, held, leaving, lowest = benefit(#value, worth, uses), tonumber(redis.call('GET', bytes) or 0), {}, nil
while held + #value > max_bytes do
  local next = redis.call('ZRANGE', rank, #leaving, #leaving, 'WITHSCORES')
  if not next[1] then break end
  lowest = next[2]
  if tonumber(lowest) > mine then
    redis.call('SET', floor, mine)
    redis.call('HINCRBY', counts, 'evictions:' .. level, 1)
    redis.call('DEL', prefix .. key)
    return 0
  end
  leaving[#leaving + 1] = next[1]
  held = held - (read(next[1]) or 0)
end
for _, gone in ipairs(leaving) do
  forget(gone)
  redis.call('DEL', prefix .. gone)
end
if #leaving > 0 then
  redis.call('SET', floor, lowest)
  redis.call('HINCRBY', counts, 'evictions:' .. level, #leaving)
  mine = benefit(#value, worth, uses)
end
if redis.call('ZCARD', rank) == 0 then redis.call('SET', bytes, 0) end
redis.call('SET', prefix .. key, value, 'PX', ttl_ms)
redis.call('ZADD', expiry, now + ttl_ms / 1000, key)
redis.call('INCRBY', bytes, #value)
write(key, #value, worth, uses)
for book = 1, 5 do
  if redis.call('PTTL', KEYS[book]) < ttl_ms then redis.call('PEXPIRE', KEYS[book], ttl_ms + 60000) end
end
return 1
"""
)

# ARGV key uses key uses …: entries that were used meanwhile rise.
USE = (
    _BOOKS
    + """
for place = 1, #ARGV, 2 do
  local size, worth, uses = read(ARGV[place])
  if size then write(ARGV[place], size, worth, uses + ARGV[place + 1]) end
end
return 1
"""
)

# ARGV wanted_bytes most_entries value_prefix level evicted; KEYS more: counts. Gives the entries and bytes that left.
# A full Redis refuses a script only at its first write: here this is a deletion, which it always allows.
SHED = (
    _BOOKS
    + """
local count, freed, highest = 0, 0, nil
while freed < tonumber(ARGV[1]) and count < tonumber(ARGV[2]) do
  local next = redis.call('ZRANGE', rank, 0, 0, 'WITHSCORES')
  if not next[1] then break end
  freed = freed + (read(next[1]) or 0)
  count = count + 1
  highest = next[2]
  redis.call('DEL', ARGV[3] .. next[1])
  redis.call('ZREM', rank, next[1])
  redis.call('ZREM', expiry, next[1])
  redis.call('HDEL', books, next[1])
end
if count > 0 then
  redis.call('DECRBY', bytes, freed)
  if ARGV[5] == '1' then
    redis.call('SET', floor, highest)
    redis.call('HINCRBY', KEYS[6], 'evictions:' .. ARGV[4], count)
  end
end
return {count, freed}
"""
)
