"""Bugs to be put into the code: each takes away one thing that it is built on. The search has to find all of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.cache import keys
from app.dispatch import dispatcher
from app.dispatch.sweep import Sweep
from app.jobs import changes
from app.jobs.backoff import Backoff
from app.jobs.board import MemoryBoard
from app.jobs.checkpoints import MemoryCheckpoints
from app.jobs.memory import MemoryJobs
from app.line import scaling
from app.line.lease_monitor import LeaseMonitor
from app.line.rules import rules_of
from app.line.scaling import Because, Scale
from app.service import single_flight
from app.simulate.faults.network import ReplicaHost, VirtualWorkers
from app.simulate.faults.node import Node
from app.simulate.faults.nodes import DispatcherNode
from app.types import Artifact, Failure, Job, Lease, Measured, Phase
from app.video.finish import File
from app.webhooks import ended, message
from app.worker import finishing

Patch = pytest.MonkeyPatch


def no_fence_check_on_complete(patch: Patch) -> None:
    async def complete(
        self: Any, job_id: str, fence: int, made: dict[str, Artifact], measured: Measured, now: float, until: float
    ) -> Job:
        job: Job = self._close(self._jobs[job_id], changes.complete(made, measured, now, until))
        return job

    patch.setattr(MemoryJobs, "complete", complete)


def no_fence_check_on_fail(patch: Patch) -> None:
    async def fail(self: Any, job_id: str, fence: int, failure: Failure, now: float) -> Job:
        job: Job = self._close(self._jobs[job_id], changes.fail(failure, now, now + 60.0))
        return job

    patch.setattr(MemoryJobs, "fail", fail)


def no_fence_check_on_a_checkpoint(patch: Patch) -> None:
    async def put(self: Any, job_id: str, fence: int, data: bytes) -> None:
        self._kept[job_id] = data

    patch.setattr(MemoryCheckpoints, "put", put)


def the_wall_clock_in_a_lease(patch: Patch) -> None:
    """The dispatcher judges leases by what its machine's clock says, and that may jump."""
    patch.setattr(DispatcherNode, "monotonic", Node.wall)


def an_event_before_its_record(patch: Patch) -> None:
    complete = finishing.JobFinisher._complete

    async def told_first(self: Any, made: Job, digests: Any) -> Job:
        await self._stores.events.append(made.id, "end", self._stores.clock(), {"status": "completed"})
        return await complete(self, made, digests)

    patch.setattr(finishing.JobFinisher, "_complete", told_first)


def a_leaders_death_that_settles_nobody(patch: Patch) -> None:
    async def forgotten(self: Sweep, digests: Sequence[str], now: float) -> None:
        return None

    patch.setattr(Sweep, "resolve_flights", forgotten)


def a_requeue_without_a_pause_limit(patch: Patch) -> None:
    patch.setattr(Backoff, "pause_s", lambda self, losses: self.first_s * 1000.0**losses)
    patch.setattr(dispatcher, "rules_of", lambda settings: replace(rules_of(settings), pause_most_s=1e9))


def a_lost_wake_up(patch: Patch) -> None:
    """What comes between a pass and the wait for the next is waited for, although it is there."""

    async def wait_for_work(self: Any, timeout_s: float, name: str = "", others: Any = ()) -> bool:
        news = self._news_of.setdefault(name, asyncio.Event())
        news.clear()
        await news.wait()
        return True

    patch.setattr(MemoryJobs, "wait_for_work", wait_for_work)


def dependants_that_are_never_told(patch: Patch) -> None:
    patch.setattr(MemoryJobs, "leave", lambda self, job_id: self._awaited.pop(job_id, None))


def attempts_that_pile_on_the_first_replica(patch: Patch) -> None:
    def first(self: Any, there: Sequence[ReplicaHost]) -> ReplicaHost:
        return there[0]

    patch.setattr(VirtualWorkers, "choose", first)


def a_cancelled_job_that_still_completes(patch: Patch) -> None:
    cancel, complete = changes.cancel, changes.complete
    patch.setattr(changes, "cancel", lambda *args: replace(cancel(*args), new_fence=False))

    def revived(*args: Any) -> changes.Change:
        change = complete(*args)
        return replace(change, sources=change.sources | {Phase.FAILED})

    patch.setattr(changes, "complete", revived)


def retention_that_removes_a_referenced_file(patch: Patch) -> None:
    async def release(self: Any, origin: str, job_id: str) -> bool:
        return True

    patch.setattr(MemoryBoard, "release", release)


def a_doubled_webhook_id(patch: Patch) -> None:
    numbers, named = itertools.count(), message.event_id
    patch.setattr(ended, "event_id", lambda job_id, fence=0: f"{named(job_id, fence)}_{next(numbers)}")


def a_digest_that_leaves_out_the_seed_and_the_prompt(patch: Patch) -> None:
    digest = keys.plan_digest

    def short(plan: Any, pool: str, *more: Any) -> str:
        return digest(replace(plan, prompt=""), pool, *more)

    for module in (single_flight, finishing):
        patch.setattr(module, "plan_digest", short)


def a_digest_that_leaves_out_the_picture(patch: Patch) -> None:
    patch.setattr(keys, "content_of", lambda image: "")


def a_pool_that_nobody_wakes(patch: Patch) -> None:
    """No more replicas are asked for than there are at least, whatever waits."""
    patch.setattr(scaling, "scale", lambda load, before, now, rules: Scale(rules.least, Because.LEAST, ""))


def a_completion_before_its_files(patch: Patch) -> None:
    """They are made and named, and not stored."""

    async def unstored(self: Any, job: Job, files: dict[str, File], told: dict[str, Any]) -> Any:
        named = {
            variant: Artifact(f"{job.id}/{job.fence}/{variant}", file.content_type, len(file.content))
            for variant, file in files.items()
        }
        return named, dict.fromkeys(files, "0")

    patch.setattr(finishing.JobFinisher, "_store", unstored)


def a_tenants_limit_that_nobody_minds(patch: Patch) -> None:
    patch.setattr(dispatcher, "rules_of", lambda settings: replace(rules_of(settings), most_of_tenant=None))


def a_lease_that_nobody_takes_back(patch: Patch) -> None:
    def never(self: LeaseMonitor, leases: Sequence[Lease], at: float, asked_at: float | None = None) -> list[Lease]:
        return []

    patch.setattr(LeaseMonitor, "lost", never)


def an_end_that_is_told_by_both_of_two(patch: Patch) -> None:
    """As it was: a call that finds the job closed tells of its end once more, and it is counted twice."""
    for name in ("app.service.endings", "app.worker.finishing", "app.service.videos"):
        patch.setattr(f"{name}.closed_by", lambda job, now: True)


BUGS: tuple[Callable[[Patch], None], ...] = (
    no_fence_check_on_complete,
    no_fence_check_on_fail,
    no_fence_check_on_a_checkpoint,
    the_wall_clock_in_a_lease,
    an_event_before_its_record,
    a_leaders_death_that_settles_nobody,
    a_requeue_without_a_pause_limit,
    a_lost_wake_up,
    dependants_that_are_never_told,
    attempts_that_pile_on_the_first_replica,
    a_cancelled_job_that_still_completes,
    retention_that_removes_a_referenced_file,
    a_doubled_webhook_id,
    a_digest_that_leaves_out_the_seed_and_the_prompt,
    a_digest_that_leaves_out_the_picture,
    a_pool_that_nobody_wakes,
    a_completion_before_its_files,
    a_tenants_limit_that_nobody_minds,
    a_lease_that_nobody_takes_back,
    an_end_that_is_told_by_both_of_two,
)
