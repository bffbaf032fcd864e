"""A report outlives the replica that it is of: a real process, really killed, and what is then told of its job."""

from __future__ import annotations

import os
import signal

import anyio
import pytest

from app.client.client import Kinoray
from cluster.local import LocalService
from tests.drills.processes import only_pid
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.nightly]

RECOVERY_S = 120.0
STEPS = 90


async def test_a_killed_replicas_job_shows_both_attempts_the_lost_lease_and_who_ran_it(
    service: LocalService, client: Kinoray
) -> None:
    video = await client.create("a white star spins while its replica dies", seed=-1, steps=STEPS, deterministic=True)
    async for event in client.events(video.id):
        if event.kind == "step" and event.data["step"] >= STEPS // 2:
            break
    os.kill(await anyio.to_thread.run_sync(only_pid, service, "Diffuser"), signal.SIGKILL)

    async def noticed() -> bool:
        return (await client.report(video.id)).attempts[0].outcome == "lost"

    await until(noticed, RECOVERY_S)
    lost = (await client.report(video.id)).attempts[0]
    assert lost.replica
    assert sum(run.steps for run in lost.batches) >= STEPS // 2 - 5  # told up to a moment before it died

    ended = await client.wait(video.id, timeout_s=RECOVERY_S)
    assert ended.status == "completed", ended.error
    found = await client.report(video.id)
    first, *_, last = found.attempts
    assert first == lost
    assert (first.outcome, last.outcome, first.fence < last.fence) == ("lost", "completed", True)
    assert last.replica not in (None, first.replica)
    assert last.resumed_from_step == ended.resumed_from_step
    [wait, *_] = [wait for wait in found.waits if wait.cause == "lease_lost"]
    assert (first.replica or "?") in wait.why
    assert {"line", "backoff"} <= {wait.cause for wait in found.waits if wait.attempt == 2}
    steps = [stage for stage in found.stages if stage.name == "steps"]
    assert [stage.attempt for stage in steps] == [first.number, last.number]
    assert all(stage.host_memory_bytes for stage in steps)
    assert [stage.name for stage in found.stages][-3:] == ["file", "stored", "closed"]
