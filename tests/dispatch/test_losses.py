"""What the Dispatcher does over a real Redis with replicas that are lost, and with jobs that come after others."""

from __future__ import annotations

import time

import pytest

from app.dispatch.dispatcher import Dispatcher
from app.service.job_report import report_of
from app.settings import Settings
from app.stores import Stores
from app.types import Phase
from tests.dispatch.over_redis import Dispatch, dispatch, stores
from tests.dispatch.workers import PlayedWorkers, Silent, code_of, dies, holds, leaves, makes, told
from tests.jobs.make import a_job

__all__ = ["dispatch", "stores"]
pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(redis_url: str, prefix: str) -> Settings:
    return Settings(redis_url=redis_url, redis_prefix=prefix)


async def test_a_job_that_loses_its_replica_three_times_is_set_aside_with_growing_pauses(
    stores: Stores, dispatch: Dispatch
) -> None:
    workers, job = await dispatch(dies, retry_first_s=0.4), a_job(time.time())
    await stores.jobs.create(job)
    began = []
    for _ in range(3):
        await workers.next()
        began.append(time.monotonic())
    await told(stores, job, "end")
    found = await stores.jobs.get(job.id)
    assert found.failure is not None
    assert (found.failure.code, found.attempts, found.losses) == ("worker_lost", 3, 2)
    assert (began[1] - began[0] >= 0.38, began[2] - began[1] >= 0.78) == (True, True)


async def test_a_job_that_is_handed_back_in_order_has_lost_nothing(stores: Stores, dispatch: Dispatch) -> None:
    workers, job = await dispatch(leaves), a_job(time.time())
    await stores.jobs.create(job)
    for _ in range(7):
        await workers.next()
    found = await stores.jobs.get(job.id)
    assert found.attempts >= 7
    assert (found.losses, found.phase.ended) == (0, False)


async def test_a_lease_that_nobody_renews_is_taken_back_though_its_end_lies_days_ahead(
    stores: Stores, dispatch: Dispatch
) -> None:
    job = a_job(time.time())
    await stores.jobs.create(job)
    await stores.jobs.lease(job.id, "main", 30.0, time.time() + 86400.0)  # by a machine whose clock was ahead
    workers = await dispatch(makes, slots=4, lease_s=1.0, retry_first_s=0.0)
    assert (await workers.next()).fence == 3
    found = await stores.jobs.get(job.id)
    assert (found.attempts, found.losses) == (2, 1)


async def test_a_lease_that_is_renewed_is_kept_though_its_end_lies_in_the_past(
    settings: Settings, stores: Stores
) -> None:
    job, beats = a_job(time.time()), 0
    await stores.jobs.create(job)
    lease = await stores.jobs.lease(job.id, "main", 30.0, time.time() - 86400.0)
    workers = PlayedWorkers(stores)
    quick = settings.model_copy(update={"lease_s": 1.0})
    made = Dispatcher(quick, stores, workers, workers, Silent(), ("main",), lambda: 0.25 * beats)
    for beats in range(8):
        assert await stores.jobs.renew([lease], 30.0, time.time() - 86400.0 + beats) == []
        await made.run_pass()
    assert (await stores.jobs.get(job.id)).fence == lease.fence


async def test_a_job_runs_after_those_that_it_comes_after(stores: Stores, dispatch: Dispatch) -> None:
    first, second = a_job(time.time()), a_job(time.time())
    last = a_job(time.time() - 50.0, after=(first.id, second.id))
    for job in (first, second, last):
        await stores.jobs.create(job)
    workers = await dispatch(makes, slots=4)
    given = [(await workers.next()).job_id for _ in range(3)]
    assert (set(given[:2]), given[2]) == ({first.id, second.id}, last.id)


async def test_a_dispatcher_that_comes_later_ends_what_waits_for_a_job_that_is_gone(
    stores: Stores, dispatch: Dispatch
) -> None:
    first = a_job(time.time())
    second = a_job(time.time(), after=(first.id,))
    third = a_job(time.time(), after=(second.id,), deadline=time.time() + 60.0)
    for job in (first, second, third):
        await stores.jobs.create(job)
    await stores.jobs.delete(first.id, "public")  # while no dispatcher is there
    await dispatch(makes)
    for job in (second, third):
        assert code_of(await told(stores, job, "end")) == "dependency_failed"
        found = await stores.jobs.get(job.id)
        assert found.failure is not None
        assert found.failure.code == "dependency_failed"
        assert [event.kind for event in await stores.events.read(job.id, None, 0.0)] == ["end"]


async def test_a_job_that_waits_for_another_is_given_up_at_its_deadline(stores: Stores, dispatch: Dispatch) -> None:
    first = a_job(time.time())
    second = a_job(time.time(), after=(first.id,), deadline=time.time() + 0.3)
    await stores.jobs.create(first)
    await stores.jobs.create(second)
    await dispatch(holds)
    assert code_of(await told(stores, second, "end")) == "timeout"
    found = await stores.jobs.get(second.id)
    assert found.failure is not None
    assert (found.failure.code, found.phase) == ("timeout", Phase.FAILED)


async def test_a_tenant_runs_no_more_than_it_may_and_holds_up_nobody(stores: Stores, dispatch: Dispatch) -> None:
    mine = [a_job(time.time() + place) for place in range(3)]
    theirs = a_job(time.time() + 5.0, tenant="other")
    for job in (*mine, theirs):
        await stores.jobs.create(job)
    workers = await dispatch(holds, slots=4, tenant_max_running=1)
    given = {(await workers.next()).job_id for _ in range(2)}
    await told(stores, mine[2], "queue")  # a pass has ended that left it where it is
    extra = a_job(time.time() + 6.0, tenant="third")
    await stores.jobs.create(extra)
    assert (await workers.next()).job_id == extra.id  # and another
    assert given == {mine[0].id, theirs.id}
    assert len(workers.given) == 3


async def test_what_was_lost_and_why_stands_in_the_jobs_account(stores: Stores, dispatch: Dispatch) -> None:
    workers, job = await dispatch(dies, retry_first_s=0.0), a_job(time.time())
    await stores.jobs.create(job)
    for _ in range(3):
        await workers.next()
    await told(stores, job, "end")
    report = await report_of(await stores.jobs.get(job.id), stores, time.time())
    assert [(row.fence, str(row.outcome), row.why) for row in report.attempts] == [
        (1, "lost", "The replica was lost while it ran."),
        (3, "lost", "The replica was lost while it ran."),
        (5, "lost", "The replica was lost while it ran."),
    ]
    assert all(row.leased_at and row.ended_at and row.leased_at <= row.ended_at for row in report.attempts)
    assert {str(wait.cause) for wait in report.waits} == {"line", "lease_lost"}


async def test_a_lease_that_ran_out_is_told_as_such(stores: Stores, dispatch: Dispatch) -> None:
    job = a_job(time.time())
    await stores.jobs.create(job)
    await stores.jobs.lease(job.id, "main", 30.0, time.time())
    workers = await dispatch(makes, slots=4, lease_s=1.0, retry_first_s=0.0)
    await workers.next()
    report = await report_of(await stores.jobs.get(job.id), stores, time.time())
    assert (report.attempts[0].why or "").startswith("Its lease ran out")


async def test_a_job_that_came_after_another_says_since_when_it_stood_in_the_line(
    stores: Stores, dispatch: Dispatch
) -> None:
    first = a_job(time.time())
    second = a_job(time.time(), after=(first.id,))
    for each in (first, second):
        await stores.jobs.create(each)
    workers = await dispatch(makes, slots=4)
    assert [(await workers.next()).job_id for _ in range(2)] == [first.id, second.id]
    report = await report_of(await stores.jobs.get(second.id), stores, time.time())
    dependency = next(wait for wait in report.waits if str(wait.cause) == "dependency")
    assert (dependency.by, dependency.duration_s is not None) == ((first.id,), True)
