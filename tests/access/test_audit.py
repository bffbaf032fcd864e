"""Both logs keep the same promises; the writer never waits, loses nothing while Redis is away, cuts floods short."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

from app.access.audit.entry import AuditEntry, AuditFilter, outcome_of
from app.access.audit.log import AuditLog, MemoryAuditLog, Retention
from app.access.audit.redis_log import RedisAuditLog
from app.access.audit.writer import MINUTE_S, STRANGERS, AuditWriter
from app.errors import InvalidRequest, StoreUnavailable
from app.redis.connection import connect
from tests.redis_server import MEMORY_AND_REDIS
from tests.waiting import until

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0
KEPT = Retention(most=1000, kept_s=3600.0)


def entry(number: int = 0, tenant: str | None = "ann", at: float = NOW) -> AuditEntry:
    return AuditEntry(at, f"POST /v1/videos/{number}", "done", 200, f"req_{number}", "8.8.8.8", tenant)


@pytest.fixture(params=MEMORY_AND_REDIS)
async def log(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[AuditLog]:
    if request.param == "memory":
        yield MemoryAuditLog(KEPT)
        return
    client = connect(request.getfixturevalue("redis_url"), 5.0)
    yield RedisAuditLog(client, prefix, KEPT)
    await client.aclose()


async def test_entries_come_back_whole_in_both_orders_page_by_page(log: AuditLog) -> None:
    written = [entry(number, "ann" if number % 2 else "ben") for number in range(7)]
    await log.append(written[:3])
    await log.append(written[3:])
    first = await log.page(AuditFilter(), None, 4, newest_first=True)
    rest = await log.page(AuditFilter(), first.after, 4, newest_first=True)
    assert [each for _, each in (*first.entries, *rest.entries)] == written[::-1]
    assert rest.after is None
    anns = await log.page(AuditFilter(tenant="ann", action="/v1/videos/"), None, 2, newest_first=False)
    more = await log.page(AuditFilter(tenant="ann"), anns.after, 2, newest_first=False)
    assert [each.request_id for _, each in (*anns.entries, *more.entries)] == ["req_1", "req_3", "req_5"]
    with pytest.raises(InvalidRequest):
        await log.page(AuditFilter(), "x", 1, True)


@pytest.mark.redis
async def test_the_stream_is_cut_by_age_and_by_count(redis_url: str, prefix: str) -> None:
    client = connect(redis_url, 5.0)
    await RedisAuditLog(client, prefix, Retention(100, 1e9)).append([entry(number) for number in range(500)])
    assert 100 <= await client.xlen(f"{{{prefix}}}:audit") < 500
    old = RedisAuditLog(client, prefix, Retention(100, -3600.0))  # kept until an hour ahead: what is there is too old
    await old.append([entry()])
    assert await client.xlen(f"{{{prefix}}}:audit") == 0
    await client.aclose()


class Away(MemoryAuditLog):
    """Redis is away until told otherwise."""

    away = True

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        if self.away:
            raise StoreUnavailable("away")
        await super().append(entries)


async def test_what_redis_does_not_take_is_written_later_once_and_in_order() -> None:
    log = Away(KEPT)
    writer = AuditWriter(log)
    for number in range(1200):
        writer.note(entry(number))
    await writer.flush()
    log.away = False
    await writer.flush()
    page = await log.page(AuditFilter(), None, 2000, newest_first=False)
    assert [each.request_id for _, each in page.entries] == [f"req_{number}" for number in range(200, 1200)]


async def test_an_entry_is_written_without_being_asked_for() -> None:
    log = MemoryAuditLog(KEPT)
    AuditWriter(log).note(entry())
    await until(partial(_has, log))


async def _has(log: AuditLog) -> bool:
    return bool((await log.page(AuditFilter(), None, 1, True)).entries)


async def test_strangers_are_written_so_often_a_minute_and_then_counted() -> None:
    now, log = 0.0, MemoryAuditLog(KEPT)
    writer = AuditWriter(log, monotonic=lambda: now)
    for number in range(STRANGERS + 50):
        writer.note(entry(number, tenant=None))
    writer.note(entry())
    now = MINUTE_S
    writer.note(entry(tenant=None))
    await writer.flush()
    page = await log.page(AuditFilter(), None, 1000, newest_first=True)
    assert len(page.entries) == STRANGERS + 2
    assert (page.entries[0][1].untold, page.entries[1][1].tenant) == (50, "ann")


def test_outcomes_follow_the_status() -> None:
    assert [outcome_of(status) for status in (200, 303, 401, 404, 500, 503)] == [
        *("done", "done", "refused", "refused", "failed", "failed")
    ]
