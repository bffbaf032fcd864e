"""The table of legal moves of a storyboard: every store asks it before one changes phase."""

from __future__ import annotations

from app.errors import IllegalTransition
from app.types.storyboard import StoryPhase

LEGAL: dict[StoryPhase, frozenset[StoryPhase]] = {
    StoryPhase.QUEUED: frozenset(StoryPhase),
    StoryPhase.MAKING: frozenset(StoryPhase) - {StoryPhase.QUEUED},
    StoryPhase.ASSEMBLING: frozenset(StoryPhase) - {StoryPhase.QUEUED},
    # A scene that is changed, or tried again, takes it up once more.
    StoryPhase.COMPLETED: frozenset({StoryPhase.COMPLETED, StoryPhase.MAKING}),
    StoryPhase.FAILED: frozenset({StoryPhase.FAILED, StoryPhase.MAKING}),
}


def check(before: StoryPhase, after: StoryPhase) -> None:
    """Raises IllegalTransition unless a storyboard may go from `before` to `after`."""
    if after not in LEGAL[before]:
        raise IllegalTransition(f"A storyboard that is {before} cannot become {after}.")
