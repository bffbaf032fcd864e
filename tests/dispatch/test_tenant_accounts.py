"""Tenants' shares and pools' starts over passes and over Dispatchers, on the memory stores."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.jobs.board import SHARES, STARTS
from app.jobs.events import EventLog
from app.line.tenant_shares import shares_from_note
from app.types import Event, Failure, Job
from tests.dispatch.test_dispatcher import World, build
from tests.dispatch.workers import makes

__all__ = ["build"]
pytestmark = pytest.mark.anyio
NO_LOANS = {"tenant_borrow_s": 0.0}  # so that a tenant that comes stands at nothing


async def used(world: World) -> dict[str, float]:
    note = shares_from_note(await world.stores.board.get(SHARES))
    assert note is not None
    return {tenant: round(at, 3) for tenant, at in note.used["main"].items()}


async def started(world: World) -> list[str]:
    """Tenants of the jobs that were given out, in order."""
    return [(await world.stores.jobs.get(given.job_id)).tenant for given in world.workers.given]


async def test_the_next_free_slot_is_the_single_jobs_behind_another_tenants_hundred(
    build: Callable[..., World],
) -> None:
    world = build(makes)
    await world.has("replica1")
    for _ in range(100):
        await world.add(tenant="many")
    await world.pass_after(1.0)
    await world.workers.next()
    await world.add(tenant="single")
    for _ in range(2):
        await world.pass_after(1.0)
        await world.workers.next()
    assert "single" in (await started(world))[:3]


async def test_a_new_dispatcher_goes_on_where_the_last_one_was(build: Callable[..., World]) -> None:
    world = build(**NO_LOANS)
    await world.has("replica1", slots=4)
    for tenant in ("many", "many", "many", "single"):
        await world.add(tenant=tenant)
    await world.pass_after(1.0)
    before = await used(world)
    assert before == {"many": 4.5, "single": 1.5}
    heir = build(instead={name: getattr(world.stores, name) for name in ("jobs", "board", "events")}, **NO_LOANS)
    heir.time.passed_s = world.time.passed_s
    await heir.add(tenant="single")
    await heir.has("replica2", slots=4)
    await heir.pass_after(1.0)
    assert await used(heir) == {"many": 4.5, "single": 3.0}, "nothing is charged twice"


async def test_what_was_leased_and_not_written_down_is_charged_by_its_lease(build: Callable[..., World]) -> None:
    world = build(**NO_LOANS)
    await world.has("replica1", slots=2)
    await world.add(tenant="many")
    await world.pass_after(1.0)
    await world.stores.board.forget(SHARES)
    heir = build(instead={name: getattr(world.stores, name) for name in ("jobs", "board", "events")}, **NO_LOANS)
    heir.time.passed_s = world.time.passed_s
    await heir.add(tenant="single")
    await heir.pass_after(1.0)
    assert await used(heir) == {"many": 1.5, "single": 1.5}


async def test_a_job_that_is_cancelled_gives_back_what_it_did_not_use(build: Callable[..., World]) -> None:
    world = build(**NO_LOANS)
    await world.has("replica1", slots=2)
    cancelled = await world.add(tenant="many")
    await world.add(tenant="other")
    await world.add(tenant="other")
    await world.pass_after(1.0)
    assert (await used(world))["many"] == 1.5
    await world.stores.jobs.cancel(cancelled.id, None, Failure("cancelled", ""), world.time.wall())
    await world.add(tenant="many")
    await world.pass_after(1.0)
    assert await used(world) == {"many": 1.5, "other": 1.5}, "so its next job is the next"


async def test_what_a_pools_start_took_is_promised_also_by_the_next_dispatcher(build: Callable[..., World]) -> None:
    sleeping = {"replicas": {"main": (0, 1)}, "replica_start_s": 30.0}
    world = build(**sleeping)
    job = await world.add()
    await world.pass_after(1.0)
    assert (await world.backlog()).pool("main").start_s == 30.0
    assert [event.data["reason"] for event in await queue_events(world.stores.events, job)] == ["pool_starting"]
    await world.pass_after(20.0)
    assert (await world.backlog()).pool("main").start_s == 10.0, "two thirds of it are over"
    await world.has("replica1")
    await world.pass_after(50.0)
    note = await world.stores.board.get(STARTS)
    assert note == {"took_s": {"main": 70.0}, "asked_at": {}}
    heir = build(instead={name: getattr(world.stores, name) for name in ("board",)}, **sleeping)
    await heir.add()
    await heir.pass_after(1.0)
    row = (await heir.backlog()).pool("main")
    assert (row.start_s, row.ahead_s["normal"] >= 70.0) == (70.0, True)


async def queue_events(events: EventLog, job: Job) -> list[Event]:
    return [event for event in await events.read(job.id, None, 0.0) if event.kind == "queue"]
