"""What must hold, watched at every write: the memory stores, each write of which is looked at before and after.

What is looked for is told from the records alone, not from the checks that the code makes itself: a check that is
missing there is found here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.artifacts.memory import MemoryArtifacts
from app.errors import ArtifactLost
from app.jobs.admission_limits import AdmissionLimits
from app.jobs.changes import Change
from app.jobs.checkpoints import MemoryCheckpoints
from app.jobs.events import Entries
from app.jobs.memory import MemoryEvents, MemoryJobs
from app.jobs.reports.account import RAN_OUT
from app.jobs.shards import ShardLease
from app.simulate.faults.trace import Trace
from app.simulate.virtual_job import heard_with, undisturbed
from app.types import Artifact, CacheUse, Failure, Job, Lease, Measured, Phase, Plan

EARLY_S = 1.0  # a renewal may have been on its way


@dataclass
class Watch:
    """The first thing that did not hold, and what has to be remembered to tell. `kept_s`: how long files are kept."""

    trace: Trace
    clock: Callable[[], float]
    kept_s: float
    most_running: int | None = None
    lease_s: float = 0.0
    epoch_s: float = 0.0  # what `clock` says when a run begins
    renewed_at: dict[str, tuple[float, float]] = field(default_factory=dict)  # and the time before, virtual seconds
    violation: str | None = None
    ended: dict[str, str] = field(default_factory=dict)  # jobs by what became of them
    deleted: set[str] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)  # told, by job
    rolled_back: set[str] = field(default_factory=set)  # jobs that a failover has lost, or put back
    artifacts: WatchedArtifacts | None = None
    jobs: WatchedJobs | None = None

    def broken(self, what: str) -> None:
        """Something does not hold; the first of it counts."""
        self.trace.note("VIOLATION", what)
        if self.violation is None:
            self.violation = what

    def demand(self, holds: bool, what: str) -> None:
        """It must hold."""
        if not holds:
            self.broken(what)

    def changed(self, before: Job, after: Job, lease: Lease | None) -> None:
        """A record was written."""
        name = f"{before.phase}->{after.phase}"
        self.trace.note("job", after.id[-6:], name, f"f{after.fence}", f"s{after.step}")
        if before.phase.ended:
            self.demand(after.phase is before.phase, f"{after.id} ended as {before.phase} and became {after.phase}")
        self.demand(after.fence >= before.fence, f"{after.id}: its fence fell")
        if after.phase is Phase.COMPLETED and not before.phase.ended:
            self._completed(after)
        lost = after.failure is not None and after.failure.code == ArtifactLost.code
        self.demand(not lost or before.phase.ended, f"{after.id} failed because its picture is gone")
        if after.phase.ended and not before.phase.ended:
            self.ended[after.id] = after.phase.value

    def _completed(self, job: Job) -> None:
        self.demand("video" in job.artifacts, f"{job.id} was completed without a video")
        for variant, artifact in job.artifacts.items():
            content = self.content(artifact)
            self.demand(content is not None, f"{job.id} was completed, and its {variant} is not stored")
            if variant == "video" and content is not None:
                self.demand(content == bits_of(job.plan), f"{job.id} was completed with bits that are not its plan's")

    def content(self, artifact: Artifact) -> bytes | None:
        """What is stored of it."""
        return None if self.artifacts is None else self.artifacts.content(artifact.key)

    def removed(self, key: str) -> None:
        """A file is about to go: no record of a completed job may name it, unless its time is over."""
        if self.jobs is None:
            return
        for job in self.jobs.all():
            image = job.plan.image
            if image is not None and image.key == key and job.id not in self.rolled_back:
                self.demand(job.phase.ended, f"{key} was removed, with which {job.id} is to begin")
            if job.id in self.deleted:  # with its files; a failover has brought its record back
                continue
            if job.phase is Phase.COMPLETED and any(each.key == key for each in job.artifacts.values()):
                age_s = self.clock() - (job.completed_at or 0.0)
                self.demand(age_s > self.kept_s - 1.0, f"{key} was removed, which {job.id} refers to")


def bits_of(plan: Plan) -> bytes:
    """The video of a plan, as an undisturbed run makes it."""
    return undisturbed(plan).tobytes()


def sound_of(plan: Plan) -> bytes:
    """The sound of a plan, likewise."""
    return heard_with(undisturbed(plan), plan).samples.tobytes()


class WatchedJobs(MemoryJobs):
    """The memory's JobStore, each write watched."""

    def __init__(self, retention_s: float, clock: Callable[[], float], watch: Watch) -> None:
        super().__init__(retention_s, clock)
        self.watch = watch
        watch.jobs = self

    def all(self) -> list[Job]:
        """All records there are."""
        return list(self._jobs.values())

    def apply(self, job: Job, change: Change) -> Job:
        changed = super().apply(job, change)
        self.watch.changed(job, changed, self._leases.get(job.id))
        return changed

    def put(self, job: Job, limits: AdmissionLimits, pays: bool, owes: bool = True) -> None:
        new = self.find(job.id) is None
        super().put(job, limits, pays, owes)
        if new:
            self.watch.trace.note("job", job.id[-6:], "created", job.phase.value)
            if job.phase is Phase.COMPLETED:
                self.watch.ended[job.id] = job.phase.value

    async def delete(self, job_id: str, tenant: str) -> Job:
        job = await super().delete(job_id, tenant)
        self.watch.deleted.add(job_id)
        self.watch.trace.note("job", job_id[-6:], "deleted")
        return job

    async def lease(
        self,
        job_id: str,
        holder: str,
        ttl_s: float,
        now: float,
        under: ShardLease | None = None,
        most_of_tenant: int | None = None,
    ) -> Lease:
        lease = await super().lease(job_id, holder, ttl_s, now, under, most_of_tenant)
        self.watch.renewed_at[job_id] = (self._clock(),) * 2
        job, most = self._jobs[job_id], self.watch.most_running
        if most is not None:
            held = sum(  # one that has run out is nobody's, though its job is not back in the line yet
                self._jobs[each].tenant == job.tenant
                for each, row in self._leases.items()
                if each in self._jobs and row.until > now
            )
            self.watch.demand(held <= most, f"{job.tenant} holds {held} leases, and may hold {most}")
        return lease

    async def renew(self, leases: Sequence[Lease], ttl_s: float, now: float) -> Sequence[str]:
        lost = await super().renew(leases, ttl_s, now)
        for lease in leases:
            if lease.job_id not in lost:
                last, _ = self.watch.renewed_at.get(lease.job_id, (0.0, 0.0))
                self.watch.renewed_at[lease.job_id] = (self._clock(), last)
        return lost

    def _fenced(self, job_id: str, fence: int, what: str) -> Callable[[], None]:
        """To be called once the write has landed."""
        job = self.find(job_id)
        stands = None if job is None else job.fence

        def landed() -> None:
            self.watch.demand(stands == fence, f"{what} of {job_id} with fence {fence} landed, which had {stands}")

        return landed

    async def advance(
        self, job_id: str, fence: int, phase: Phase, now: float, step: int = 0, eta_s: float | None = None
    ) -> None:
        landed = self._fenced(job_id, fence, "a report")
        await super().advance(job_id, fence, phase, now, step, eta_s)
        landed()

    async def note_cache(self, job_id: str, fence: int, cache: CacheUse) -> None:
        landed = self._fenced(job_id, fence, "a note")
        await super().note_cache(job_id, fence, cache)
        landed()

    async def complete(
        self, job_id: str, fence: int, artifacts: dict[str, Artifact], measured: Measured, now: float, expires_at: float
    ) -> Job:
        landed = self._fenced(job_id, fence, "the completion")
        job = await super().complete(job_id, fence, artifacts, measured, now, expires_at)
        landed()
        return job

    async def fail(self, job_id: str, fence: int, failure: Failure, now: float) -> Job:
        landed = self._fenced(job_id, fence, "the failure")
        job = await super().fail(job_id, fence, failure, now)
        landed()
        return job

    async def requeue(
        self, job_id: str, fence: int, now: float, lost: bool = False, not_before: float | None = None
    ) -> Job:
        landed = self._fenced(job_id, fence, "a requeue")
        job = await super().requeue(job_id, fence, now, lost, not_before)
        landed()
        return job


class WatchedEvents(MemoryEvents):
    """The memory's EventLog: an end is told only of what has ended, and nothing of an attempt that is over."""

    def __init__(self, jobs: WatchedJobs) -> None:
        super().__init__(jobs=jobs)
        self._watched = jobs

    async def append(
        self,
        job_id: str,
        kind: str,
        at: float,
        data: dict[str, Any],
        fence: int | None = None,
        entries: Entries | None = None,
    ) -> str:
        job, watch = self._watched.find(job_id), self._watched.watch
        name = await super().append(job_id, kind, at, data, fence, entries)
        watch.trace.note("event", job_id[-6:], kind, data.get("phase", data.get("step", data.get("status", ""))))
        if kind == "end" and job is not None:
            watch.demand(job.phase.ended, f"the end of {job_id} was told before it was on record")
            watch.ends[job_id] += 1
            once = watch.ends[job_id] == 1 or job_id in watch.rolled_back
            watch.demand(once, f"the end of {job_id} was told twice")
        if any(entry.get("why") == RAN_OUT for entry in (entries or {}).values()):
            last, before = watch.renewed_at.get(job_id, (0.0, 0.0))
            silent_s = watch.clock() - watch.epoch_s - last
            if silent_s < EARLY_S:  # it may have been read just before that
                silent_s = last - before
            late = silent_s >= watch.lease_s - EARLY_S or job_id in watch.rolled_back
            watch.demand(late, f"the lease of {job_id} was taken back {silent_s:.1f} s after it was renewed")
        if fence is not None:
            stands = None if job is None else job.fence
            watch.demand(stands == fence, f"an event of {job_id} with fence {fence} was told, which had {stands}")
        return name


class WatchedCheckpoints(MemoryCheckpoints):
    """The memory's Checkpoints."""

    def __init__(self, jobs: WatchedJobs) -> None:
        super().__init__(jobs)
        self._watched = jobs

    async def put(self, job_id: str, fence: int, data: bytes) -> None:
        job, watch = self._watched.find(job_id), self._watched.watch
        await super().put(job_id, fence, data)
        stands = None if job is None or job.phase.ended else job.fence
        watch.demand(stands == fence, f"a checkpoint of {job_id} with fence {fence} landed, which had {stands}")


class WatchedArtifacts(MemoryArtifacts):
    """The memory's ArtifactStore: nothing is removed that a record refers to."""

    def __init__(self, clock: Callable[[], float], watch: Watch) -> None:
        super().__init__(clock)
        self._watch = watch
        watch.artifacts = self

    def content(self, key: str) -> bytes | None:
        """The bytes under a key; None: there are none."""
        return self._kept.get(key)

    async def delete(self, artifact: Artifact) -> None:
        self._watch.removed(artifact.key)
        await super().delete(artifact)

    async def clear(self, maker: str) -> None:
        for key in await self.files(maker):
            self._watch.removed(key)
        await super().clear(maker)


class Told:
    """Receivers of webhooks: what they were told, by the id of the event."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.by_id: dict[str, bytes] = {}
        self.ids_of: dict[str, set[str]] = {}
        self.times: Counter[str] = Counter()

    def hear(self, event_id: str, content: bytes) -> None:
        """A receiver has been told."""
        about = str(orjson.loads(content)["data"]["id"])
        self._watch.trace.note("told", event_id[-8:], about[-6:])
        self.times[event_id] += 1
        known = self.by_id.setdefault(event_id, content)
        self.ids_of.setdefault(about, set()).add(event_id)
        if about in self._watch.rolled_back:
            return
        self._watch.demand(known == content, f"{event_id} told two things")
        one = len(self.ids_of[about]) == 1 or about.startswith("story_")
        self._watch.demand(one, f"{about} was told of under several ids")
