from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.dispatch.abilities import Abilities, needs_of
from app.jobs.record import VERSION
from app.service.outlook import outlook_of
from app.types import Artifact, Job, Phase, Plan, ReplicaInfo
from tests.dispatch.test_dispatcher import World
from tests.dispatch.workers import a_replica
from tests.jobs.make import PLAN, a_job

pytestmark = pytest.mark.anyio
WITH_PICTURE = replace(PLAN, image=Artifact("inputs/0", "image/png", 9))
BY_BLOCKS = replace(PLAN, sampling=replace(PLAN.sampling, ar_step=5))  # which only records of version 8 say
SAYS_NOTHING = a_replica("silent", slots=4)
OF_TEXT = replace(a_replica("of_text", slots=4), reads=VERSION, takes=("sampler euler",))
OF_PICTURES = replace(a_replica("of_pictures", slots=4), reads=VERSION, takes=("image as first", "sampler euler"))
BEFORE_BLOCKS = replace(OF_PICTURES, replica="before_blocks", reads=7)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.dispatcher.close()


@pytest.mark.parametrize(
    ("plan", "replica", "takes"),
    [
        (PLAN, SAYS_NOTHING, True),
        (PLAN, OF_TEXT, True),
        (WITH_PICTURE, SAYS_NOTHING, False),
        (WITH_PICTURE, OF_TEXT, False),
        (WITH_PICTURE, OF_PICTURES, True),
        (BY_BLOCKS, OF_TEXT, True),
        (BY_BLOCKS, BEFORE_BLOCKS, False),
        (replace(PLAN, sampling=replace(PLAN.sampling, sampler="lcm")), OF_PICTURES, False),
    ],
)
def test_a_replica_takes_what_it_says(plan: Plan, replica: ReplicaInfo, takes: bool) -> None:
    assert needs_of(a_job(plan=plan)).met_by(replica) is takes


@pytest.mark.parametrize("older", [SAYS_NOTHING, OF_TEXT])
async def test_a_job_that_an_older_replica_cannot_take_waits_until_that_is_gone_and_holds_up_nobody(
    world: World, older: ReplicaInfo
) -> None:
    await world.stores.jobs.announce(older, 1e9)
    seen, plain = await world.add(plan=WITH_PICTURE), await world.add()
    await world.dispatcher.run_pass()
    assert (await world.workers.next()).job_id == plain.id
    assert await where(world, seen) == (0, None, "older_replicas")
    await world.stores.jobs.announce(OF_PICTURES, 1e9)  # Serve may still give it to the other
    await world.pass_after(1.0)
    assert (await world.job(seen)).phase is Phase.QUEUED
    await world.stores.jobs.announce(replace(older, leaving=True), 1e9)
    await world.pass_after(1.0)
    assert (await world.workers.next()).job_id == seen.id
    assert (await world.job(seen)).attempts == 1


async def test_an_older_replica_that_serve_no_longer_reaches_holds_up_nothing(world: World) -> None:
    for replica in (OF_TEXT, OF_PICTURES):
        await world.stores.jobs.announce(replica, 1e9)
    world.workers.reached["main"] = ["of_pictures"]
    await world.dispatcher.call_roll()
    seen = await world.add(plan=WITH_PICTURE)
    await world.dispatcher.run_pass()
    assert (await world.workers.next()).job_id == seen.id


async def test_urgent_jobs_do_not_preempt_where_they_cannot_be_made(world: World) -> None:
    await world.stores.jobs.announce(replace(OF_TEXT, slots=1), 1e9)
    await world.add(priority="low")
    await world.dispatcher.run_pass()
    urgent = await world.add(plan=WITH_PICTURE, priority="high")
    await world.pass_after(1.0)
    assert (await world.job(urgent)).phase is Phase.QUEUED


async def test_the_jobs_of_other_pools_ask_nothing_of_this_one() -> None:
    job = a_job(plan=replace(WITH_PICTURE, pool="other"))
    assert Abilities().beyond([job], [OF_TEXT]) == {}
    assert Abilities().beyond([job], [replace(OF_TEXT, pool="other")]) == {"other": {job.id}}


async def where(world: World, job: Job) -> tuple[Any, ...]:
    found = await outlook_of(await world.job(job), world.shared())
    return found.position, found.eta_s, found.reason
