"""What a replica notes of its attempts, and what becomes of it when the replica does not live to tell more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from app.engine.sinks import Mate
from app.jobs.reports.account import AttemptAccount, account_of
from app.jobs.reports.records import Cause, Outcome, Report
from app.line.pressure import Used
from app.service.job_report import report_of
from app.types import Job, Phase
from app.worker.account import MOST_PAUSES, MOST_RUNS, AttemptLog
from app.worker.attempt import Attempt
from app.worker.facts import StepDone
from tests.waiting import until
from tests.worker.workplace import SHORT, Time, Workplace

pytestmark = pytest.mark.anyio
Make = Callable[..., Workplace]


async def handed_in(here: Workplace, job: Job) -> None:
    """Until the engine has the job."""

    async def noted() -> bool:
        return (await here.stores.jobs.get(job.id)).cache.embedding_hit is not None

    await until(noted, 20.0)


def a_log(time: Time) -> AttemptLog:
    return AttemptLog(1, "r1", time.unix, lambda: (100, 7))


def told(log: AttemptLog) -> AttemptAccount:
    return account_of(log.entries()).attempts[1]


async def report(here: Workplace, job: Job) -> Report:
    return await report_of(await here.stores.jobs.get(job.id), here.stores, here.time.unix())


def test_stages_follow_one_another_with_the_memory_of_their_beginning() -> None:
    time = Time()
    log = a_log(time)
    log.enter("inputs")
    time.advance(2.0)
    log.enter("steps", time.unix() - 0.5)
    found = told(log).spans
    assert [(each.name, each.at - time.unix(), each.device_bytes) for each in found] == [
        ("inputs", -2.0, 7),
        ("steps", -0.5, 7),
    ]
    assert (found[0].until, found[1].until) == (found[1].at, None)


def test_steps_in_batches_of_one_size_are_one_run_and_those_forecast_another() -> None:
    log = a_log(Time())
    for step, batch in enumerate((4, 4, 0, 0, 4, 1), 1):
        log.heed(StepDone(step, 6, 0.0, batch, 0.5 * bool(batch)), 0.0)
    assert [(run.batch, run.steps, run.took_s) for run in told(log).runs] == [
        (4, 2, 1.0),
        (0, 2, 0.0),
        (4, 1, 0.5),
        (1, 1, 0.5),
    ]


def test_a_pause_tells_behind_which_step_it_came() -> None:
    log = a_log(Time())
    log.waits("slot", None, 0.0)
    log.goes_on(1.0)
    for step, batch in ((1, 1), (2, 0)):
        log.ran(step, batch, 0.1)
    log.waits("preempted", "other", 2.0)
    assert [(pause.cause, pause.step) for pause in told(log).pauses] == [("slot", None), ("preempted", 2)]


def test_an_account_stays_small_however_long_the_job_is() -> None:
    time = Time()
    log = a_log(time)
    for step in range(5000):
        log.ran(step, 1 + step % 2, 0.1)
        log.waits("memory", None, time.unix())
        time.advance(0.01 * (1 + step))
        log.goes_on(time.unix())
    found = told(log)
    assert (len(found.runs), sum(run.steps for run in found.runs)) == (MOST_RUNS, 5000)
    assert len(found.pauses) == MOST_PAUSES
    assert max((pause.until or 0.0) - pause.at for pause in found.pauses) == pytest.approx(50.0)


async def test_an_attempt_is_told_from_its_lease_to_the_finished_file(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased()
    await here.replica("r7").run(job.id, fence)
    found = await report(here, job)
    names = [str(row.name) for row in found.stages]
    assert [name for name in names if name in ("leased", "steps", "decode", "file", "stored", "closed")] == [
        *("leased", "steps", "decode", "file", "stored", "closed")
    ]
    assert [(row.replica, row.outcome) for row in found.attempts] == [("r7", Outcome.COMPLETED)]
    assert [(run.batch, run.steps) for run in found.attempts[0].batches] == [(1, 6)]
    assert all(row.host_memory_bytes for row in found.stages if row.name in ("steps", "decode", "file"))


async def test_who_shares_forwards_sees_the_batch_grow(workplace: Make) -> None:
    here = workplace(slots=2)
    here.gate.free = False
    first, fence = await here.leased()
    running = asyncio.ensure_future(Attempt(first.id, fence, here.parts).run())
    await here.forward()
    second, other = await here.leased()
    beside = asyncio.ensure_future(Attempt(second.id, other, here.parts).run())
    await handed_in(here, second)
    here.gate.release()
    await asyncio.gather(running, beside)
    [row] = (await report(here, first)).attempts
    assert [run.batch for run in row.batches][:2] == [1, 2]


async def test_who_gives_way_to_a_more_urgent_job_is_told_by_whom(workplace: Make) -> None:
    here = workplace(slots=1)
    here.gate.free = False
    low, fence = await here.leased(priority="low")
    running = asyncio.ensure_future(Attempt(low.id, fence, here.parts, "r1").run())
    await here.forward()
    high, other = await here.leased(priority="high")
    urgent = asyncio.ensure_future(Attempt(high.id, other, here.parts, "r1").run())
    await handed_in(here, high)
    here.gate.let(1)
    await here.forward()  # the urgent one's
    here.time.advance(1.0)
    here.gate.release()
    await asyncio.gather(urgent, running)
    [wait] = [wait for wait in (await report(here, low)).waits if wait.cause is Cause.PREEMPTED]
    assert (wait.by, high.id in wait.why) == ((high.id,), True)


async def test_a_job_that_memory_sent_back_says_so(workplace: Make) -> None:
    here = workplace(slots=2, checkpoint_every=1)
    here.gate.free = False
    jobs = [await here.leased() for _ in range(2)]
    running = [asyncio.ensure_future(Attempt(job.id, fence, here.parts, "r1").run()) for job, fence in jobs]
    await here.forward()
    here.gate.let(1)
    await here.forward()
    here.memory.used = Used(0.95)
    here.gate.release()
    await asyncio.gather(*running)
    found = [await report(here, job) for job, _ in jobs]
    back = [row for each in found for row in each.attempts if row.outcome is Outcome.HANDED_BACK]
    assert [row.why for row in back] == ["Memory was short on its replica."]


async def test_the_account_is_there_while_the_replica_that_writes_it_is_at_work(workplace: Make) -> None:
    here = workplace()
    here.gate.free = False
    job, fence = await here.leased()
    running = asyncio.ensure_future(Attempt(job.id, fence, here.parts, "gone").run())

    async def told(step: int) -> bool:
        return (await here.stores.jobs.get(job.id)).step >= step

    for step in (1, 2, 3):
        await here.forward()
        here.time.advance(1.0)  # a step is told now and then
        here.gate.let(1)
        await until(partial(told, step), 20.0)
    await here.forward()
    [row] = (await report(here, job)).attempts
    assert (row.replica, row.outcome) == ("gone", Outcome.RUNNING)
    assert sum(run.steps for run in row.batches) >= 2
    here.gate.release()
    await running


async def test_an_attempt_that_resumes_says_from_which_step(workplace: Make) -> None:
    here = workplace(checkpoint_every=1)
    here.gate.free = False
    job, fence = await here.leased()
    replica = here.replica("r1")
    running = asyncio.ensure_future(replica.run(job.id, fence))
    for _ in range(3):
        await here.forward()
        here.gate.let(1)
    await here.forward()
    leaving = asyncio.ensure_future(replica.leave())
    await here.engine_takes_nothing_more()
    here.gate.release()
    await asyncio.gather(leaving, running)
    again = workplace(stores=here.stores, time=here.time)
    await again.replica("r2").run(job.id, await again.lease(job))
    found = await report(again, job)
    assert [(row.replica, row.outcome) for row in found.attempts] == [
        ("r1", Outcome.HANDED_BACK),
        ("r2", Outcome.COMPLETED),
    ]
    resumed = found.attempts[1].resumed_from_step
    assert (found.job.phase, resumed) == (Phase.COMPLETED, found.job.measured and found.job.measured.resumed_from_step)
    assert resumed is not None
    assert sum(run.steps for run in found.attempts[1].batches) == SHORT.sampling.steps - resumed


async def test_a_replica_that_is_leaving_says_that_it_gave_a_job_back(workplace: Make) -> None:
    here = workplace()
    replica = here.replica("r1")
    await replica.leave()
    job, fence = await here.leased()
    await replica.run(job.id, fence)
    [row] = (await report(here, job)).attempts
    assert (row.outcome, row.why) == (Outcome.HANDED_BACK, "The replica was leaving.")


def test_packed_steps_say_with_whom() -> None:
    log, mate = a_log(Time()), Mate("other", (9, 8, 8))
    for step, packed in enumerate(((mate,), (mate,), ()), 1):
        log.heed(StepDone(step, 3, 0.0, 2, 0.5, packed), 0.0)
    assert [(run.steps, [(one.job, one.shape) for one in run.packed]) for run in told(log).runs] == [
        (2, [("other", (9, 8, 8))]),
        (1, []),
    ]
