"""An engine on virtual time: the real batcher, slots, step times, masks and checkpoint policy, around `virtual_job`.

It stands where `app.engine.loop` stands.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.engine.boundary_news import MEMORY, PREEMPTED, SLOT
from app.engine.checkpoint_policy import CheckpointPolicy
from app.engine.tally import MEMORY as MEMORY_SHORT
from app.engine.tally import URGENT, Tally
from app.engine.timing.step_times import StepTimes, Times, shape_of
from app.errors import Cancelled, GenerationError, InvalidRequest, TimedOut, WorkerLost
from app.line.batcher import Boundary, Paused, Rules, Running, Shape, Urgency, Waiting
from app.line.fair_share import FairShare, TenantShare
from app.line.order import aged
from app.line.packing import Mix
from app.line.pressure import Level, Limits, Pressure, Used, judged, pressed
from app.line.profile import Noted
from app.line.rules import PRIORITIES
from app.plan.masks.mask import masks_of
from app.simulate.virtual_job import FAILS, VirtualTicket, begun, heard_with, resumed, to_checkpoint
from app.types import Measured, ModelProfile, Phase, Plan, VideoSpec

LIMITS = Limits()  # of memory
READ_S, REST_S = 1.0, 0.25  # between two readings of memory, and two looks while it lets nobody step

StepSeconds = Callable[[Shape, int], float]
"""Seconds of a forward, by shape and number of jobs."""


class VirtualEngine:
    """The ReplicaEngine port. `run` is its thread: a task that ends when the engine is closed or its device lost.

    `decode_s`: seconds that decoding takes. `clock` and `sleep` are the virtual ones.
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

    # What others ask of it

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

    # What its thread does

    async def run(self) -> None:
        """Boundary after boundary, until it is closed."""
        while not self._closing and not self._lost:
            if not (self._waiting or self._running or self._paused):
                self._news.clear()
                await self._news.wait()
                continue
            await self._boundary(next(self._boundaries))
        self._end()

    async def _boundary(self, number: int) -> None:
        boundary = self._decide()
        await self._rearrange(boundary, number)
        pressed_now = self._pressure.worst is not Level.OK
        for ticket in self._waiting.values():
            ticket.waits(MEMORY if pressed_now else SLOT)
        batch = [self._running[name] for name in boundary.batch if name in self._running]
        if not batch:
            if not (boundary.leave or boundary.join or boundary.resume):
                self._news.clear()
                if pressed_now:
                    asyncio.get_running_loop().call_later(REST_S, self._news.set)
                await self._news.wait()
            return
        shapes = [ticket.shape for ticket in batch]
        took_s = self._step_seconds(shapes[0], len(batch))
        await asyncio.sleep(took_s)
        if self._lost:
            return
        self.tally.forward(len(batch))
        self._times.learn_batch(shapes, took_s)
        self._charge(batch, took_s)
        running = [(ticket.urgency.tenant, ticket.shape) for ticket in self._running.values()]
        rounds = self._times.rounds_s(running, self._rules)
        for ticket in batch:
            ticket.started.advance()
            ticket.stepped = number
            ticket.sink.ran(len(batch), took_s)
            ticket.since = aged(ticket.since, ticket.urgency.priority, self._clock(), took_s, self._rules)
            self._tell(ticket, rounds[ticket.urgency.tenant])
        self._checkpoints.hand_out_due(_as_tickets(batch), _alone)

    def _decide(self) -> Boundary:
        used_s, tenant_used_s = self._fair.used_s, self._fair_tenants.used_s
        running = [
            ticket.entry(Running, ticket.stepped, used_s(ticket.shape), tenant_used_s(ticket.urgency.tenant))
            for ticket in self._running.values()
        ]
        waiting = [ticket.entry(Waiting) for ticket in self._waiting.values()]
        paused = [ticket.entry(Paused, ticket.parked) for ticket in self._paused.values()]
        known = running, waiting, paused, self._rules, self._times.profile
        fresh, starts = self._memory_read(), self._fair_tenants.starts
        return pressed(self._clock(), *known, self._pressure, fresh, starts)

    async def _rearrange(self, boundary: Boundary, number: int) -> None:
        for name in boundary.leave:
            await self._leave(self._find(name))
        for name in boundary.hand_back:
            self._hand_back(self._find(name))
        for name in boundary.pause:
            ticket = self._paused[name] = self._running.pop(name)
            rival = boundary.rivals.get(name)
            ticket.waits(MEMORY if rival is None else PREEMPTED, None if rival is None else self._find(rival).job_id)
            self.tally.preempted(URGENT)
        for name in boundary.park:
            self._paused[name].parked = True
        for name in boundary.resume:
            self._enter(self._paused.pop(name))
        for name in boundary.join:
            self._join(self._waiting.pop(name), number)

    def _join(self, ticket: VirtualTicket, number: int) -> None:
        ticket.joined = self._clock()
        ticket.stages_s["queue"] = ticket.joined - ticket.submitted
        state = None if ticket.checkpoint is None else resumed(ticket.job_id, ticket.plan, ticket.checkpoint)
        if state is not None:
            ticket.resumed_from = ticket.kept = state.step
        ticket.state = state or begun(ticket.job_id, ticket.plan)
        ticket.stepped = number - 1
        ticket.sink.phase(Phase.DENOISING)
        self._enter(ticket)
        if ticket.started.step:
            self._tell(ticket, self._times.step_s(ticket.shape, 1))

    def _enter(self, ticket: VirtualTicket) -> None:
        self._fair.enter(ticket.shape, {other.shape for other in self._running.values()})
        self._fair_tenants.enter(ticket.urgency.tenant, {other.urgency.tenant for other in self._running.values()})
        self._running[ticket.name] = ticket
        if len(self._running) > self._rules.slots:
            raise RuntimeError(f"{len(self._running)} jobs have {self._rules.slots} slots")
        ticket.parked = False
        ticket.goes_on()

    def _tell(self, ticket: VirtualTicket, round_s: float) -> None:
        """Of the step, and take the forecast ones that follow it."""
        state = ticket.started
        ticket.sink.step(state.step, state.masks.steps, state.remaining * round_s)
        while state.forecast:
            state.advance()
            ticket.sink.step(state.step, state.masks.steps, state.remaining * round_s)

    def _charge(self, batch: Sequence[VirtualTicket], took_s: float) -> None:
        each_s = took_s / len(batch)
        for ticket in batch:
            ticket.device_s += each_s
            self._fair.charge(ticket.shape, each_s)
        tenants = [ticket.urgency.tenant for ticket in batch]
        self._fair_tenants.charge((tenant, each_s / self._rules.weight(tenant)) for tenant in tenants)

    async def _leave(self, ticket: VirtualTicket) -> None:
        if ticket.stopped:
            self._fail(ticket, Cancelled("The job was stopped."))
            return
        if ticket.state is None or not ticket.state.done:
            self._fail(ticket, TimedOut("Its deadline has passed."))
            return
        ticket.stages_s["denoise"] = self._clock() - ticket.joined
        ticket.sink.phase(Phase.DECODING)
        await asyncio.sleep(self._decode_s)
        if self._lost:
            return
        ticket.stages_s["decode"] = self._decode_s
        ticket.device_s += self._decode_s
        if FAILS in ticket.plan.prompt:
            self._fail(ticket, GenerationError("It cannot be decoded."))
            return
        self._forget(ticket)
        measured = Measured(
            stages_s=dict(ticket.stages_s),
            device_seconds=ticket.device_s,
            evaluations=ticket.started.evaluations,
            resumed_from_step=ticket.resumed_from,
        )
        if ticket.plan.sound:
            ticket.sink.sound(heard_with(ticket.started.frames(), ticket.plan))
        ticket.sink.done(ticket.started.frames(), measured)

    def _hand_back(self, ticket: VirtualTicket) -> None:
        self._checkpoints.hand_out_all(_as_tickets([ticket]), _alone)
        self.tally.preempted(MEMORY_SHORT)
        self._fail(ticket, Cancelled("Memory is short; the job goes back to the line.", code=MEMORY))

    def _fail(self, ticket: VirtualTicket, error: GenerationError) -> None:
        self._forget(ticket)
        ticket.sink.failed(error)

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

    def _end(self) -> None:
        self._ended = True
        everyone = [ticket for place in self._places for ticket in place.values()]
        if not self._lost:
            self._checkpoints.hand_out_all(_as_tickets(everyone), _alone)
        for ticket in everyone:
            lost = WorkerLost("The engine failed.")
            self._fail(ticket, lost if self._lost else Cancelled("The engine was closed."))


def _as_tickets(tickets: Iterable[VirtualTicket]) -> list[Any]:
    """The policy reads no more of a ticket than there is here."""
    return list(tickets)


def _alone(ticket: Any, work: Callable[[Any], None]) -> bool:
    work(ticket)
    return True
