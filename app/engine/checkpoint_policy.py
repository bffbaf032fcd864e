"""When jobs are checkpointed: as often as a small share of their device time pays for, or every so many steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the policy itself needs no tensors: simulations go by it, too
    from app.engine.ticket import Ticket

_FRESH = 0.2  # weight of the newest cost in the running mean


class CheckpointPolicy:
    """Decides at each boundary whose checkpoint is due. `share` of a job's device time may go into its checkpoints.

    With `every` > 0 a checkpoint is due after so many steps instead. Until somebody has told what one costs, each job
    gives one after its first step, which tells.
    """

    def __init__(self, share: float, every: int = 0) -> None:
        self._share = share
        self._every = every
        self._cost_s: float | None = None
        self._lock = threading.Lock()

    def cost(self, seconds: float) -> None:
        """What the last checkpoint took to serialise and store; from any thread."""
        with self._lock:
            known = self._cost_s
            self._cost_s = seconds if known is None else known + _FRESH * (seconds - known)

    def due(self, ticket: Ticket) -> bool:
        """Whether somebody keeps them, and the job has earned one since its last and has something left to lose."""
        if not ticket.keeps_checkpoints:
            return False
        steps = ticket.started.step - ticket.kept
        if ticket.started.done or steps < 1:
            return False
        if self._every:
            return steps >= self._every
        return self._cost_s is None or self._share * (ticket.device_s - ticket.kept_s) >= self._cost_s

    def hand_out_due(self, stepped: Sequence[Ticket], alone: Callable[..., bool]) -> None:
        """After a step: hand out the checkpoints that are due."""
        for ticket in stepped:
            if self.due(ticket):
                alone(ticket, methodcaller("hand_out"))

    @staticmethod
    def hand_out_all(tickets: Sequence[Ticket], alone: Callable[..., object]) -> None:
        """The engine closes: everything that has been stepped since its last checkpoint is handed out once more."""
        for ticket in tickets:
            if ticket.state is not None and ticket.state.step > ticket.kept and not ticket.stopped:
                alone(ticket, methodcaller("hand_out"))
