from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.engine.fake import RAISES
from app.worker.attempt import Attempt
from tests.logs.recorded import recorded
from tests.tracing.kept import ids, kept
from tests.worker.workplace import SHORT, Workplace

pytestmark = pytest.mark.anyio
Make = Callable[..., Workplace]
TRACE = f"00-{'4' * 32}-{'7' * 16}-01"


async def test_the_lines_of_a_job_that_goes_well_are_few_however_many_steps_it_has(workplace: Make) -> None:
    here = workplace()
    with recorded() as log:
        done = await here.run(tenant="studio", trace=TRACE)
    assert log.about(done.id) == ["started", "completed"]
    for line in log.lines:
        told = (line["attempt"], line["fence"], line["pool"], line["trace"])
        assert told == (1, 1, "main", "4" * 32)
    assert log.lines[-1]["evaluations"] == 6


async def test_a_failure_in_the_model_is_a_line_with_its_traceback_and_one_with_code_and_cause(
    workplace: Make,
) -> None:
    here = workplace()
    with recorded() as log:
        failed = await here.run(plan=replace(SHORT, prompt=RAISES))
    engine, last = log.lines[-2:]
    assert (engine["job"], engine["thread"], engine["fence"]) == (failed.id, "engine", 1)
    assert "Traceback" in engine["exception"]
    assert (last["message"], last["code"], last["level"]) == ("failed", "generation_failed", "warning")


async def test_boundaries_are_events_and_batch_mates_are_linked(workplace: Make) -> None:
    here = workplace()
    with kept() as traced:
        here.gate.free = False
        jobs = [await here.leased(trace=TRACE.replace("7", digit)) for digit in "12"]
        running = [asyncio.ensure_future(Attempt(job.id, fence, here.parts).run()) for job, fence in jobs]
        await here.forward()
        here.gate.release()
        await asyncio.gather(*running)
        found = traced.spans()
    first, second = found["attempt"]
    for attempt, mate in ((first, second), (second, first)):
        assert [event.name for event in attempt.events].count("boundary") == 6
        [link] = attempt.links
        assert f"{link.context.span_id:016x}" == ids(mate)[1]
    assert {ids(span)[2] for span in found["finish"]} == {ids(first)[1], ids(second)[1]}


async def test_a_later_attempt_is_a_span_of_its_own_below_the_same_job(workplace: Make) -> None:
    here = workplace(checkpoint_every=2)
    with kept() as traced, recorded() as log:
        here.gate.free = False
        job, fence = await here.leased(trace=TRACE, trace_parent="8" * 16)
        first = asyncio.ensure_future(Attempt(job.id, fence, here.parts).run())
        here.gate.let(3)
        for _ in range(4):
            await here.forward()
        while await here.stores.checkpoints.get(job.id) is None:
            await asyncio.sleep(0)
        await here.stores.jobs.requeue(job.id, fence, here.time.unix(), lost=True)
        here.gate.release()
        await first
        elsewhere = workplace(stores=here.stores)
        await Attempt(job.id, await here.lease(job), elsewhere.parts).run()
        found = traced.spans()
    lost, done = found["attempt"]
    assert (ids(lost)[2], ids(done)[2]) == ("7" * 16, "7" * 16)
    assert ids(lost)[1] != ids(done)[1]
    assert [ids(span) for span in found["job"]] == [("4" * 32, "7" * 16, "8" * 16)]
    resumed = [line for line in log.lines if line["message"] == "resumed"]
    assert [(line["attempt"], line["from_step"]) for line in resumed] == [(2, 2)]


async def test_who_is_preempted_says_by_whom_and_that_it_goes_on(workplace: Make) -> None:
    here = workplace(slots=1)
    with recorded() as log:
        here.gate.free = False
        job, fence = await here.leased()
        running = asyncio.ensure_future(Attempt(job.id, fence, here.parts).run())
        await here.forward()
        urgent, its = await here.leased(priority="high")
        ahead = asyncio.ensure_future(Attempt(urgent.id, its, here.parts).run())
        while (await here.stores.jobs.get(urgent.id)).cache.embedding_hit is None:  # noted once the engine has it
            await asyncio.sleep(0)
        here.gate.release()
        await asyncio.gather(running, ahead)
    told = {line["message"]: line for line in log.lines if line.get("job") == job.id}
    assert told["preempted"]["by"] == [urgent.id]
    assert list(told)[-3:] == ["preempted", "went on", "completed"]
