"""What storyboards count: the record before and after a write comes in, the figures of it go out; pure."""

from __future__ import annotations

from collections.abc import Mapping

from app.telemetry import STORIES_CREATED, STORIES_ENDED, STORY_LATENCY, figure, observed
from app.types.storyboard import Storyboard, StoryPhase

COMPLETED = "completed"
CREATED: Mapping[str, float] = {STORIES_CREATED: 1}


def figures_of_end(before: Storyboard, after: Storyboard, now: float) -> dict[str, float]:
    """For the meter, once a write is on record; empty unless it was the one that ended it."""
    if before.phase.ended or not after.phase.ended:
        return {}
    if after.phase is not StoryPhase.COMPLETED:
        return {figure(STORIES_ENDED, after.failure.code if after.failure else "unknown"): 1}
    first = after.revision == 1 and all(scene.attempts == 1 for scene in after.scenes)
    took = observed(STORY_LATENCY, max(0.0, now - after.created_at), after.wish.priority) if first else {}
    return {figure(STORIES_ENDED, COMPLETED): 1, **took}
