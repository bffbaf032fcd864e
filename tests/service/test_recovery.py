"""After a restore each job goes on, is found again or is named as lost: the same in memory and over Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.artifacts.memory import MemoryArtifacts
from app.errors import JobNotFound
from app.jobs.flights import Claim, Role
from app.redis.connection import Client
from app.service.artifact_refs import forget_artifacts
from app.service.recovery import (
    FILES_GONE,
    NO_MANIFEST,
    PICTURE_GONE,
    UNKNOWN,
    lost_mark,
    lost_or,
    recover,
    without_store,
)
from app.service.single_flight import resolve
from app.settings import Settings
from app.stores import Stores, memory_stores, stores_on
from app.types import Artifact, Failure, Job, Lease, Phase, Webhook
from tests.jobs.make import PLAN, a_job
from tests.redis_server import MEMORY_AND_REDIS
from tests.service.test_manifests import made

pytestmark = pytest.mark.anyio
NOW = 1000.0


@pytest.fixture(params=MEMORY_AND_REDIS)
def stores(request: pytest.FixtureRequest, redis: Client, prefix: str) -> Stores:
    settings = Settings(redis_prefix=prefix)
    found = stores_on(redis, settings) if request.param == "redis" else memory_stores(settings, lambda: NOW)
    return replace(found, artifacts=MemoryArtifacts())


def artifacts_of(stores: Stores) -> MemoryArtifacts:
    assert isinstance(stores.artifacts, MemoryArtifacts)
    return stores.artifacts


async def queued(stores: Stores, **changed: object) -> Job:
    job = a_job(**changed)  # type: ignore[arg-type]
    await stores.jobs.create(job)
    return job


async def leased(stores: Stores, job: Job) -> Lease:
    return await stores.jobs.lease(job.id, "main", 30.0, NOW)


async def ends(stores: Stores, job: Job) -> list[str]:
    return [event.kind for event in await stores.events.read(job.id, None, 0.0) if event.kind == "end"]


async def test_what_completed_since_is_on_record_again_as_it_was(stores: Stores) -> None:
    job = await queued(stores, webhook=Webhook(None))
    done = await made(artifacts_of(stores), job)
    found = await recover([job.id], [], stores, NOW)
    assert (found.found, found.waiting, found.lost) == ((job.id,), (), {})
    kept = await stores.jobs.get(job.id)
    assert (kept.phase, kept.fence, kept.artifacts, kept.measured) == (
        Phase.COMPLETED,
        done.fence,
        done.artifacts,
        done.measured,
    )
    assert await stores.jobs.position(job.id) is None
    assert await ends(stores, job) == ["end"]
    assert await stores.outbox.waiting([job.id]) == {job.id}
    assert await stores.board.holders(job.id) == {job.id}


async def test_a_job_that_the_backup_does_not_know_is_made_again_from_its_manifest(stores: Stores) -> None:
    done = await made(artifacts_of(stores), a_job(after=("video_" + "0" * 32,)))
    found = await recover([], [done.id], stores, NOW)
    assert (found.found, found.lost) == ((done.id,), {})
    kept = await stores.jobs.get(done.id, done.tenant)
    assert (kept.phase, kept.artifacts, kept.plan.prompt) == (Phase.COMPLETED, done.artifacts, done.plan.prompt)
    assert (await recover([done.id], [], stores, NOW)).found == ()  # once more changes nothing
    assert await ends(stores, done) == ["end"]


async def test_an_attempt_of_before_goes_back_to_the_line_and_counts_as_no_loss(stores: Stores) -> None:
    job = await queued(stores)
    lease = await leased(stores, job)
    found = await recover([job.id], [], stores, NOW)
    kept = await stores.jobs.get(job.id)
    assert (found.waiting, kept.phase, kept.losses) == ((job.id,), Phase.QUEUED, 0)
    assert kept.fence > lease.fence
    assert await stores.jobs.leases() == []
    assert await stores.jobs.position(job.id) == 0


async def test_those_who_follow_one_that_is_found_are_given_its_video(stores: Stores) -> None:
    leader, follower = a_job(), a_job(101.0)
    await stores.flights.enter(leader, "digest", Role.LEAD, None)
    await stores.flights.enter(follower, "digest", Role.FOLLOW, Claim(leader.id, leader))
    done = await made(artifacts_of(stores), leader)
    found = await recover([leader.id, follower.id], [], stores, NOW)
    assert (found.found, found.waiting) == ((leader.id,), (follower.id,))
    assert await stores.flights.unresolved(NOW + 1e9, 10) == ["digest"]
    await resolve("digest", stores, 60.0, NOW)
    assert (await stores.jobs.get(follower.id)).artifacts == done.artifacts


async def test_what_is_lost_has_a_name_and_a_reason(stores: Stores) -> None:
    files, picture = artifacts_of(stores), Artifact("inputs/a/b.png", "image/png", 3)
    gone = await made(files, a_job())
    await stores.jobs.create(gone)
    await forget_artifacts(gone, stores.board, files)
    pictured = await queued(stores, plan=replace(PLAN, image=picture))
    nameless, nowhere = a_job(), a_job()
    await files.put(f"{nameless.id}/1/video.mp4", b"x", "video/mp4")
    found = await recover([gone.id, pictured.id], [nowhere.id, pictured.id], stores, NOW)
    assert dict(found.lost) == {
        gone.id: FILES_GONE,
        pictured.id: PICTURE_GONE,
        nameless.id: NO_MANIFEST,
        nowhere.id: UNKNOWN,
    }


async def test_what_ended_before_the_backup_stays_as_it_was(stores: Stores) -> None:
    job = await queued(stores)
    await stores.jobs.cancel(job.id, None, Failure("cancelled", ""), NOW)
    await made(artifacts_of(stores), job)
    await recover([job.id], [], stores, NOW)
    assert (await stores.jobs.get(job.id)).phase is Phase.FAILED


async def test_what_would_have_expired_is_not_brought_back(stores: Stores) -> None:
    done = await made(artifacts_of(stores), a_job())
    assert (await recover([], [], stores, NOW + 1e9)).found == ()
    with pytest.raises(JobNotFound):
        await stores.jobs.get(done.id)


async def test_without_the_store_jobs_go_on_nevertheless(stores: Stores) -> None:
    job, nowhere = await queued(stores), a_job()
    await leased(stores, job)
    found = await without_store([job.id], [job.id, nowhere.id], stores, NOW)
    assert (found.waiting, dict(found.lost)) == ((job.id,), {nowhere.id: UNKNOWN})
    assert (await stores.jobs.get(job.id)).phase is Phase.QUEUED


async def test_who_asks_for_a_lost_job_is_told_that_it_is(stores: Stores) -> None:
    job, error = a_job(), JobNotFound("There is none.")
    assert await lost_or(error, job.id, stores.board) is error
    await stores.board.put(lost_mark(job.id), {"why": UNKNOWN}, 60.0)
    told = await lost_or(error, job.id, stores.board)
    assert (told.error_code, UNKNOWN in told.message) == ("video_lost", True)
    assert await lost_or(error, "no id at all", stores.board) is error


async def test_a_deleted_job_leaves_nothing_that_brings_it_back(stores: Stores) -> None:
    files, repeat = artifacts_of(stores), a_job()
    done = await made(files, a_job())
    await stores.jobs.create(done)
    await stores.board.hold(done.id, done.id)
    await stores.board.hold(done.id, repeat.id)  # who was given the same video
    await forget_artifacts(await stores.jobs.delete(done.id, done.tenant), stores.board, files)
    assert await files.exists(done.artifacts["video"])
    assert (await recover([], [], stores, NOW)).found == ()
