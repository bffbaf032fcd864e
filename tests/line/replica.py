"""A replica played without engine: jobs come, step, fail, are stopped and are late, and every boundary is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.line.batcher import Boundary, Paused, Profile, Rules, Running, Shape, Urgency, Waiting, decide
from app.line.fair_share import FairShare, TenantShare
from app.line.order import aged


@dataclass
class Played:
    """A job of the play. `mask`: per step, whether it needs the denoiser."""

    name: str
    shape: Shape
    arrives: float
    mask: list[bool]
    priority: int = 1
    deadline_s: float | None = None  # after it arrives
    stopped_s: float | None = None  # after it arrives
    tenant: str = ""
    fails_at: int | None = None  # step
    state_bytes: int = 0
    place: str = "coming"  # waiting, running, paused, left
    stepped: int = 0
    since: float = 0.0
    parked: bool = False
    first_step: float | None = None
    taken: list[bool] = field(default_factory=list)

    @property
    def urgency(self) -> Urgency:
        deadline = None if self.deadline_s is None else self.arrives + self.deadline_s
        return Urgency(self.priority, deadline, self.arrives, self.tenant)

    @property
    def rest(self) -> list[bool]:
        return self.mask[len(self.taken) :]

    def stopped(self, now: float) -> bool:
        return self.stopped_s is not None and now >= self.arrives + self.stopped_s

    def over(self, now: float) -> bool:
        late = self.deadline_s is not None and now >= self.arrives + self.deadline_s
        return late or self.stopped(now) or not self.rest or len(self.taken) == self.fails_at


class Play:
    """Runs boundary after boundary until all have left."""

    def __init__(self, jobs: Sequence[Played], rules: Rules, times: dict[tuple[Shape, int], float]) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.rules = rules
        self.times = times
        self.known: dict[tuple[Shape, int], float] = {}
        self.fair_share: FairShare[Shape] = FairShare()
        self.tenant_share = TenantShare(rules.borrow)
        self.had_s: Counter[str] = Counter()  # device time by tenant, over its weight
        self.now = 0.0
        self.number = 0
        self.boundaries: list[Boundary] = []
        self.pauses = 0

    def at(self, place: str) -> list[Played]:
        return [job for job in self.jobs.values() if job.place == place]

    def run(self, most: int = 5000) -> Play:
        while len(self.at("left")) < len(self.jobs):
            assert self.number < most, "somebody is never done"
            self.step()
        return self

    def step(self) -> None:
        self.number += 1
        for job in self.at("coming"):
            if job.arrives <= self.now:
                job.place, job.since = "waiting", job.arrives
        boundary = self._decide()
        self.boundaries.append(boundary)
        self._check(boundary)
        self._rearrange(boundary)
        self._check_places(boundary)
        self._advance(boundary)

    def _decide(self) -> Boundary:
        return decide(
            self.now,
            [
                Running(
                    **self._entry(job),
                    stepped=job.stepped,
                    used_s=self.fair_share.used_s(job.shape),
                    tenant_used_s=self.tenant_share.used_s(job.tenant),
                )
                for job in self.at("running")
            ],
            [Waiting(**self._entry(job)) for job in self.at("waiting")],
            [Paused(**self._entry(job), parked=job.parked) for job in self.at("paused")],
            self.rules,
            self.profile,
            self.tenant_share.starts,
        )

    @property
    def profile(self) -> Profile:
        return Profile(dict(self.known), frozenset(self.known))

    def _entry(self, job: Played) -> dict[str, Any]:
        return {
            "job_id": job.name,
            "shape": job.shape,
            "urgency": job.urgency,
            "evaluations": sum(job.mask),
            "remaining": sum(job.rest),
            "since": job.since,
            "state_bytes": job.state_bytes,
            "forecast": bool(job.rest) and not job.rest[0],
            "leaving": job.stopped(self.now) or not job.rest or len(job.taken) == job.fails_at,
        }

    def _check(self, boundary: Boundary) -> None:
        """Nobody is in two minds: each moves once, from where it is; who is over leaves at once, nobody else does."""
        places = {name: job.place for name, job in self.jobs.items()}
        assert {places[name] for name in boundary.join} <= {"waiting"}
        assert {places[name] for name in boundary.resume} <= {"paused"}
        assert {places[name] for name in boundary.pause} <= {"running"}
        moves = [*boundary.leave, *boundary.join, *boundary.resume, *boundary.pause]
        assert len(moves) == len(set(moves))
        here = {job.name for place in ("waiting", "running", "paused") for job in self.at(place)}
        assert set(boundary.leave) == {name for name in here if self.jobs[name].over(self.now)}

    def _rearrange(self, boundary: Boundary) -> None:
        for name in boundary.leave:
            self.jobs[name].place = "left"
        for name in boundary.pause:
            self.jobs[name].place = "paused"
            self.pauses += 1
        for name in boundary.park:
            assert self.jobs[name].place == "paused"
            self.jobs[name].parked = True
        for name in (*boundary.resume, *boundary.join):
            job = self.jobs[name]
            self.fair_share.enter(job.shape, {other.shape for other in self.at("running")})
            self.tenant_share.enter(job.tenant, {other.tenant for other in self.at("running")})
            job.place, job.parked = "running", False
            if name in boundary.join:
                job.stepped = self.number - 1

    def _check_places(self, boundary: Boundary) -> None:
        """Never over the limits; work conserved."""
        running, paused, rules = self.at("running"), self.at("paused"), self.rules
        assert len(running) <= rules.slots
        assert len(paused) <= rules.max_paused
        assert len(boundary.batch) <= rules.max_batch
        assert len(set(boundary.batch)) == len(boundary.batch)
        assert {self.jobs[name].place for name in boundary.batch} <= {"running"}
        assert len({self.jobs[name].shape for name in boundary.batch}) <= 1
        assert bool(boundary.batch) == any(job.rest[0] for job in running)
        line = [*self.at("waiting"), *paused]
        assert running or not line
        if rules.device_bytes is None:
            assert len(running) == rules.slots or not line
        else:
            held = sum(job.state_bytes for job in running)
            assert len(running) == 1 or held <= rules.device_bytes
            kept = sum(job.state_bytes for job in paused if not job.parked)
            assert not kept or held + kept <= rules.device_bytes

    def _advance(self, boundary: Boundary) -> None:
        batch = [self.jobs[name] for name in boundary.batch]
        if not batch:
            coming = [job.arrives for job in self.at("coming")]
            forecasting = self.at("running")
            self._forecast(forecasting)
            if coming and not forecasting:
                self.now = max(self.now, min(coming))
            return
        shape = batch[0].shape
        took = self.times[shape, len(batch)]
        self.known[shape, len(batch)] = took
        self.now += took
        self.fair_share.charge(shape, took)
        each_s = took / len(batch)
        parts = [(job.tenant, each_s / self.rules.weight(job.tenant)) for job in batch]
        self.tenant_share.charge(parts)
        for tenant, part_s in parts:
            self.had_s[tenant] += part_s  # type: ignore[assignment]
        for job in batch:
            job.first_step = self.now if job.first_step is None else job.first_step
            job.stepped = self.number
            job.since = aged(job.since, job.priority, self.now, took, self.rules)
            job.taken.append(True)
        self._forecast(job for job in self.at("running") if job not in batch)

    @staticmethod
    def _forecast(jobs: object) -> None:
        for job in jobs:  # type: ignore[attr-defined]
            if job.rest and not job.rest[0]:
                job.taken.append(False)
