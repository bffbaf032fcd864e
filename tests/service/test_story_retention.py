"""Storyboards go with their files when their time is over; what a film is made of stays as long as it is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.artifacts.memory import MemoryArtifacts
from app.errors import StoreUnavailable
from app.jobs.store import find
from app.jobs.storyboards.store import STORY, find_story
from app.service.artifact_refs import mark_cached
from app.service.retention import Terms, expire, terms_of, tidy
from app.service.story_retention import expire_stories
from app.settings import Settings
from app.types import Artifact, Job
from app.types.storyboard import Narration, Storyboard, StoryPhase
from tests.jobs.storyboards.make import HOOK, PICTURE, a_story
from tests.service.test_retention import DAY, NOW, Stores, stores

__all__ = ["stores"]
pytestmark = pytest.mark.anyio
TERMS = Terms(files_s=2 * DAY, orphans_s=3600.0, speech_s=3 * DAY)
MADE_AT = NOW - 5 * DAY  # when all files were written
SPEECH = "speech_0123456789abcdef"


async def film_of(stores: Stores, of: Job | None, at: float, speech: Artifact | None = None, **more: Any) -> Storyboard:
    """A storyboard on record that was completed, with a film, as the director leaves it."""
    story = a_story(at, **more)
    scene = replace(
        story.scenes[0],
        clip=of.artifacts["video"] if of is not None else None,
        narration=Narration(speech, 1.0) if speech is not None else None,
    )
    story = await stores.storyboards.create(story.with_scene(1, scene), None, 99)
    film = await stores.artifacts.put(f"{story.id}/2/film.mp4", b"film", "video/mp4")
    return await stores.storyboards.replace(
        replace(
            story,
            phase=StoryPhase.COMPLETED,
            artifacts={"video": film},
            fence=2,
            completed_at=at,
            expires_at=at + 7 * DAY,
        )
    )


async def has(stores: Stores, story: Storyboard) -> bool:
    return await stores.artifacts.exists(story.artifacts["video"])


async def test_one_past_its_time_goes_with_its_film_and_its_pictures_and_tells_who_follows(stores: Stores) -> None:
    await stores.artifacts.put(PICTURE.key, b"png", "image/png")
    scene = replace(a_story().wish.scenes[0], image=PICTURE)
    wish = replace(a_story().wish, scenes=(scene, scene))
    old, new = await film_of(stores, None, NOW - 8 * DAY, wish=wish), await film_of(stores, None, NOW, wish=wish)
    assert [await expire_stories(stores, NOW, 100) for _ in range(2)] == [1, 0]
    assert (await find_story(stores.storyboards, old.id), await has(stores, old)) == (None, False)
    assert (await find_story(stores.storyboards, new.id), await has(stores, new)) == (new, True)
    assert await stores.artifacts.exists(PICTURE)
    told = await stores.events.read_tenant("public", "0-0", 0.0)
    assert [(event.job_id, event.kind, event.data) for event in told] == [(old.id, STORY, {"phase": "deleted"})]
    assert await expire_stories(stores, NOW + 8 * DAY, 100) == 1
    assert not await stores.artifacts.exists(PICTURE)


async def test_it_waits_for_its_webhook(stores: Stores) -> None:
    waiting = await film_of(stores, None, NOW - 9 * DAY, webhook=HOOK)
    told = await film_of(stores, None, NOW - 8 * DAY)
    assert await expire_stories(stores, NOW, 1) == 1
    assert await find_story(stores.storyboards, told.id) is None
    await stores.outbox.close(waiting.id)
    assert await expire_stories(stores, NOW, 1) == 1


async def test_a_film_stays_for_another_storyboard_and_for_a_cached_result(stores: Stores) -> None:
    shared, cached = await film_of(stores, None, NOW - 8 * DAY), await film_of(stores, None, NOW - 8 * DAY)
    again = await film_of(stores, None, NOW)
    again = await stores.storyboards.replace(replace(again, artifacts=shared.artifacts))
    await mark_cached(cached.id, 600.0, stores.board)
    assert await expire_stories(stores, NOW, 100) == 2
    assert await tidy(stores, TERMS, NOW) == 0
    assert [await has(stores, story) for story in (again, cached)] == [True, True]
    await stores.storyboards.delete(again.id, "public")
    assert await tidy(stores, TERMS, NOW) == 1
    assert not await has(stores, shared)


async def test_a_clip_outlives_its_job_while_a_storyboard_needs_it(stores: Stores) -> None:
    job = await stores.completed(NOW - 8 * DAY)
    story = await film_of(stores, job, NOW)
    await expire(stores, NOW, 100)
    assert (await find(stores.jobs, job.id), await tidy(stores, TERMS, NOW)) == (None, 0)
    assert await stores.has(job)
    await stores.storyboards.delete(story.id, "public")
    assert await tidy(stores, TERMS, NOW) == 2
    assert not await stores.has(job)


async def test_clips_of_one_that_is_being_made_again_stay_however_old_they_are(stores: Stores) -> None:
    job = await stores.completed(NOW - 8 * DAY)
    story = await film_of(stores, job, NOW - 8 * DAY)
    await stores.storyboards.replace(replace(story, phase=StoryPhase.MAKING, artifacts={}))
    await expire(stores, NOW, 100)
    assert (await tidy(stores, TERMS, NOW), await stores.has(job), await has(stores, story)) == (0, True, True)


@pytest.mark.parametrize(
    ("used_at", "written_ago", "kept"),
    [
        (None, 2 * DAY, True),  # within the time that it is cached
        (None, 4 * DAY, False),
        (NOW - DAY, 9 * DAY, True),
        (NOW - 3 * DAY, 9 * DAY, False),  # the film's own files are gone as well
    ],
)
async def test_a_narration_goes_when_nobody_needs_it_and_it_has_been_cached_long_enough(
    stores: Stores, used_at: float | None, written_ago: float, kept: bool
) -> None:
    speech = await stores.artifacts.put(f"{SPEECH}/1/speech.flac", b"flac", "audio/flac")
    if used_at is not None:
        await film_of(stores, None, used_at, speech)
    await tidy(stores, TERMS, MADE_AT + written_ago if used_at is None else NOW)
    assert await stores.artifacts.exists(speech) == kept


async def test_the_terms_of_narrations_are_those_of_cached_results() -> None:
    assert terms_of(Settings(result_ttl_s=9 * DAY)).speech_s == 9 * DAY
    assert terms_of(Settings(result_ttl_s=60.0)).speech_s == Settings().orphan_grace_s


async def test_what_an_earlier_assembling_left_goes_and_the_film_stays(stores: Stores) -> None:
    story = await film_of(stores, None, NOW - 10)
    left = await stores.artifacts.put(f"{story.id}/1/film.mp4", b"an earlier film", "video/mp4")
    again = await stores.storyboards.replace(replace(story, phase=StoryPhase.MAKING))
    await tidy(stores, TERMS, NOW)
    assert await stores.artifacts.exists(left)  # somebody may be writing
    await stores.storyboards.replace(replace(again, phase=StoryPhase.COMPLETED, completed_at=NOW - 10))
    await tidy(stores, TERMS, MADE_AT + 60)
    assert await stores.artifacts.exists(left)  # within the grace
    await tidy(stores, TERMS, NOW)
    assert (await stores.artifacts.exists(left), await has(stores, story)) == (False, True)


async def test_files_of_one_that_is_gone_or_failed_are_orphans(stores: Stores) -> None:
    gone, failed = await film_of(stores, None, NOW), await film_of(stores, None, NOW)
    await stores.storyboards.delete(gone.id, "public")
    again = await stores.storyboards.replace(replace(failed, phase=StoryPhase.MAKING, artifacts={}))
    await stores.storyboards.replace(replace(again, phase=StoryPhase.FAILED, completed_at=NOW))
    assert await tidy(stores, TERMS, NOW) == 2
    assert (await stores.meter.read())["artifacts_removed:orphaned"] == 2
    assert await find_story(stores.storyboards, failed.id) is not None


class Away(MemoryArtifacts):
    """A store that removes nothing."""

    async def clear(self, maker: str) -> None:
        raise StoreUnavailable("It is away.")


async def test_a_store_that_is_away_holds_up_no_record(stores: Stores) -> None:
    story = await film_of(stores, None, NOW - 8 * DAY)
    assert await expire_stories(replace(stores, artifacts=Away()), NOW, 100) == 1
    assert await find_story(stores.storyboards, story.id) is None
    assert (await tidy(stores, TERMS, NOW), await has(stores, story)) == (1, False)
