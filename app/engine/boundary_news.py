"""What the engine tells of its boundaries to sinks that ask for it: who steps with whom, who is held up and by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from app.engine.ticket import Ticket

How = Literal["joined", "preempted", "parked", "went on"]

SLOT, MEMORY, PREEMPTED = "slot", "memory", "preempted"
"""Why a job in an engine does not step."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A job has a slot from now on, at that step, or has none. `by`: the jobs that have it instead."""

    how: How
    step: int
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stepped:
    """A job has been evaluated, with `batch` - 1 others, in `took_s` seconds. `mates`: what their sinks go by."""

    step: int
    batch: int
    took_s: float
    mates: tuple[str, ...]


@runtime_checkable
class BoundarySink(Protocol):
    """A sink that also hears of boundaries, on the engine's thread."""

    @property
    def goes_by(self) -> str | None:
        """What its batch mates are told of it; None: it does not care for mates, and hears of moves alone."""
        ...

    def moved(self, move: Moved) -> None:
        """It joined, or goes on, or is held up."""
        ...

    def stepped(self, stepped: Stepped) -> None:
        """It was evaluated."""
        ...


def moved(how: How, by: Sequence[str] = ()) -> Callable[[Ticket], None]:
    """Tells a ticket's sink, if that wants to know."""

    def tell(ticket: Ticket) -> None:
        if ticket.boundaries is not None:
            ticket.boundaries.moved(Moved(how, ticket.started.step, tuple(by)))

    return tell


def tell_stepped(
    batch: Sequence[Ticket], took_s: float, alone: Callable[[Ticket, Callable[[Ticket], None]], bool]
) -> None:
    """Tell each that wants to know of the forward it has had; `alone` keeps what one raises from the others."""
    known = [(ticket.name, ticket.boundaries.goes_by) for ticket in batch if ticket.boundaries is not None]
    if not any(goes_by for _, goes_by in known):
        return

    def tell(ticket: Ticket) -> None:
        if ticket.boundaries is not None and ticket.boundaries.goes_by is not None:
            mates = tuple(goes_by for name, goes_by in known if goes_by and name != ticket.name)
            ticket.boundaries.stepped(Stepped(ticket.started.step, len(batch), took_s, mates))

    for ticket in batch:
        alone(ticket, tell)
