"""Dispatcher: takes jobs out of the line, leases them, gives each attempt to a replica; Redis holds all it knows."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle

from app.errors import KinorayError, StoreUnavailable, TimedOut
from app.jobs.backoff import Backoff
from app.jobs.board import BACKLOG, ENTERED, PLACES
from app.jobs.store import find
from app.line.dispatch import Pool, choose, pools
from app.line.lease_monitor import Vigil
from app.line.outlook import Place, backlog, places, places_note, queue_news
from app.line.scaling import Scaling
from app.service.dependencies import hear
from app.service.endings import fail
from app.service.retention import expire, terms_of, tidy
from app.service.single_flight import settle
from app.settings import Settings
from app.stores import open_stores
from app.telemetry import ATTEMPTS_LOST
from app.types import Failure, Job, Lease, Phase, ReplicaInfo
from app.webhooks.delivery import Deliveries
from app.webhooks.send import Sender
from deployments.roster import Roster
from deployments.rules import rules_of, scale_rules_of
from deployments.scaling import figures

log = logging.getLogger("ray.serve")
PASS_S = 0.5  # the line is looked at this often even when nobody calls
SWEEP_S = 30.0  # how often records that have expired are removed
EXPIRED = 200  # of them at a time
TIDY_S = 600.0  # how often the artifact store is looked through
NOTE_TTL_S = 10.0
SETTLED = 100  # flights, and late followers, that one pass deals with


class Dispatcher:
    """Exactly one is active; it may die at any moment, because every decision it takes is written before it acts."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings: Settings, diffusers: dict[str, DeploymentHandle[Any]]
    ) -> None:
        self._settings = settings
        self._stores = open_stores(settings)
        self._diffusers = diffusers
        self._rules = rules_of(settings)
        sender = Sender(settings.webhook_allow_private, settings.webhook_timeout_s)
        self._deliveries = Deliveries(self._stores, settings, sender)
        self._backoff = Backoff(settings.retry_first_s, settings.retry_most_s, settings.max_attempts)
        self._vigil = Vigil(settings.lease_s)
        self._told: dict[str, Place] = {}
        self._roster = Roster(diffusers, self._stores.jobs, self._stores.stops)
        self._scaling = Scaling(scale_rules_of(settings))
        self._tasks: set[asyncio.Task[None]] = set()
        self._swept_at = 0.0
        self._tidied_at = time.monotonic()
        self._tidying: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tidying.set_result(None)
        self._passed_at = time.monotonic()
        self._warn_of_local_files()
        self._spawn(self._run())
        self._spawn(self._roster.run())

    def _warn_of_local_files(self) -> None:
        nodes = [node for node in ray.nodes() if node.get("Alive")] if ray.is_initialized() else []
        if self._stores.artifacts.local and len(nodes) > 1:
            log.warning(
                "Videos are written to the disk of the node that finishes them, and there are %s nodes: others answer "
                "410 artifact_lost for them. Set KINORAY_ARTIFACTS_URL to a store that all nodes reach.",
                len(nodes),
            )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # An empty context: what runs here must not be cancelled with the call that happened to start it.
        task = contextvars.Context().run(asyncio.ensure_future, work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self) -> None:
        while True:
            try:
                await self._pass()
                await self._stores.jobs.wait_for_work(PASS_S)
            except KinorayError as error:  # Redis is away: nothing can be decided, and nothing is lost
                log.warning("The dispatcher waits: %s", error)
                await asyncio.sleep(PASS_S)
            except Exception:
                log.exception("A pass of the dispatcher failed")
                await asyncio.sleep(PASS_S)

    async def _pass(self) -> None:
        """One look at everything, one set of decisions, then the acts."""
        await self._stores.clock.sync()
        now, jobs = self._stores.clock(), self._stores.jobs
        await hear(self._stores, now)
        entered = await self._stores.board.tally(ENTERED)  # before the line: who enters in between counts twice
        waiting, replicas, leases = await asyncio.gather(jobs.waiting(), jobs.replicas(), jobs.leases())
        lost = self._vigil.lost(leases, time.monotonic())
        await self._take_back(lost, now)
        held = [lease for lease in leases if lease not in lost]
        running = await self._running(held)
        replicas = self._roster.staying(replicas)
        capacity = self._capacity(replicas, held)
        start, left, late = choose(waiting, running, capacity, now, self._rules)
        for job in start:
            await self._start(job)
        for job in late:
            await self._give_up(job, now)
        await self._tell(left, [*running, *start], capacity, replicas, now, entered)
        await self._settle(await self._stores.flights.unsettled(now, SETTLED), now)
        await self._give_up_followers(now)
        for job_id in await self._deliveries.due(now):
            self._spawn(self._deliveries.deliver(job_id))
        if time.monotonic() - self._swept_at > SWEEP_S:
            self._swept_at = time.monotonic()
            await self._sweep(now)
        self._passed_at = time.monotonic()

    def _capacity(self, replicas: Sequence[ReplicaInfo], held: Sequence[Lease]) -> dict[str, Pool]:
        """What every pool can take; one without replicas says how long its first takes to come."""
        found = pools(replicas, Counter(lease.holder for lease in held), self._settings.max_paused)
        first_s = self._settings.replica_start_s
        for name in self._settings.replicas:
            pool = found.get(name, Pool(0, 0, 0))
            found[name] = pool if pool.replicas else replace(pool, start_s=self._scaling.start_s.get(name, first_s))
        return found

    async def _start(self, job: Job) -> None:
        try:
            lease = await self._stores.jobs.lease(job.id, job.plan.pool, self._settings.lease_s, self._stores.clock())
        except KinorayError as error:  # cancelled or deleted since it was read
            log.info("Not started: %s", error)
            return
        self._spawn(self._attempt(job, lease))

    async def _give_up(self, job: Job, now: float) -> None:
        """End a job that nobody can use any more; with the fence it was read with, so not one that has moved on."""
        failure = Failure(TimedOut.code, "Its deadline passed while it waited.")
        try:
            await self._fail(job.id, job.fence, failure, now)
        except KinorayError as error:  # ended, deleted or leased since it was read
            log.info("Not given up: %s", error)

    async def _settle(self, digests: Sequence[str], now: float) -> None:
        """Nobody waits for a leader that failed, or whose finisher died just after closing it."""
        for digest in digests:
            try:
                await settle(digest, self._stores, self._settings.retention_s, now)
            except KinorayError as error:
                log.info("A flight stays unsettled: %s", error)

    async def _give_up_followers(self, now: float) -> None:
        """End those who wait for another's video and can use it no more; `choose` sees only those in the line."""
        for job_id in await self._stores.flights.late(now, SETTLED):
            job = await find(self._stores.jobs, job_id)
            if job is not None and job.phase is Phase.QUEUED:
                await self._give_up(job, now)
            await self._stores.flights.excuse(job_id)

    async def _attempt(self, job: Job, lease: Lease) -> None:
        """Give the attempt to a replica; the call returns once, when it has ended or was handed back."""
        try:
            await self._diffusers[job.plan.pool].run.remote(job.id, lease.fence)
        except (RayError, RayServeException, KeyError) as error:
            log.warning("Attempt %s of %s was lost: %s", lease.fence, job.id, type(error).__name__)
            try:
                await self._again(lease, self._stores.clock(), lost=not _never_ran(error))
            except KinorayError as trouble:  # its lease will run out, and the next pass takes it back then
                log.info("Left to its lease: %s", trouble)

    async def _take_back(self, expired: list[Lease], now: float) -> None:
        for lease in expired:
            log.warning("The lease on %s ran out", lease.job_id)
            try:
                await self._again(lease, now)
            except KinorayError as error:
                log.info("Not taken back: %s", error)

    async def _again(self, lease: Lease, now: float, lost: bool = True) -> None:
        """Back into the line after a pause, or, after too many lost replicas, out of the way."""
        stores = self._stores
        job = await stores.jobs.get(lease.job_id)
        if job.phase.ended or job.fence != lease.fence:
            return
        await stores.meter.add({ATTEMPTS_LOST: int(lost)})
        if not lost or not self._backoff.gives_up(job):
            not_before = now + self._backoff.pause_s(job.losses + 1)
            await stores.jobs.requeue(job.id, lease.fence, now, lost, not_before)
            await stores.events.append(job.id, "phase", now, {"phase": "queued", "attempts": job.attempts})
            return
        failure = Failure("worker_lost", f"The replicas that ran it were lost {job.losses + 1} times.")
        await self._fail(job.id, lease.fence, failure, now)

    async def _fail(self, job_id: str, fence: int, failure: Failure, now: float) -> None:
        await fail(job_id, fence, failure, self._stores, now)

    async def _running(self, held: list[Lease]) -> list[Job]:
        found = await asyncio.gather(*(find(self._stores.jobs, lease.job_id) for lease in held))
        return [job for job in found if job is not None and not job.phase.ended]

    async def _tell(
        self,
        waiting: list[Job],
        running: list[Job],
        capacity: dict[str, Pool],
        replicas: Sequence[ReplicaInfo],
        now: float,
        entered: dict[str, float],
    ) -> None:
        """The backlog, what it asks for and the places to all who ask; positions to those whose position changed."""
        board = self._stores.board
        found = places(waiting, running, capacity)
        age_s, most_s = self._rules.age_s, self._settings.max_wait_s
        note = backlog(waiting, running, capacity, now, age_s, most_s, entered)
        self._scaling.decide(note["pools"], replicas, now)
        for pool, decision in self._scaling.told().items():
            note["pools"][pool].update(decision)
        await board.post(BACKLOG, note, NOTE_TTL_S)
        await board.post(PLACES, places_note(found, waiting, now), NOTE_TTL_S)
        for job_id, place in queue_news(found, self._told).items():
            await self._stores.events.append(job_id, "queue", now, place._asdict())
        self._told = found

    async def _sweep(self, now: float) -> None:
        """Remove what is past its time; settle the flights of leaders that are gone without a trace."""
        stores = self._stores
        await self._settle(await stores.flights.followed(), now)
        await expire(stores, now, EXPIRED)
        if self._tidying.done() and time.monotonic() - self._tidied_at > TIDY_S:
            self._tidied_at = time.monotonic()
            self._tidying = self._spawn(self._tidy(now))

    async def _tidy(self, now: float) -> None:
        """It may take long where many files lie, so no pass waits for it."""
        try:
            await tidy(self._stores, terms_of(self._settings), now)
        except KinorayError as error:
            log.warning("The artifact store was not tidied: %s", error)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """For Serve's policy (`deployments.scaling`): replicas wanted, by deployment."""
        decided = self._scaling.decided.items()
        return figures({self._diffusers[pool].deployment_name: one.wanted for pool, one in decided})

    async def check_health(self) -> None:
        """Raises when no pass has ended for a minute: Serve then starts another dispatcher."""
        if time.monotonic() - self._passed_at > max(60.0, 20 * self._settings.redis_timeout_s):
            raise RuntimeError("the dispatcher has stood still for a minute")

    async def ping(self) -> str:
        return "ok"


def _never_ran(error: Exception) -> bool:
    """Whether the replica is not to blame: it never had the attempt, or gave it up because Redis was away."""
    if isinstance(error, (BackPressureError, DeploymentUnavailableError)):
        return True
    return isinstance(error, RayTaskError) and isinstance(error.cause, StoreUnavailable)
