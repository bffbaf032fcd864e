"""Looks at unfinished jobs, made between two steps and never for more than a small share of the stepping time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from app.engine.denoiser import Denoiser
from app.engine.sinks import PreviewSink
from app.engine.ticket import Ticket, outcome

log = logging.getLogger(__name__)
_MOST_SAVED_S = 0.5  # so that a long time without previews does not end in a burst of them


class Previews:
    """Spends at most `share` of the time that steps take, and one preview in advance: a dear one comes less often."""

    def __init__(self, denoiser: Denoiser, share: float, clock: Callable[[], float]) -> None:
        self._denoiser = denoiser
        self._share = share
        self._clock = clock
        self._saved_s = 0.0

    def show(self, stepped: Sequence[Ticket], took_s: float, alone: Callable[..., bool]) -> None:
        """After a step of `took_s` seconds: previews that are due and affordable, of the longest unseen job first.

        `alone(ticket, work)` keeps what a sink raises its own job's affair; a preview that fails is not made.
        """
        self._saved_s = min(_MOST_SAVED_S, self._saved_s + self._share * took_s)
        due = [ticket for ticket in stepped if ticket.preview_due]
        for ticket in sorted(due, key=lambda ticket: ticket.previewed - ticket.started.step):
            if self._saved_s <= 0:
                return
            begun = self._clock()
            alone(ticket, self._show)
            spent_s = self._clock() - begun
            self._saved_s -= spent_s
            ticket.device_s += spent_s

    def _show(self, ticket: Ticket) -> None:
        ticket.previewed = ticket.started.step
        frames = outcome(partial(self._denoiser.preview, ticket.started))
        if isinstance(frames, Exception):
            log.warning("No preview of job %s: %s", ticket.job_id, frames)
        elif isinstance(ticket.sink, PreviewSink):
            ticket.sink.preview(frames[0])
