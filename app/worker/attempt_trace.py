"""What an attempt goes through at the engine's boundaries, as lines of the log and as events of its span."""

from __future__ import annotations

import logging

from app.engine.boundary_news import Moved, Stepped
from app.logs.context import facts
from app.tracing.spans import Span

log = logging.getLogger(__name__)
MOST_LINKS = 64  # of a span: batch mates beyond are counted by the events alone


class AttemptTrace:
    """Lines say what happens seldom; events every boundary. Belongs to the attempt's task."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._mates: set[str] = set()

    def moved(self, move: Moved) -> None:
        """It has a slot, or has it no more."""
        match move.how:
            case "joined" if move.step:
                log.info("resumed", extra=facts(from_step=move.step))
            case "preempted":
                log.info("preempted", extra=facts(step=move.step, by=list(move.by)))
            case "went on":
                log.info("went on", extra=facts(step=move.step))
            case _:
                log.debug("%s", move.how, extra=facts(step=move.step))
        self._span.event(move.how, {"step": move.step, "by": ",".join(move.by) or None})

    def stepped(self, stepped: Stepped) -> None:
        """A forward, and whom it was shared with: each mate is linked once."""
        self._span.event("boundary", {"step": stepped.step, "batch": stepped.batch, "took_s": stepped.took_s})
        for mate in stepped.mates:
            if mate not in self._mates and len(self._mates) < MOST_LINKS:
                self._mates.add(mate)
                self._span.link(mate, {"step": stepped.step})
