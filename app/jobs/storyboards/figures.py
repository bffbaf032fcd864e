"""What storyboards count: the phase before a write and the record after it come in, figures go out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from app.errors import StoreUnavailable
from app.telemetry import STORIES_CREATED, STORIES_ENDED, STORY_LATENCY, Meter, figure, observed
from app.types.storyboard import Storyboard, StoryPhase

log = logging.getLogger(__name__)
CREATED: Final[Mapping[str, float]] = {STORIES_CREATED: 1}


def figures_of_end(before: StoryPhase, after: Storyboard) -> dict[str, float]:
    """What a write counts; nothing unless it was the one that ended it."""
    if before.ended or not after.phase.ended:
        return {}
    if after.phase is not StoryPhase.COMPLETED:
        return {figure(STORIES_ENDED, after.failure.code if after.failure else "unknown"): 1}
    unchanged = after.revision == 1 and all(scene.attempts == 1 for scene in after.scenes)
    took_s = max(0.0, (after.completed_at or after.created_at) - after.created_at)
    took = observed(STORY_LATENCY, took_s, after.wish.priority) if unchanged else {}
    return {figure(STORIES_ENDED, "completed"): 1, **took}


async def count(figures: Mapping[str, float], meter: Meter | None) -> None:
    """Once the write is on record, which is not to fail for a figure."""
    if meter is None or not figures:
        return
    try:
        await meter.add(dict(figures))
    except StoreUnavailable as error:
        log.info("Not counted: %s", error)
