"""What holds when a job is recorded, asked of the store in memory and of the one in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from app.errors import InvalidRequest, JobNotFound, KinorayError, Overloaded
from app.jobs.admission_limits import AdmissionLimits, IdempotencyKey, KeyReused, PictureWillTell, Replayed
from app.jobs.flights import Claim, Flights, MemoryFlights, Role
from app.jobs.memory import MemoryJobs
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.scripts import Keys
from app.jobs.store import JobStore
from app.redis.commands import Commands
from app.redis.connection import Client
from app.types import Failure, Measured
from tests.jobs.make import PLAN, a_job
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio

ONCE = AdmissionLimits(idempotency_key=IdempotencyKey("k", "body", 60.0))
GONE = Failure("cancelled", "It was cancelled.")
Stores = tuple[JobStore, Flights]


@pytest.fixture(params=MEMORY_AND_REDIS)
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        memory = MemoryJobs()
        return memory, MemoryFlights(memory)
    redis, prefix = request.getfixturevalue("redis"), request.getfixturevalue("prefix")
    return RedisJobs(redis, prefix), RedisFlights(redis, prefix)


@pytest.fixture
def jobs(stores: Stores) -> JobStore:
    return stores[0]


async def outcome(call: Awaitable[object]) -> str:
    try:
        await call
    except KinorayError as error:
        return type(error).__name__
    return "ok"


async def complete(jobs: JobStore, job_id: str) -> None:
    lease = await jobs.lease(job_id, "main", 30.0, 200.0)
    await jobs.complete(job_id, lease.fence, {}, Measured(), 210.0, 900.0)


async def test_of_twenty_who_come_at_once_under_one_key_one_is_recorded(stores: Stores) -> None:
    jobs, flights = stores
    some = [jobs.create(a_job(), ONCE) for _ in range(10)]
    more = [flights.enter(a_job(), "d" * 64, Role.LEAD, None, ONCE) for _ in range(10)]
    found = await asyncio.gather(*map(outcome, [*some, *more]))
    assert sorted(found) == ["Replayed"] * 19 + ["ok"]
    (only,) = await jobs.waiting()
    assert ONCE.idempotency_key is not None
    assert await jobs.answered(ONCE.idempotency_key, "public") == only.id
    assert await jobs.answered(ONCE.idempotency_key, "other") is None


async def test_a_key_is_of_one_request_and_of_one_tenant(jobs: JobStore) -> None:
    first = a_job()
    await jobs.create(first, ONCE)
    with pytest.raises(KeyReused):
        await jobs.create(a_job(), AdmissionLimits(idempotency_key=IdempotencyKey("k", "another body", 60.0)))
    with pytest.raises(Replayed, match=first.id):
        await jobs.create(a_job(), ONCE)
    await jobs.create(a_job(tenant="other"), ONCE)
    assert len(await jobs.waiting()) == 2


async def test_the_same_call_made_again_is_no_replay(jobs: JobStore) -> None:
    job = a_job()
    await jobs.create(job, ONCE)
    await jobs.create(job, ONCE)
    assert (await jobs.usage("public", ONCE, 100.0)).open == 1


async def test_a_burst_does_not_pass_a_tenants_limit_and_who_ends_makes_room(stores: Stores) -> None:
    jobs, flights = stores
    three, made = AdmissionLimits(most_open=3), [a_job() for _ in range(20)]
    calls = [jobs.create(job, three) for job in made[:10]]
    leads = [flights.enter(job, f"{n:064}", Role.LEAD, None, three) for n, job in enumerate(made[10:])]
    assert (await asyncio.gather(*map(outcome, [*calls, *leads]))).count("ok") == 3
    await jobs.create(a_job(tenant="other"), three)
    first, second, _ = [job for job in await jobs.waiting() if job.tenant == "public"]
    await jobs.cancel(first.id, None, GONE, 120.0)
    lease = await jobs.lease(second.id, "main", 30.0, 130.0)
    usage = await jobs.usage("public", three, 130.0)
    assert (usage.open, usage.running) == (2, 1)
    await jobs.create(a_job(), three)
    with pytest.raises(Overloaded) as refused:
        await jobs.create(a_job(), three)
    assert refused.value.error_code == "tenant_jobs_limit"
    await jobs.requeue(second.id, lease.fence, 140.0)
    assert (await jobs.usage("public", three, 140.0)).running == 0
    await jobs.delete(second.id, "public")
    assert (await jobs.usage("public", three, 140.0)).open == 2


async def test_the_line_is_bounded_for_all_tenants_together(jobs: JobStore) -> None:
    two = AdmissionLimits(most_waiting=2)
    found = await asyncio.gather(*(outcome(jobs.create(a_job(tenant=f"t{n}"), two)) for n in range(9)))
    assert found.count("ok") == 2


async def test_a_tenant_that_fills_the_line_leaves_its_last_tenth_to_the_others_who_have_theirs_each(
    jobs: JobStore,
) -> None:
    ten = AdmissionLimits(most_waiting=20)
    many = [await outcome(jobs.create(a_job(tenant="many"), ten)) for _ in range(25)]
    assert many.count("ok") == 18
    few = [await outcome(jobs.create(a_job(tenant="few"), ten)) for _ in range(3)]
    assert few.count("ok") == 2
    await jobs.check(a_job(tenant="many"), AdmissionLimits(most_waiting=40))


async def test_what_was_asked_for_leaves_the_window_as_it_rolls(jobs: JobStore) -> None:
    limit = AdmissionLimits(most_spent=4.0, window_s=600.0)  # a job is 1.5 step-seconds
    await jobs.create(a_job(1000.0), limit)
    await jobs.create(a_job(1300.0), limit)
    assert (await jobs.usage("public", limit, 1300.0)).spent == 3.0
    with pytest.raises(Overloaded) as refused:
        await jobs.create(a_job(1400.0), limit)
    assert refused.value.error_code == "tenant_spend_limit"
    assert 195.0 <= refused.value.retry_after_s <= 210.0
    await jobs.create(a_job(1400.0 + refused.value.retry_after_s), limit)
    assert (await jobs.usage("public", limit, 3000.0)).spent == 0.0


async def test_who_follows_another_job_pays_nothing(stores: Stores) -> None:
    jobs, flights = stores
    limit, leader = AdmissionLimits(most_spent=2.0), a_job()
    assert await flights.enter(leader, "d" * 64, Role.LEAD, None, limit)
    assert await flights.enter(a_job(), "d" * 64, Role.FOLLOW, Claim(leader.id, leader), limit)
    usage = await jobs.usage("public", limit, 100.0)
    assert (usage.open, usage.spent) == (2, 1.5)


async def test_a_job_comes_into_the_line_when_the_last_of_those_before_it_has_completed(jobs: JobStore) -> None:
    first, second, done = a_job(1.0), a_job(2.0), a_job(0.0)
    for job in (first, second, done):
        await jobs.create(job)
    await complete(jobs, done.id)
    last = a_job(3.0, after=(first.id, second.id, done.id))
    await jobs.create(last)
    assert await jobs.awaited(last.id) == sorted([first.id, second.id])
    assert (await jobs.position(last.id), len(await jobs.waiting())) == (None, 2)
    assert await jobs.unreleased(9) == []
    for job in (first, second):
        await complete(jobs, job.id)
        assert list(await jobs.unreleased(9)) == [job.id]
        assert list(await jobs.dependants(job.id, 9)) == [last.id]
        assert await jobs.position(last.id) is None
        await jobs.release(last.id, job.id)
        await jobs.mark_released(job.id)
    assert [job.id for job in await jobs.waiting()] == [last.id]
    assert (await jobs.get(last.id)).after == (first.id, second.id, done.id)
    assert await jobs.unreleased(9) == []


async def test_nobody_comes_after_what_is_unknown_of_another_tenant_or_failed(jobs: JobStore) -> None:
    theirs, failed = a_job(tenant="other"), a_job()
    await jobs.create(theirs)
    await jobs.create(failed)
    await jobs.cancel(failed.id, None, GONE, 120.0)
    for missing in (theirs.id, a_job().id):
        with pytest.raises(JobNotFound, match=missing):
            await jobs.create(a_job(after=(missing,)))
    with pytest.raises(InvalidRequest, match=failed.id):
        await jobs.create(a_job(after=(failed.id,)))
    assert len(await jobs.waiting()) == 1


async def test_what_comes_with_a_job_goes_with_it(redis: Client, prefix: str) -> None:
    jobs = RedisJobs(redis, prefix)
    first = a_job()
    await jobs.create(first, AdmissionLimits(most_open=5))
    second = a_job(after=(first.id,), deadline=500.0)
    await jobs.create(second, AdmissionLimits(most_open=5))
    await jobs.delete(second.id, "public")
    await jobs.delete(first.id, "public")
    await jobs.release(second.id, first.id)
    await jobs.mark_released(first.id)
    left = await Commands(redis).call("KEYS", f"*{prefix}*")
    keys = Keys(prefix)
    cursors = {keys.cursor(job.id) for job in (first, second)}  # which go by themselves
    assert {key.decode() for key in left} - cursors <= {keys.wake, keys.due}


async def test_losses_are_counted_apart_from_attempts(jobs: JobStore) -> None:
    job = a_job()
    await jobs.create(job)
    for handed_back in (True, False):
        lease = await jobs.lease(job.id, "main", 30.0, 200.0)
        pause = None if handed_back else 207.0
        await jobs.requeue(job.id, lease.fence, 205.0, lost=not handed_back, not_before=pause)
    (back,) = await jobs.waiting()
    assert (back.attempts, back.losses, back.not_before) == (2, 1, 207.0)
    assert back.plan == replace(PLAN)


async def test_a_look_says_what_a_record_would_be_told_and_writes_nothing(jobs: JobStore) -> None:
    limits = AdmissionLimits(most_open=2, most_waiting=3, most_spent=100.0)
    for _ in range(5):
        await jobs.check(a_job(), limits)
    assert (await jobs.usage("public", limits, 100.0)).spent == 0.0
    for _ in range(2):
        await jobs.create(a_job(), limits)
    with pytest.raises(Overloaded) as busy:
        await jobs.check(a_job(), limits)
    await jobs.create(a_job(tenant="other"), limits)
    with pytest.raises(Overloaded) as full:
        await jobs.check(a_job(tenant="third"), limits)
    with pytest.raises(Overloaded) as spent:
        await jobs.check(a_job(tenant="third"), AdmissionLimits(most_spent=1.0, window_s=60.0))
    assert [each.value.error_code for each in (busy, full, spent)] == [
        "tenant_jobs_limit",
        "overloaded",
        "tenant_spend_limit",
    ]
    assert len(await jobs.waiting()) == 3


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        ("a", "a", None),
        ("a", "b", KeyReused),
        ("whole:rest:url", ":rest:url", None),  # named in the same way: it need not be looked at
        ("whole:rest:url", "other:rest:url", None),  # what the address answers with has changed
        ("whole:rest:url", ":rest:signed anew", PictureWillTell),
        ("whole:rest:url", "whole:rest:signed anew", None),
        ("whole:rest:url", "other:rest:signed anew", KeyReused),
        ("whole:rest:url", ":another:url", KeyReused),
        ("whole", ":rest:url", KeyReused),
        ("whole:rest:url", "rest", KeyReused),
    ],
)
async def test_a_request_with_a_picture_is_the_same_by_name_or_by_content(
    jobs: JobStore, before: str, now: str, outcome: type[KeyReused] | None
) -> None:
    job = a_job()
    await jobs.create(job, AdmissionLimits(idempotency_key=IdempotencyKey("k", before, 60.0)))
    asking = jobs.answered(IdempotencyKey("k", now, 60.0), "public")
    if outcome is None:
        assert await asking == job.id
        return
    with pytest.raises(KeyReused) as caught:
        await asking
    assert type(caught.value) is outcome
