"""The table of legal transitions: every store asks it before a job changes phase."""

from __future__ import annotations

from functools import cache

from app.errors import IllegalTransition
from app.types import Phase

RUNNING = (Phase.ENCODING, Phase.DENOISING, Phase.DECODING, Phase.POSTPROCESSING)
"""The phases of an attempt, in order. One may be reported again, or skipped, but never gone back to."""

LEGAL: dict[Phase, frozenset[Phase]] = {
    Phase.QUEUED: frozenset({*RUNNING, Phase.FAILED}),
    **{
        phase: frozenset({*RUNNING[place:], Phase.QUEUED, Phase.COMPLETED, Phase.FAILED})
        for place, phase in enumerate(RUNNING)
    },
    Phase.COMPLETED: frozenset(),
    Phase.FAILED: frozenset(),
}


def check(before: Phase, after: Phase) -> None:
    """Raises IllegalTransition unless a job may go from `before` to `after`."""
    if after not in LEGAL[before]:
        raise IllegalTransition(f"A job that is {before} cannot become {after}.")


@cache
def sources(after: Phase) -> frozenset[Phase]:
    """The phases from which a job may become `after`."""
    return frozenset(before for before, targets in LEGAL.items() if after in targets)
