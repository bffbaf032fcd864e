"""What every JobStore promises, asked of the one in memory and of the one in a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.errors import Conflict, IllegalTransition, JobNotFound, LeaseLost
from app.jobs.memory import MemoryJobs
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.redis.connection import Client
from app.types import CacheUse, Failure, Job, Lease, Measured, Phase
from app.types.wishes import Webhook
from tests.jobs.conftest import Asleep
from tests.jobs.make import VIDEO, a_job, a_replica
from tests.redis_server import MEMORY_AND_REDIS
from tests.waiting import until

pytestmark = pytest.mark.anyio

LOST = Failure("worker_lost", "The replicas were lost.")
MEASURED = Measured({"denoise": 1.0}, 1.0, None, 12)


@pytest.fixture(params=MEMORY_AND_REDIS)
def jobs(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryJobs()
    redis: Client = request.getfixturevalue("redis")
    return RedisJobs(redis, request.getfixturevalue("prefix"))


async def leased(jobs: JobStore, created_at: float = 100.0) -> tuple[Job, Lease]:
    job = a_job(created_at)
    await jobs.create(job)
    return job, await jobs.lease(job.id, "main", 30.0, 200.0)


async def test_a_created_job_is_read_as_it_was(jobs: JobStore) -> None:
    job = a_job(1763000000.123456)
    await jobs.create(job)
    assert await jobs.get(job.id) == job
    assert await jobs.get(job.id, "public") == job
    assert [waiting.id for waiting in await jobs.waiting()] == [job.id]


async def test_an_id_is_given_once_but_the_same_call_may_be_made_again(jobs: JobStore) -> None:
    job = a_job()
    await jobs.create(job)
    await jobs.create(job)
    with pytest.raises(Conflict):
        await jobs.create(replace(job, tenant="other"))
    assert len(await jobs.waiting()) == 1


async def test_tenants_do_not_see_each_other(jobs: JobStore) -> None:
    job = a_job(tenant="a:b*")
    await jobs.create(job)
    for call in (jobs.get(job.id, "public"), jobs.delete(job.id, "public"), jobs.cancel(job.id, "public", LOST, 1.0)):
        with pytest.raises(JobNotFound):
            await call
    assert (await jobs.list("public", None, 10, True)).jobs == ()
    assert (await jobs.list("a:b*", None, 10, True)).jobs == (job,)


@pytest.mark.parametrize("job_id", ["../line", "video_x", "line", "*", "video_" + "0" * 32])
async def test_an_id_that_is_none_is_not_found(jobs: JobStore, job_id: str) -> None:
    for call in (jobs.get(job_id), jobs.delete(job_id, "public"), jobs.lease(job_id, "main", 1.0, 1.0)):
        with pytest.raises(JobNotFound):
            await call


async def test_lists_go_page_by_page_in_both_directions(jobs: JobStore) -> None:
    made = [a_job(float(place)) for place in range(5)]
    for job in made:
        await jobs.create(job)
    first = await jobs.list("public", None, 2, True)
    assert (list(first.jobs), first.has_more) == (made[:2:-1], True)
    rest = await jobs.list("public", first.jobs[-1].id, 5, True)
    assert (list(rest.jobs), rest.has_more) == (made[2::-1], False)
    oldest = await jobs.list("public", made[1].id, 2, False)
    assert (list(oldest.jobs), oldest.has_more) == (made[2:4], True)
    with pytest.raises(JobNotFound):
        await jobs.list("public", a_job().id, 2, True)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_page_goes_on_behind_a_job_that_is_gone(jobs: JobStore, newest_first: bool) -> None:
    made = [a_job(float(place // 2), tenant="a b\nc") for place in range(8)]  # two at a time: the id decides
    for job in made:
        await jobs.create(job)
    whole = [job.id for job in (await jobs.list("a b\nc", None, 9, newest_first)).jobs]
    seen: list[str] = []
    while True:
        page = await jobs.list("a b\nc", seen[-1] if seen else None, 3, newest_first)
        for job in page.jobs:
            seen.append((await jobs.delete(job.id, "a b\nc")).id)
        if not page.has_more:
            break
    assert seen == whole
    assert (await jobs.list("a b\nc", None, 9, newest_first)).jobs == ()
    assert (await jobs.list("a b\nc", whole[3], 9, newest_first)).jobs == ()
    with pytest.raises(JobNotFound):
        await jobs.list("public", whole[3], 9, newest_first)


async def test_a_lease_takes_the_job_out_of_the_line_once(jobs: JobStore) -> None:
    job, lease = await leased(jobs)
    assert lease == Lease(job.id, 1, "main", 230.0)
    held = await jobs.get(job.id)
    assert (held.phase, held.fence, held.attempts, held.started_at) == (Phase.ENCODING, 1, 1, 200.0)
    assert list(await jobs.waiting()) == []
    assert list(await jobs.leases()) == [lease]
    with pytest.raises(IllegalTransition):
        await jobs.lease(job.id, "main", 30.0, 200.0)


async def test_of_many_who_want_a_job_one_gets_it(jobs: JobStore) -> None:
    job = a_job()
    await jobs.create(job)
    wants = [jobs.lease(job.id, f"r{place}", 30.0, 200.0) for place in range(20)]
    got = await asyncio.gather(*wants, return_exceptions=True)
    assert sum(isinstance(answer, Lease) for answer in got) == 1


async def test_a_job_is_made_from_line_to_end(jobs: JobStore) -> None:
    job, lease = await leased(jobs)
    await jobs.advance(job.id, 1, Phase.DENOISING, 201.0, 5, 3.5)
    await jobs.note_cache(job.id, 1, CacheUse(embedding_hit=True))
    running = await jobs.get(job.id)
    assert (running.step, running.eta_s, running.cache.embedding_hit) == (5, 3.5, True)
    await jobs.advance(job.id, 1, Phase.DECODING, 202.0)
    assert (await jobs.get(job.id)).step == 5
    done = await jobs.complete(job.id, 1, {"video": VIDEO}, MEASURED, 203.0, 900.0)
    assert (done.phase, done.completed_at, done.expires_at) == (Phase.COMPLETED, 203.0, 900.0)
    assert (done.artifacts, done.measured, done.eta_s) == ({"video": VIDEO}, MEASURED, None)
    assert await jobs.get(job.id) == done
    assert list(await jobs.leases()) == []


async def test_steps_never_go_back_and_phases_neither(jobs: JobStore) -> None:
    job, _ = await leased(jobs)
    await jobs.advance(job.id, 1, Phase.DENOISING, 201.0, 5)
    await jobs.advance(job.id, 1, Phase.DENOISING, 201.0, 4)
    assert (await jobs.get(job.id)).step == 5
    with pytest.raises(IllegalTransition):
        await jobs.advance(job.id, 1, Phase.ENCODING, 201.0)


async def test_closing_twice_under_one_fence_is_closing_once(jobs: JobStore) -> None:
    job, _ = await leased(jobs)
    done = await jobs.complete(job.id, 1, {"video": VIDEO}, MEASURED, 203.0, 900.0)
    assert await jobs.complete(job.id, 1, {}, Measured(), 204.0, 999.0) == done
    with pytest.raises(IllegalTransition):
        await jobs.fail(job.id, 1, LOST, 205.0)


async def test_an_old_fence_writes_nothing(jobs: JobStore) -> None:
    job, lease = await leased(jobs)
    await jobs.requeue(job.id, 1, 201.0)
    calls = (
        jobs.advance(job.id, 1, Phase.DENOISING, 202.0, 9),
        jobs.note_cache(job.id, 1, CacheUse()),
        jobs.complete(job.id, 1, {"video": VIDEO}, MEASURED, 202.0, 900.0),
        jobs.fail(job.id, 1, LOST, 202.0),
        jobs.requeue(job.id, 1, 202.0),
    )
    for call in calls:
        with pytest.raises(LeaseLost):
            await call
    assert list(await jobs.renew([lease], 30.0, 202.0)) == [job.id]
    assert (await jobs.get(job.id)).phase is Phase.QUEUED


async def test_a_requeued_job_keeps_its_place(jobs: JobStore) -> None:
    first, _ = await leased(jobs, 100.0)
    second = a_job(101.0)
    await jobs.create(second)
    await jobs.advance(first.id, 1, Phase.DENOISING, 201.0, 5)
    back = await jobs.requeue(first.id, 1, 202.0)
    assert (back.fence, back.attempts, back.step, back.started_at) == (2, 1, 0, None)
    assert [job.id for job in await jobs.waiting()] == [first.id, second.id]
    assert [await jobs.position(job_id) for job_id in (first.id, second.id, a_job().id)] == [0, 1, None]
    assert list(await jobs.leases()) == []
    again = await jobs.lease(first.id, "main", 30.0, 203.0)
    assert (again.fence, (await jobs.get(first.id)).attempts) == (3, 2)


async def test_cancelling_ends_a_job_wherever_it_is(jobs: JobStore) -> None:
    running, lease = await leased(jobs)
    waiting = a_job()
    await jobs.create(waiting)
    for job_id in (running.id, waiting.id):
        ended = await jobs.cancel(job_id, "public", LOST, 210.0)
        assert (ended.phase, ended.failure, ended.completed_at) == (Phase.FAILED, LOST, 210.0)
        assert ended.expires_at is not None
        assert await jobs.cancel(job_id, None, LOST, 211.0) == ended
    assert (list(await jobs.waiting()), list(await jobs.leases())) == ([], [])
    with pytest.raises(LeaseLost):
        await jobs.complete(running.id, lease.fence, {}, MEASURED, 212.0, 900.0)


async def test_deleting_a_running_job_takes_its_lease(jobs: JobStore) -> None:
    job, lease = await leased(jobs)
    assert (await jobs.delete(job.id, "public")).id == job.id
    with pytest.raises(LeaseLost):
        await jobs.advance(job.id, lease.fence, Phase.DENOISING, 201.0)
    assert list(await jobs.renew([lease], 30.0, 201.0)) == [job.id]
    assert (list(await jobs.leases()), (await jobs.list("public", None, 9, True)).jobs) == ([], ())
    with pytest.raises(JobNotFound):
        await jobs.get(job.id)


async def test_renewed_leases_last_longer_and_stand_in_order_of_expiry(jobs: JobStore) -> None:
    (_, first), (_, second) = await leased(jobs), await leased(jobs)
    assert list(await jobs.renew([first], 30.0, 250.0)) == []
    assert list(await jobs.leases()) == [second, replace(first, until=280.0)]
    assert list(await jobs.renew([], 30.0, 250.0)) == []


async def test_a_finished_job_is_not_leased_again_by_a_late_renewal(jobs: JobStore) -> None:
    job, lease = await leased(jobs)
    await jobs.complete(job.id, 1, {}, MEASURED, 203.0, 900.0)
    assert list(await jobs.renew([lease], 30.0, 204.0)) == []
    assert list(await jobs.leases()) == []


async def test_ended_jobs_expire_soonest_first(jobs: JobStore) -> None:
    answered = a_job(phase=Phase.COMPLETED, expires_at=300.0)
    await jobs.create(answered)
    made, _ = await leased(jobs)
    await jobs.complete(made.id, 1, {}, MEASURED, 203.0, 250.0)
    assert list(await jobs.expired(249.0, 10)) == []
    assert [job.id for job in await jobs.expired(300.0, 10)] == [made.id, answered.id]
    assert len(await jobs.expired(300.0, 1)) == 1
    await jobs.delete(made.id, "public")
    assert [job.id for job in await jobs.expired(300.0, 10)] == [answered.id]
    assert list(await jobs.waiting()) == []


async def test_whoever_waits_for_work_is_woken(jobs: JobStore, asleep: Asleep) -> None:
    assert await jobs.wait_for_work(0.01) is False
    sleeper = asyncio.ensure_future(jobs.wait_for_work(5.0))
    await asleep()
    job = a_job()
    await jobs.create(job)
    assert await asyncio.wait_for(sleeper, 5.0) is True
    assert await jobs.wait_for_work(0.01) is False
    await jobs.cancel(job.id, None, LOST, 1.0)
    assert await jobs.wait_for_work(1.0) is True


async def test_what_is_made_already_wakes_nobody_unless_somebody_is_to_be_told(jobs: JobStore) -> None:
    await jobs.create(a_job(phase=Phase.COMPLETED, expires_at=300.0))
    assert await jobs.wait_for_work(0.01) is False
    await jobs.create(a_job(phase=Phase.COMPLETED, expires_at=300.0, webhook=Webhook("https://example.com/hook")))
    assert await jobs.wait_for_work(1.0) is True


async def test_replicas_are_known_while_they_speak(jobs: JobStore) -> None:
    assert list(await jobs.replicas()) == []
    await jobs.announce(a_replica("r1"), 60.0)
    await jobs.announce(a_replica("r2"), 0.01)

    async def alone() -> bool:
        return list(await jobs.replicas()) == [a_replica("r1")]

    await until(alone, 5.0)
    assert await jobs.ping() >= 0


async def test_a_priority_that_is_changed_is_on_record_and_in_the_line(jobs: JobStore) -> None:
    first, second = a_job(100.0), a_job(101.0, priority="low")
    for job in (first, second):
        await jobs.create(job)
        assert await jobs.wait_for_work(1.0)
    assert [job.priority for job in await jobs.waiting()] == ["normal", "low"]
    changed = await jobs.reprioritise(second.id, "public", "high")
    assert (changed.priority, changed.wishes.priority, changed.phase) == ("high", "low", Phase.QUEUED)
    assert changed == await jobs.get(second.id)
    assert [job.priority for job in await jobs.waiting()] == ["normal", "high"]
    assert await jobs.wait_for_work(1.0)  # the dispatcher hears
    assert (await jobs.reprioritise(second.id, None, "high")).priority == "high"


async def test_a_running_job_keeps_its_lease_when_its_priority_changes(jobs: JobStore) -> None:
    job, lease = await leased(jobs)
    assert (await jobs.reprioritise(job.id, "public", "low")).fence == lease.fence
    await jobs.advance(job.id, lease.fence, Phase.DENOISING, 210.0, 3)
    assert list(await jobs.renew([lease], 30.0, 220.0)) == []
    assert (await jobs.requeue(job.id, lease.fence, 230.0)).priority == "low"


async def test_a_job_that_is_leased_while_its_priority_changes_has_both(jobs: JobStore) -> None:
    many = [a_job(float(place)) for place in range(20)]
    for job in many:
        await jobs.create(job)
    calls = [jobs.reprioritise(job.id, "public", "high") for job in many]
    leases = await asyncio.gather(*(jobs.lease(job.id, "main", 30.0, 200.0) for job in many), *calls)
    held = [lease for lease in leases if isinstance(lease, Lease)]
    for lease in held:
        found = await jobs.get(lease.job_id)
        assert (found.priority, found.phase) == ("high", Phase.ENCODING)
        assert found.fence == lease.fence
    assert len(held) == 20


async def test_nobody_elses_and_no_ended_job_changes_its_priority(jobs: JobStore) -> None:
    job, lease = await leased(jobs)
    with pytest.raises(JobNotFound):
        await jobs.reprioritise(job.id, "other", "high")
    await jobs.fail(job.id, lease.fence, LOST, 210.0)
    with pytest.raises(IllegalTransition):
        await jobs.reprioritise(job.id, "public", "high")
    assert (await jobs.get(job.id)).priority == "normal"


async def test_the_leased_jobs_are_as_their_attempts_and_their_tenants_have_left_them(jobs: JobStore) -> None:
    first, lease = await leased(jobs)
    second, _ = await leased(jobs, 101.0)
    before = await jobs.leased()
    assert [(held, job) for held, job in before] == [
        (held, await jobs.get(held.job_id)) for held in await jobs.leases()
    ]
    await jobs.advance(first.id, lease.fence, Phase.DENOISING, 210.0, 3)
    await jobs.reprioritise(second.id, None, "high")
    third, _ = await leased(jobs, 102.0)
    found = {job.id: job for _, job in await jobs.leased()}
    assert (found[first.id].step, found[first.id].phase) == (3, Phase.DENOISING)
    assert [found[each.id].priority for each in (first, second, third)] == ["normal", "high", "normal"]
    await jobs.requeue(first.id, lease.fence, 220.0)
    again = await jobs.lease(first.id, "main", 30.0, 230.0)
    await jobs.cancel(second.id, None, LOST, 240.0)
    left = {held.job_id: (held.fence, job.fence, job.step) for held, job in await jobs.leased()}
    assert left == {first.id: (again.fence, again.fence, 0), third.id: (1, 1, 0)}


async def test_what_has_ended_is_read_page_by_page_also_when_the_last_of_a_page_is_gone(jobs: JobStore) -> None:
    ended = []
    for number in range(5):
        job, lease = await leased(jobs, 100.0 + number)
        await jobs.complete(job.id, lease.fence, {}, MEASURED, 300.0, 1000.0 + number)
        ended.append(job.id)
    await jobs.create(a_job())
    first = await jobs.ended(None, 2)
    place = (first[-1].expires_at or 0.0, first[-1].id)
    assert [job.id for job in (*first, *await jobs.ended(place, 10))] == ended
    await jobs.delete(first[-1].id, "public")
    assert [job.id for job in await jobs.ended(place, 2)] == ended[2:4]
