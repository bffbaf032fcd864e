"""The simulated engine as its replica sees it: jobs come in and are stopped; times, slots and memory are told.

What is done with them is `app.simulate.engine`'s.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.engine.checkpoint_policy import CheckpointPolicy
from app.engine.tally import Tally
from app.engine.timing.step_times import StepTimes, Times, shape_of
from app.errors import InvalidRequest, WorkerLost
from app.line.batcher import Rules, Shape, Urgency
from app.line.fair_share import FairShare, TenantShare
from app.line.packing import Mix
from app.line.pressure import Limits, Pressure, Used, judged
from app.line.profile import Noted
from app.line.rules import PRIORITIES
from app.plan.masks.mask import masks_of
from app.simulate.virtual_job import VirtualTicket, to_checkpoint
from app.types import ModelProfile, Plan, VideoSpec

LIMITS = Limits()  # of memory
READ_S = 1.0  # between two readings of it

StepSeconds = Callable[[Shape, int], float]
"""Seconds of a forward, by shape and number of jobs."""


class EngineFront:
    """The ReplicaEngine port as far as it is called from outside: what is asked of it, it writes down for its thread.

    `decode_s`: seconds that decoding takes. `clock` is the virtual one.
    """

    def __init__(self, rules: Rules, step_seconds: StepSeconds, decode_s: float, clock: Callable[[], float]) -> None:
        self.tally = Tally()
        self.memory = Used(0.0)  # what there is to be read
        self._pressure, self._read_at = Pressure(), float("-inf")
        self._rules = rules
        self._step_seconds = step_seconds
        self._decode_s = decode_s
        self._clock = clock
        self._times = StepTimes()
        self._checkpoints = CheckpointPolicy(rules.checkpoint_share, rules.checkpoint_every)
        self._names, self._boundaries = itertools.count(), itertools.count(1)
        self._waiting: dict[str, VirtualTicket] = {}
        self._running: dict[str, VirtualTicket] = {}
        self._paused: dict[str, VirtualTicket] = {}
        self._latest: dict[str, VirtualTicket] = {}
        self._fair: FairShare[Shape] = FairShare()
        self._fair_tenants = TenantShare(rules.borrow)
        self._news = asyncio.Event()
        self._closing = self._ended = self._lost = False
        self._default: Shape | None = None

    def submit(
        self,
        job_id: str,
        plan: Plan,
        sink: Any,
        prompt: object = None,
        negative: object = None,
        urgency: Urgency | None = None,
        preview_every: int = 0,
        checkpoint: bytes | None = None,
        source: object = None,
        picture: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        if self._closing or self._ended:
            raise WorkerLost("The engine has ended.")
        if job_id in self._latest:
            self._latest[job_id].stopped = True
        now, name = self._clock(), f"{job_id}/{next(self._names)}"
        urgency = urgency or Urgency(arrived=now)
        budget, shape = masks_of(plan).budget, shape_of(plan)
        ticket = VirtualTicket(name, job_id, plan, sink, urgency, now, checkpoint, shape, budget, urgency.arrived)
        self._latest[job_id] = self._waiting[name] = ticket
        self._news.set()

    def urgency(
        self, priority: str = "normal", due_in_s: float | None = None, waited_s: float = 0.0, tenant: str = ""
    ) -> Urgency:
        if priority not in PRIORITIES:
            raise InvalidRequest(f"The priority is one of {', '.join(PRIORITIES)}.", "priority")
        now = self._clock()
        return Urgency(PRIORITIES[priority], None if due_in_s is None else now + due_in_s, now - waited_s, tenant)

    def to_bytes(self, state: Any) -> bytes:
        return to_checkpoint(state)

    def checkpoint_cost(self, seconds: float) -> None:
        self._checkpoints.cost(seconds)

    def reprioritise(self, job_id: str, priority: str) -> None:
        if job_id in self._latest and priority in PRIORITIES:
            ticket = self._latest[job_id]
            ticket.urgency = replace(ticket.urgency, priority=PRIORITIES[priority])

    def stop(self, job_id: str, sink: object = None) -> None:
        ticket = self._latest.get(job_id)
        if ticket is not None and sink in (None, ticket.sink):
            ticket.stopped = True
            self._news.set()

    def offer_adapters(self, files: Mapping[str, Path]) -> None:
        """There is nothing to be adapted."""

    def encode_image(self, image: object, spec: VideoSpec) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result({})
        return done

    def encode_inputs(self, inputs: object, spec: VideoSpec) -> Future[Any]:
        return self.encode_image(inputs, spec)

    def warm_up(self, model: ModelProfile) -> float:
        shape = (model.default_frames, model.sizes[0][1], model.sizes[0][0])
        self._default = shape
        for batch in range(1, self._rules.max_batch + 1):
            if (shape, batch) not in self._times.times:
                self._times.learn(shape, batch, self._step_seconds(shape, batch), settled=True)
        return self.step_s

    def adopt(self, known: Noted) -> None:
        self._times.adopt({size: known.times[size] for size in sorted(known.times)})

    def healthy(self) -> bool:
        return not self._ended

    def close(self, timeout_s: float | None = None) -> None:
        self._closing = True
        self._news.set()

    def lose_device(self) -> None:
        """As a GPU that falls off its bus: all that are here are lost."""
        self._lost = True
        self._news.set()

    @property
    def step_s(self) -> float:
        return 0.0 if self._default is None else self._times.expected_s(self._default)

    @property
    def step_times(self) -> dict[str, float]:
        return {"x".join(map(str, shape)): self._times.expected_s(shape) for shape, size in self.times if size == 1}

    @property
    def begin_times(self) -> dict[str, float]:
        return {"x".join(map(str, shape)): self._times.begin_s(shape) for shape, size in self.times if size == 1}

    @property
    def times(self) -> Times:
        return self._times.times

    @property
    def packed(self) -> dict[Mix, float]:
        return {}

    @property
    def limits(self) -> dict[Shape, tuple[int, int]]:
        return {}

    @property
    def pressure(self) -> Pressure:
        return self._pressure

    def look_at_memory(self) -> None:
        self._memory_read()

    def _memory_read(self) -> bool:
        """Read it again if it is time; whether it was."""
        now = self._clock()
        if now - self._read_at < READ_S:
            return False
        self._read_at = now
        self._pressure = judged(self._pressure, self.memory, LIMITS, LIMITS)
        return True

    def held(self) -> tuple[int, int | None]:
        return 0, None

    @property
    def slots_held(self) -> int:
        """Jobs that have a slot now."""
        return len(self._running)

    def _find(self, name: str) -> VirtualTicket:
        return next(place[name] for place in self._places if name in place)

    @property
    def _places(self) -> tuple[dict[str, VirtualTicket], ...]:
        return self._running, self._paused, self._waiting

    def _forget(self, ticket: VirtualTicket) -> None:
        for place in self._places:
            place.pop(ticket.name, None)
        if self._latest.get(ticket.job_id) is ticket:
            del self._latest[ticket.job_id]
