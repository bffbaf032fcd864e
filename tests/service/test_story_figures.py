from __future__ import annotations

from dataclasses import replace

from app.service.story_figures import figures_of_end
from app.telemetry import STORIES_ENDED, STORY_LATENCY, figure
from app.telemetry.histograms import read
from app.types import Failure
from app.types.storyboard import StoryPhase
from tests.jobs.storyboards.make import a_story

MAKING = a_story(100.0, phase=StoryPhase.MAKING)
COMPLETED = replace(MAKING, phase=StoryPhase.COMPLETED)


def test_the_write_that_ends_one_counts_it_and_no_other_does() -> None:
    assert figures_of_end(MAKING, replace(MAKING, phase=StoryPhase.ASSEMBLING), 200.0) == {}
    assert figures_of_end(COMPLETED, replace(COMPLETED, version=2), 200.0) == {}
    assert figures_of_end(COMPLETED, MAKING, 200.0) == {}
    assert figures_of_end(MAKING, COMPLETED, 200.0)[figure(STORIES_ENDED, "completed")] == 1
    failed = replace(MAKING, phase=StoryPhase.FAILED, failure=Failure("timeout", "It took too long."))
    assert figures_of_end(MAKING, failed, 200.0) == {figure(STORIES_ENDED, "timeout"): 1}


def test_how_long_a_film_took_is_that_of_one_nobody_changed() -> None:
    [(labels, took)] = read(figures_of_end(MAKING, COMPLETED, 200.0), STORY_LATENCY).items()
    assert (labels, took.sum, took.count) == (("normal",), 100.0, 1)
    again = COMPLETED.with_scene(1, replace(COMPLETED.scenes[0], attempts=2))
    for story in (replace(COMPLETED, revision=2), again):
        assert figures_of_end(MAKING, story, 200.0) == {figure(STORIES_ENDED, "completed"): 1}
