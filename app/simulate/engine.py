"""An engine on virtual time: the real batcher, slots, step times, masks and checkpoint policy, around `virtual_job`.

It stands where `app.engine.loop` stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from app.engine.boundary_news import MEMORY, PREEMPTED, SLOT
from app.engine.tally import MEMORY as MEMORY_SHORT
from app.engine.tally import URGENT
from app.errors import Cancelled, GenerationError, TimedOut, WorkerLost
from app.line.batcher import Boundary, Paused, Running, Waiting
from app.line.order import aged
from app.line.pressure import Level, pressed
from app.simulate.engine_front import EngineFront
from app.simulate.virtual_job import FAILS, VirtualTicket, begun, heard_with, resumed
from app.types import Measured, Phase

REST_S = 0.25  # between two looks while memory lets nobody step


class VirtualEngine(EngineFront):
    """The ReplicaEngine port. `run` is its thread: a task that ends when the engine is closed or its device lost."""

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
        if not await self._rearrange(boundary, number):
            return
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

    async def _rearrange(self, boundary: Boundary, number: int) -> bool:
        """False where the device is lost meanwhile."""
        for name in boundary.leave:
            await self._leave(self._find(name))
            if self._lost:  # while it was decoded
                return False
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
        return True

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
