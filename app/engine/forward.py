"""One forward for a batch, and what happens when it fails: each job is tried by itself, and memory's answer is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from app.engine.denoiser import Denoiser
from app.engine.memory.state import let_go
from app.engine.ticket import Ticket, outcome
from app.engine.timing.step_times import StepTimes
from app.errors import DeviceOutOfMemory
from app.logs.context import facts

log = logging.getLogger(__name__)
Answer: TypeAlias = "torch.Tensor | Exception"  # a velocity (C, F', H', W'), or why there is none


class Forward:
    """Runs batches on the denoiser. `make_room` frees device memory of jobs that are not stepping."""

    def __init__(self, denoiser: Denoiser, times: StepTimes, make_room: Callable[[], None]) -> None:
        self._denoiser = denoiser
        self._times = times
        self._make_room = make_room

    def run(self, batch: Sequence[Ticket]) -> tuple[list[Answer], bool]:
        """An answer for each, and whether one forward gave them all.

        When it fails, each job is tried by itself, once. After an out-of-memory there is room made first, and batches
        of this shape stay half as large, never below 1. A packed forward that fails, where a job by itself does not, is
        not formed again.
        """
        made = outcome(lambda: self._denoiser.predict([ticket.started for ticket in batch]))
        if not isinstance(made, Exception):
            return list(made), True
        if isinstance(made, DeviceOutOfMemory):
            self._times.refuse([ticket.shape for ticket in batch], memory=True)
            let_go(made)
            self._make_room()
        elif len(batch) == 1:
            return [made], False
        who = facts(jobs=[ticket.job_id for ticket in batch])
        log.warning("A forward of %d jobs failed, each is tried by itself: %s", len(batch), made, extra=who)
        answers = [self._alone(ticket) for ticket in batch]
        went_well = not any(isinstance(each, Exception) for each in answers)
        if went_well and not isinstance(made, DeviceOutOfMemory):
            self._times.refuse([ticket.shape for ticket in batch], memory=False)
        return answers, False

    def _alone(self, ticket: Ticket) -> Answer:
        made = outcome(lambda: self._denoiser.predict([ticket.started])[0])
        if isinstance(made, DeviceOutOfMemory):
            let_go(made)
        return made
