"""The table of legal moves of a storyboard: every store asks it before one changes phase."""

from __future__ import annotations

from dataclasses import replace

from app.errors import IllegalTransition
from app.types.storyboard import Storyboard, StoryPhase

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
        raise illegal(before, after)


def illegal(before: str, after: StoryPhase) -> IllegalTransition:
    """The error for a move that is not in the table."""
    return IllegalTransition(f"A storyboard that is {before} cannot become {after}.")


def sources(after: StoryPhase) -> tuple[str, ...]:
    """The phases from which one may come to `after`."""
    return tuple(before.value for before, legal in LEGAL.items() if after in legal)


def kept(story: Storyboard) -> Storyboard:
    """As a store writes it: with the next version; an end that is no more has not been told, and has no time."""
    if story.phase.ended:
        return replace(story, version=story.version + 1)
    return replace(story, version=story.version + 1, delivery=None, completed_at=None, expires_at=None)
