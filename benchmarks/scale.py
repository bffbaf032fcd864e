"""What the Dispatcher and the stores cost on a real Redis, as the line, the replicas and the records on file grow.

The code is the service's own: `Dispatcher.run_pass` on the Redis stores, with workers that never answer. Records are
copied inside Redis by a script, from one that was written by the store. Times are of the processor where they are this
process's and of Redis's own work, since others share these cores.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from unittest import mock

import psutil
from rich.console import Console

from app.dispatch.dispatcher import PASS_S, Dispatcher
from app.dispatch.publisher import pause_s
from app.jobs.record import job_to_fields
from app.redis.connection import Client, connect
from app.service.admission import admit
from app.service.retention import expire
from app.settings import Settings
from app.stores import stores_on
from app.types import Job, Phase, ReplicaInfo
from benchmarks import followers
from benchmarks.figures import at_most
from benchmarks.followers import redis_s
from cluster.redis import LocalRedis
from tests.dispatch.workers import Silent
from tests.jobs.make import PLAN

WAITING: Final = (100, 1_000, 10_000, 100_000)
REPLICAS: Final = (1, 100, 1_000)
MOST_BY_ALL: Final = 10_000  # a longer line is measured with the largest fleet alone, and fewer passes
KEPT: Final = (1_000, 10_000, 100_000, 1_000_000)
TENANTS, PASSES, CALLS = 50, 6, 300
SETTLED_S: Final = 3.0
ROUNDS: Final = 6
TABLES: Final = {"pass": "passes", "calls": "kept", "follow": "followers"}
BATCH: Final = 250  # records that a script copies at a time: of more Redis says on a busy machine that it is too slow
COPY = """
local kept, id = redis.call('HGETALL', KEYS[1]), ARGV[1]
for n = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  local new, row = string.format('video_%032d', n), {}
  local tenant = 'tenant-' .. (n % tonumber(ARGV[4]))
  for i = 1, #kept, 2 do
    local value = kept[i + 1]
    if kept[i] == 'record' then
      value = string.gsub(string.gsub(value, id, new, 1), '"tenant":"[^"]*"', '"tenant":"' .. tenant .. '"', 1)
    end
    if kept[i] == 'tenant' then value = tenant end
    row[#row + 1], row[#row + 2] = kept[i], value
  end
  redis.call('HSET', KEYS[2] .. new, unpack(row))
  redis.call('ZADD', KEYS[3], tonumber(ARGV[5]) + n * 0.001, new)
  redis.call('ZADD', KEYS[4] .. tenant, tonumber(ARGV[5]) + n * 0.001, new)
end
"""


class _Deaf:
    """Workers that never come back, and a roll call that all replicas answer."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        await asyncio.Event().wait()

    async def present(self, pool: str) -> Collection[str] | None:
        return self._names


async def measure(
    quick: bool,
    out: Path,
    console: Console,
    only: Sequence[str] = (),
    kept: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Passes over lines and replicas, then polls, submits, pages and sweeps beside kept records, then followers.

    `only`: these arms, as `pass-10000-1000`, `calls-1000-0` and `follow-100-0`; the others' figures are those `kept`.
    """
    partial = out / "scale.partial.json"  # what was measured before an interruption
    done: dict[str, Any] = json.loads(partial.read_text()) if partial.exists() else {}
    for arm in _arms(quick):
        name = "-".join(map(str, arm))
        if (only and name not in only) or name in done:
            continue
        done[name] = await asyncio.to_thread(_in_process, arm)
        partial.write_text(json.dumps(done))
        console.print(done[name])
    partial.unlink(missing_ok=True)
    figures = {**kept, **{table: _table(kept.get(table, ()), done, kind) for kind, table in TABLES.items()}}
    target = next((row for row in figures["passes"] if (row["waiting"], row["replicas"]) == (10_000, 1_000)), None)
    if target is not None:
        figures["pass_ms"] = at_most(target["processor_ms"], 100.0)
        figures["memory_mib"] = at_most(target["memory_mib"], 300.0)
    of_calls = figures["kept"]
    for name in ("poll", "submit"):
        figures[f"{name}_most_over_least"] = at_most(of_calls[-1][f"{name}_ms"] / of_calls[0][f"{name}_ms"], 1.1)
    return figures


def _arms(quick: bool) -> list[tuple[str, int, int]]:
    lines, fleets, files = (WAITING[:2], REPLICAS[:2], KEPT[:2]) if quick else (WAITING, REPLICAS, KEPT)
    arms = [("pass", waiting, replicas) for waiting in lines for replicas in fleets if waiting <= MOST_BY_ALL]
    arms += [("pass", waiting, fleets[-1]) for waiting in lines if waiting > MOST_BY_ALL]
    crowds = followers.FOLLOWERS[:1] if quick else followers.FOLLOWERS
    return [*arms, *(("calls", count, 0) for count in files), *(("follow", count, 0) for count in crowds)]


def _table(kept: Sequence[dict[str, Any]], done: Mapping[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """What was kept of a kind, with what is new in place of the same or beside it, in order of size."""
    rows = {_size(row): row for row in (*kept, *(row for name, row in done.items() if name.startswith(f"{kind}-")))}
    return [rows[size] for size in sorted(rows)]


def _size(row: Mapping[str, Any]) -> tuple[int, int]:
    return next(int(row[name]) for name in ("waiting", "kept", "followers") if name in row), row.get("replicas", 0)


def _in_process(arm: tuple[str, int, int]) -> dict[str, Any]:
    """One arm in a process of its own, whose memory is the Dispatcher's."""
    command = [sys.executable, "-m", "benchmarks.scale", *map(str, arm)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


async def _arm(what: str, size: int, replicas: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        server = LocalRedis(Path(folder))
        server.start()
        try:
            if what == "follow":
                return await followers.measure(server.url, size)
            return await (_passes(server.url, size, replicas) if what == "pass" else _calls(server.url, size))
        finally:
            server.stop()


async def _passes(url: str, waiting: int, replicas: int) -> dict[str, Any]:
    """Pass after pass with all slots taken: what a busy service does twice a second."""
    settings = Settings(slots=1, max_batch=1, max_queued=1_000_000, max_wait_s=1e9, lease_s=3600.0)
    client = connect(url, 60.0)
    stores = stores_on(client, settings)
    names = [f"replica-{number:04d}" for number in range(replicas)]
    for name in names:
        info = ReplicaInfo(name, "main", "kinoray-shapes", slots=1, running=1, step_s=0.1, seen_at=time.time())
        await stores.jobs.announce(info, 3600.0)
    await _copied(client, settings, replicas, "line", 0)
    dispatcher = Dispatcher(settings, stores, _Deaf(names), _Deaf(names), Silent(), ("main",))
    await dispatcher.call_roll()
    await dispatcher.run_pass()
    await _copied(client, settings, waiting, "line", replicas)
    for _ in range(3 if waiting <= MOST_BY_ALL else 1):
        await dispatcher.run_pass()
    gc.collect()
    deciding = [await _pass_ms(dispatcher, tells=False) for _ in range(PASSES if waiting <= MOST_BY_ALL else 2)]
    telling = [await _pass_ms(dispatcher, tells=True) for _ in range(2 if waiting <= MOST_BY_ALL else 1)]
    await dispatcher.close()
    memory = psutil.Process().memory_info().rss / 2**20
    await client.aclose()
    return {
        "waiting": waiting,
        "replicas": replicas,
        "processor_ms": round(_usual_ms(statistics.mean(deciding), statistics.mean(telling), waiting + replicas), 1),
        "deciding_ms": round(statistics.mean(deciding), 1),
        "telling_ms": round(statistics.mean(telling), 1),
        "memory_mib": round(memory),
    }


async def _pass_ms(dispatcher: Dispatcher, tells: bool) -> float:
    """Milliseconds of this process for a pass that tells the backlog, or one that does not."""
    publisher = dispatcher._publisher  # else it would depend on how busy the machine is which of them a pass is
    with mock.patch.object(publisher, "due", return_value=tells):
        await asyncio.sleep(PASS_S)
        began = time.process_time()
        await dispatcher.run_pass()
        return 1000 * (time.process_time() - began)


def _usual_ms(deciding: float, telling: float, jobs: int) -> float:
    """Of passes twice a second, of which those tell that would on a machine that keeps up."""
    return deciding + (telling - deciding) * min(1.0, PASS_S / max(PASS_S, pause_s(jobs)))


async def _calls(url: str, count: int) -> dict[str, Any]:
    """One call of each kind beside so many kept records."""
    settings = Settings(max_queued=1_000_000)
    client = connect(url, 120.0)
    stores = stores_on(client, settings)
    await client.config_set("auto-aof-rewrite-percentage", 0)  # a rewrite of the log would be measured with the calls
    await _copied(client, settings, count, "ended", 0)
    await asyncio.sleep(SETTLED_S)  # until what was written is on the disk
    ids = [f"video_{number:032d}" for number in range(0, count, max(1, count // CALLS))]
    jobs = iter([_job() for _ in range(CALLS + 1)])

    async def submit(_: int) -> None:
        job = next(jobs)
        await admit(job, stores.board, settings)
        await stores.jobs.create(job)

    calls: dict[str, tuple[Callable[[int], Awaitable[object]], int]] = {
        "poll_ms": (lambda number: stores.jobs.get(ids[number % len(ids)]), CALLS),
        "submit_ms": (submit, CALLS),
        "list_ms": (lambda number: stores.jobs.list(f"tenant-{number % TENANTS}", None, 20, True), CALLS),
        "sweep_ms": (lambda _: expire(stores, time.time(), 200), 5),
    }
    found = {name: await _cost_ms(client, call, times) for name, (call, times) in calls.items()}
    memory = (await client.info("memory"))["used_memory"] / 2**20
    await client.aclose()
    return {"kept": count, **found, "redis_mib": round(memory)}


async def _cost_ms(client: Client, call: Callable[[int], Awaitable[object]], calls: int) -> float:
    """Milliseconds of processors that one call takes, of this process and of Redis: others share these cores.

    Those others also crowd the caches, now more and now less: it is the least of some rounds, each over some calls.
    """
    await call(0)
    rounds, each = (ROUNDS, calls // ROUNDS) if calls >= 10 * ROUNDS else (1, calls)
    return round(min([await _round_ms(client, call, number * each, each) for number in range(rounds)]), 3)


async def _round_ms(client: Client, call: Callable[[int], Awaitable[object]], first: int, calls: int) -> float:
    began, redis = time.process_time(), await redis_s(client)
    for number in range(first, first + calls):
        await call(number)
    return 1000 * (time.process_time() - began + await redis_s(client) - redis) / calls


async def _copied(client: Client, settings: Settings, count: int, place: str, first: int) -> None:
    """So many records in the line, or among those that have ended."""
    job, keys = _job(), f"{{{settings.redis_prefix}}}"
    if place == "ended":
        job = replace(job, phase=Phase.COMPLETED, completed_at=time.time(), expires_at=time.time() + 1e6)
    template = f"{keys}:template"
    fields: dict[Any, Any] = job_to_fields(job)
    await client.hset(template, mapping=fields)
    names = [template, f"{keys}:job:", f"{keys}:{place}", f"{keys}:tenant:"]
    at = job.created_at if place == "line" else time.time() + 1e6
    for start in range(first, first + count, BATCH):
        last = min(start + BATCH, first + count) - 1
        await client.eval(COPY, len(names), *names, job.id, start, last, TENANTS, at)
    await client.delete(template)


def _job() -> Job:
    return Job(f"video_{uuid.uuid4().hex}", "tenant-0", PLAN, Phase.QUEUED, time.time())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_arm(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
