"""Followers: a thousand of one job ask the store what one would ask, and none loses the story to a short outage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from app.errors import StoreUnavailable
from app.service import follower_reads
from app.types import Caller, Event, Job, VideoRequest
from tests.api.house import House

pytestmark = pytest.mark.anyio
ANN = Caller("ann")
MANY, STEPS = 200, 12


def counted(house: House) -> Counter[str]:
    """How often records are read, and lists of them."""
    asked = Counter[str]()
    get, page = house.jobs.get, house.jobs.list

    async def counted_get(job_id: str, tenant: str | None = None) -> Job:
        asked["get"] += 1
        await anyio.sleep(0)  # as over a network: others may come meanwhile
        return await get(job_id, tenant)

    async def counted_list(*args: Any) -> Any:
        asked["list"] += 1
        await anyio.sleep(0)
        return await page(*args)

    house.jobs.get = counted_get  # type: ignore[method-assign]
    house.jobs.list = counted_list  # type: ignore[assignment,method-assign]
    return asked


async def test_many_followers_of_a_job_read_its_record_as_often_as_a_few() -> None:
    house = House()
    job = await house.service.submit(VideoRequest("a red ball"), ANN)
    asked, there, ends = counted(house), 0, 0
    all_there = anyio.Event()

    async def follow() -> None:
        nonlocal there, ends
        async for event in house.service.follow(job.id, ANN):
            if event.kind == "queue":
                there += 1
                if there == MANY:
                    all_there.set()
            ends += event.kind == "end"

    async with anyio.create_task_group() as group:
        for _ in range(MANY):
            group.start_soon(follow)
        await house.events.append(job.id, "queue", 1.0, {"position": 1})
        with anyio.fail_after(20):
            await all_there.wait()
        asked.clear()
        for step in range(STEPS):
            await house.events.append(job.id, "step", 1.0, {"step": step})
            await anyio.sleep(0)
        before_end = asked["get"]
        await house.complete(job.id)
    assert ends == MANY
    assert before_end < STEPS, "a step of one job is no reason to read a record for each that follows it"


async def test_many_followers_of_a_tenant_list_its_jobs_once() -> None:
    house = House()
    await house.service.submit(VideoRequest("a red ball"), ANN)
    asked, told = counted(house), Counter[str]()

    async def follow() -> None:
        async for news in house.service.follow_all(ANN):
            told[news.kind] += 1
            if news.kind == "snapshot":
                return

    async with anyio.create_task_group() as group:
        for _ in range(MANY):
            group.start_soon(follow)
    assert (told["ready"], told["snapshot"]) == (MANY, MANY)
    assert asked["list"] <= 2


async def test_a_short_outage_ends_no_stream_and_nothing_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_reads, "PAUSE_S", 0.01)
    house = House()
    job = await house.service.submit(VideoRequest("a red ball"), ANN)
    read, failures = house.events.read, 3

    async def sometimes(job_id: str, after: str | None, block_s: float) -> Sequence[Event]:
        nonlocal failures
        if after is not None and failures:
            failures -= 1
            raise StoreUnavailable("Redis does not answer.")
        return await read(job_id, after, block_s)

    house.events.read = sometimes  # type: ignore[method-assign]
    await house.events.append(job.id, "queue", 1.0, {"position": 1})
    ids = []
    async for event in house.service.follow(job.id, ANN):
        ids.append(event.id)
        if event.kind == "queue":
            await house.complete(job.id)
    assert failures == 0
    assert len(ids) == len(set(ids))
