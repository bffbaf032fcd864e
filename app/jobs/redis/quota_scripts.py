"""The part of the scripts that counts what jobs cost, by day and month: paid, or given back, in their own step."""

from __future__ import annotations

import orjson

from app.jobs.admission_limits import AdmissionLimits, bucket
from app.jobs.quotas import OPEN_OF_KEY, charges_of, label, seats_of, stores_for
from app.types import Job

# A job's hash has what it costs: `charges`, JSON of [sum, amount] …; `window`, bucket and amount and milliseconds;
# `stores`, JSON of accounts; and `paid` (1|0). Sums are fields of one hash, `<day or month>|<measure>|<account>`.
QUOTAS = (
    f"local OPEN_OF_KEY = '\\31{OPEN_OF_KEY[1:]}'\n"
    + """
local function add(sums, name, amount) redis.call('HINCRBYFLOAT', sums, name, string.format('%.17g', amount)) end
local function forget_over(quota, day, month)
  if (redis.call('HGET', quota, 'day') or '') >= day then return end
  for _, name in ipairs(redis.call('HKEYS', quota)) do
    local named = string.match(name, '^([%d-]+)|')
    if named and named < (#named > #month and day or month) then redis.call('HDEL', quota, name) end
  end
  redis.call('HSET', quota, 'day', day)
end
local function over(open, quota, book)
  for _, seat in ipairs(book.seats) do
    local counts = string.sub(seat[1], 1, #OPEN_OF_KEY) == OPEN_OF_KEY and quota or open
    if tonumber(redis.call('HGET', counts, seat[1]) or '0') >= seat[2] then return {'seats', seat[3]} end
  end
  if not book.pays then return nil end
  for _, charge in ipairs(book.charges) do
    local used, amount, most = tonumber(redis.call('HGET', quota, charge[1]) or '0'), charge[2], charge[3]
    if (amount == 0 and used >= most) or used + amount > most + 1e-9 then return {'quota', charge[4]} end
  end
end
local function pay(job, quota, spent)
  local kept = redis.call('HMGET', job, 'paid', 'charges', 'window')
  if kept[1] ~= '0' then return end
  redis.call('HSET', job, 'paid', '1')
  for _, charge in ipairs(cjson.decode(kept[2] or '[]')) do add(quota, charge[1], charge[2]) end
  if kept[3] then
    local place, amount, milliseconds = string.match(kept[3], '(%S+) (%S+) (%S+)')
    redis.call('HINCRBYFLOAT', spent, place, amount)
    redis.call('PEXPIRE', spent, milliseconds)
  end
end
local function give_back(job, quota, spent)
  local kept = redis.call('HMGET', job, 'paid', 'charges', 'window')
  if kept[1] ~= '1' then return end
  redis.call('HDEL', job, 'paid', 'charges', 'window')
  for _, charge in ipairs(cjson.decode(kept[2] or '[]')) do
    if redis.call('HEXISTS', quota, charge[1]) == 1 then add(quota, charge[1], -charge[2]) end
  end
  if kept[3] then
    local place, amount = string.match(kept[3], '(%S+) (%S+)')
    if redis.call('HEXISTS', spent, place) == 1 then redis.call('HINCRBYFLOAT', spent, place, -tonumber(amount)) end
  end
end
local function store(job, quota, bytes, day, month)
  local accounts = redis.call('HGET', job, 'stores')
  if not accounts or tonumber(bytes) == 0 then return end
  forget_over(quota, day, month)
  for _, account in ipairs(cjson.decode(accounts)) do
    add(quota, day .. '|stored_bytes|' .. account, tonumber(bytes))
    add(quota, month .. '|stored_bytes|' .. account, tonumber(bytes))
  end
end
"""
)


def book_of(job: Job, limits: AdmissionLimits, pays: bool) -> str:
    """What the scripts are told of a job's costs and limits, as JSON; empty: it has none.

    `pays`: it is charged now; else when, of those that wait for the same video, it becomes the one that makes it.
    """
    if not limits.held:
        return ""
    day, month = label("day", job.created_at), label("month", job.created_at)
    book = {
        "pays": pays,
        "day": day,
        "month": month,
        "stores": stores_for(limits.held),
        "charges": [tuple(each) for each in charges_of(job, limits.held)],
        "seats": [tuple(each) for each in seats_of(limits.held)],
    }
    return orjson.dumps(book).decode()


def window_of(job: Job, limits: AdmissionLimits) -> str:
    """What a job costs its tenant in the window that rolls: its part, step-seconds, how long that is kept in ms."""
    if limits.most_spent is None:
        return ""
    kept_ms = int(1000 * (limits.window_s + limits.bucket_s))
    return f"{bucket(job.created_at, limits)} {job.plan.estimate.step_seconds!r} {kept_ms}"
