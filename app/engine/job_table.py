"""Where each job in the engine is: waiting, running or paused; its state goes with it, to host memory if need be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.engine.boundary_news import MEMORY, PREEMPTED
from app.engine.memory.state import let_go, move_state
from app.engine.ticket import Ticket, outcome
from app.errors import DeviceOutOfMemory
from app.line.batcher import Boundary, Profile, Rules, Shape
from app.line.borrowed_time import Borrow, nothing
from app.line.fair_share import FairShare, TenantShare
from app.line.pressure import Pressure, pressed


class JobTable:
    """All tickets of the engine, by name. Belongs to the engine's thread."""

    def __init__(self, borrow: Borrow = nothing) -> None:
        self.waiting: dict[str, Ticket] = {}
        self.running: dict[str, Ticket] = {}
        self.paused: dict[str, Ticket] = {}
        self.fair_share: FairShare[Shape] = FairShare()
        self.tenant_share = TenantShare(borrow)

    def __bool__(self) -> bool:
        return bool(self.waiting or self.running or self.paused)

    def __iter__(self) -> Iterator[Ticket]:
        yield from (*self.running.values(), *self.paused.values(), *self.waiting.values())

    def decide(
        self, now: float, rules: Rules, profile: Profile, pressure: Pressure | None = None, fresh: bool = False
    ) -> Boundary:
        """Ask the batcher about those who are here; `fresh`: the memory's `pressure` has just been read."""
        for ticket in self:
            ticket.heed()
        return pressed(
            now,
            [
                ticket.running(self.fair_share.used_s(ticket.shape), self.tenant_share.used_s(ticket.urgency.tenant))
                for ticket in self.running.values()
            ],
            [ticket.waiting() for ticket in self.waiting.values()],
            [ticket.paused() for ticket in self.paused.values()],
            rules,
            profile,
            pressure or Pressure(),
            fresh,
            self.tenant_share.starts,
        )

    def find(self, name: str) -> Ticket:
        """The ticket of that name.

        Raises:
            KeyError: it is not here.
        """
        return next(place[name] for place in (self.running, self.paused, self.waiting) if name in place)

    def run(self, ticket: Ticket) -> None:
        """It has a slot from now on; whoever is there beside it has the device no longer to itself."""
        self.forget(ticket)
        self.fair_share.enter(ticket.shape, {other.shape for other in self.running.values()})
        self.tenant_share.enter(ticket.urgency.tenant, {other.urgency.tenant for other in self.running.values()})
        self.running[ticket.name] = ticket
        if len(self.running) > 1:
            for each in self.running.values():
                each.alone = False

    def charge(self, batch: Sequence[Ticket], seconds: Sequence[float], rules: Rules) -> None:
        """These have had the device together, each for its part of so many seconds: shapes and tenants are charged."""
        by_shape: dict[Shape, float] = {}
        parts = []
        for ticket, each_s in zip(batch, seconds, strict=True):
            tenant = ticket.urgency.tenant
            by_shape[ticket.shape] = by_shape.get(ticket.shape, 0.0) + each_s
            parts.append((tenant, each_s / rules.weight(tenant)))
        self.tenant_share.charge(parts)
        for shape, shape_s in by_shape.items():
            self.fair_share.charge(shape, shape_s)

    def charge_alone(self, ticket: Ticket, seconds: float, rules: Rules) -> None:
        """It has had the device to itself between two forwards: so has its tenant."""
        self.tenant_share.add(ticket.urgency.tenant, seconds / rules.weight(ticket.urgency.tenant))

    def pause(self, name: str, rival: str | None = None) -> None:
        """It gives its slot up, to `rival` or because memory is short, and keeps its state."""
        self.paused[name] = ticket = self.running.pop(name)
        ticket.alone = False
        ticket.waits(MEMORY if rival is None else PREEMPTED, None if rival is None else self.find(rival).job_id)

    def tell_waiting(self, cause: str) -> None:
        """Why those who have not joined have not."""
        for ticket in self.waiting.values():
            ticket.waits(cause)

    def park(self, name: str) -> None:
        """A paused job's tensors go to host memory."""
        ticket = self.paused[name]
        if ticket.home is None:
            ticket.home = move_state(ticket.started, "cpu")

    def resume(self, ticket: Ticket) -> None:
        """It goes on where it stopped; when the device has no room for it, the other paused jobs make some.

        Raises:
            DeviceOutOfMemory: there is none even so.
        """
        error = outcome(lambda: _unpark(ticket))
        if isinstance(error, DeviceOutOfMemory):
            let_go(error)
            self.make_room()
            _unpark(ticket)
        elif isinstance(error, Exception):
            raise error
        self.run(ticket)
        ticket.goes_on()

    def make_room(self) -> None:
        """All paused jobs leave the device."""
        for name in self.paused:
            self.park(name)

    def forget(self, ticket: Ticket) -> None:
        """It is in none of the places any more."""
        for place in (self.running, self.paused, self.waiting):
            place.pop(ticket.name, None)


def _unpark(ticket: Ticket) -> None:
    if ticket.home is not None:
        move_state(ticket.started, ticket.home)
        ticket.home = None
