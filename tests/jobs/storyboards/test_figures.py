from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from app.errors import Moved, StoreUnavailable
from app.jobs.storyboards.figures import figures_of_end
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.redis_storyboards import RedisStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.redis.connection import Client
from app.telemetry import STORIES_ENDED, STORY_LATENCY, MemoryMeter, figure, labelled
from app.telemetry.histograms import read
from app.types import Failure
from app.types.storyboard import StoryPhase
from tests.jobs.storyboards.make import a_story
from tests.redis_server import MEMORY_AND_REDIS

MAKING = a_story(100.0, phase=StoryPhase.MAKING)
COMPLETED = replace(MAKING, phase=StoryPhase.COMPLETED, completed_at=200.0)


@dataclass
class Counted:
    stories: StoryboardStore
    meter: MemoryMeter


@pytest.fixture(params=MEMORY_AND_REDIS)
def counted(request: pytest.FixtureRequest) -> Counted:
    meter = MemoryMeter()
    if request.param == "memory":
        return Counted(MemoryStoryboards(meter=meter), meter)
    redis: Client = request.getfixturevalue("redis")
    return Counted(RedisStoryboards(redis, request.getfixturevalue("prefix"), meter), meter)


def test_the_write_that_ends_one_counts_it_and_no_other_does() -> None:
    assert figures_of_end(StoryPhase.MAKING, replace(MAKING, phase=StoryPhase.ASSEMBLING)) == {}
    assert figures_of_end(StoryPhase.COMPLETED, replace(COMPLETED, version=2)) == {}
    assert figures_of_end(StoryPhase.COMPLETED, MAKING) == {}
    assert figures_of_end(StoryPhase.MAKING, COMPLETED)[figure(STORIES_ENDED, "completed")] == 1
    failed = replace(MAKING, phase=StoryPhase.FAILED, failure=Failure("timeout", "It took too long."))
    assert figures_of_end(StoryPhase.MAKING, failed) == {figure(STORIES_ENDED, "timeout"): 1}


def test_how_long_a_film_took_is_that_of_one_nobody_changed() -> None:
    [(labels, took)] = read(figures_of_end(StoryPhase.MAKING, COMPLETED), STORY_LATENCY).items()
    assert (labels, took.sum, took.count) == (("normal",), 100.0, 1)
    again = COMPLETED.with_scene(1, replace(COMPLETED.scenes[0], attempts=2))
    for story in (replace(COMPLETED, revision=2), again):
        assert figures_of_end(StoryPhase.MAKING, story) == {figure(STORIES_ENDED, "completed"): 1}


@pytest.mark.anyio
async def test_the_stores_count_what_comes_in_and_each_end_once(counted: Counted) -> None:
    stories, story = counted.stories, a_story()
    for _ in range(2):  # the same call again
        await stories.create(story, None, 9)
    assert (await counted.meter.read())["storyboards_created"] == 1
    making = await stories.replace(replace(story, phase=StoryPhase.MAKING))
    ended = replace(making, phase=StoryPhase.COMPLETED, completed_at=130.0)
    done = await stories.replace(ended)
    with pytest.raises(Moved):
        await stories.replace(ended)
    again = await stories.replace(replace(done, phase=StoryPhase.MAKING))
    failed = replace(again, phase=StoryPhase.FAILED, failure=Failure("cancelled", "It was cancelled."))
    await stories.replace(await stories.replace(failed))
    figures = await counted.meter.read()
    assert labelled(figures, STORIES_ENDED) == {"completed": 1, "cancelled": 1}
    assert read(figures, STORY_LATENCY)["normal",].sum == 30.0


@pytest.mark.anyio
async def test_a_write_does_not_fail_for_a_figure() -> None:
    class Away(MemoryMeter):
        async def add(self, figures: dict[str, float]) -> None:
            raise StoreUnavailable("It is away.")

    stories = MemoryStoryboards(meter=Away())
    story = await stories.create(a_story(), None, 9)
    assert (await stories.replace(replace(story, phase=StoryPhase.FAILED))).phase is StoryPhase.FAILED
