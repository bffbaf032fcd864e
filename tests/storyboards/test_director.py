"""The whole way of storyboards on memory stores: made once, whoever dies when."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.errors import GenerationError, StoreUnavailable
from app.service.ports import Ports
from app.storyboards.director import Director
from app.types.storyboard import Fit, SceneWish, Storyboard, StoryPhase
from tests.storyboards.stage import CALLER, MOVING, Stage, a_wish, open_jobs

WISH = a_wish(
    SceneWish("a red ball rolls", narration="A ball rolls over the hill."),
    SceneWish("a blue cube falls", seconds=1.5, narration="A cube falls."),
    "a green cone turns",
)
pytestmark = pytest.mark.anyio
PORTS = ("planner", "cache", "jobs", "events", "board", "artifacts", "flights", "meter", "usage", "storyboards")


class Died(BaseException):
    """The process is gone: no clause of the code under test catches it, and nothing that it calls does anything."""


class Faults:
    """Has the call of that number fail, before or after it is done; a process that died does nothing from then on."""

    def __init__(self, at: int, after: bool, error: Callable[[], BaseException]) -> None:
        self.calls = 0
        self._at, self._after, self._error = at, after, error
        self._dead: BaseException | None = None

    def of(self, port: Any) -> Any:
        return _Faulty(port, self)

    async def call(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self._dead is not None:
            raise self._dead
        self.calls += 1
        failing = self.calls == self._at
        if failing and not self._after:
            self._fail()
        answer = await method(*args, **named)
        if failing:
            self._fail()
        return answer

    def _fail(self) -> None:
        error = self._error()
        if isinstance(error, Died):
            self._dead = error
        raise error


class _Faulty:
    def __init__(self, port: Any, faults: Faults) -> None:
        self._port, self._faults = port, faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **named: self._faults.call(found, *args, **named)


def faulty_director(stage: Stage, faults: Faults) -> Director:
    ports: Ports = replace(stage.ports, **{name: faults.of(getattr(stage.ports, name)) for name in PORTS})
    return stage.director(ports, faults.of(stage.work))


async def is_made_once(stage: Stage, story: Storyboard, wish_scenes: int = 3) -> None:
    """It is completed, by one generation for each scene, and nothing of it goes on."""
    assert story.phase is StoryPhase.COMPLETED, story.failure
    assert len(stage.made) == len(await stage.jobs_on_record()) == wish_scenes
    assert [scene.job_ids for scene in story.scenes] == [(job.id,) for job in _by_scene(stage)]
    assert not await open_jobs(stage.stores.jobs)
    assert story.artifacts["video"].key == f"{story.id}/{story.fence}/film.mp4"
    assert await stage.stores.artifacts.exists(story.artifacts["video"])
    assert await stage.stores.storyboards.count_open() == 0


def _by_scene(stage: Stage) -> list[Any]:
    return sorted(stage.made, key=lambda job: job.wishes.storyboard or ("", 0))


async def recorded(stage: Stage) -> str:
    """A storyboard that is on record and that nobody has begun with."""
    begun: list[str] = []
    stage.storyboards.director.begin = lambda story: asyncio.ensure_future(_noted(begun, story.id))  # type: ignore[method-assign]
    story_id = await stage.begin(WISH)
    assert begun == [story_id]
    stage.clock.now += 11.0
    return story_id


async def _noted(begun: list[str], story_id: str) -> None:
    begun.append(story_id)


async def calls_of_a_whole_way() -> int:
    stage, faults = Stage(), Faults(0, False, Died)
    await stage.run(await recorded(stage), faulty_director(stage, faults))
    return faults.calls


async def test_a_storyboard_is_spoken_made_and_assembled_once() -> None:
    stage = Stage()
    story = await stage.run(await stage.begin(WISH))
    await is_made_once(stage, story)
    assert sorted(stage.work.spoken) == ["A ball rolls over the hill.", "A cube falls."]
    assert stage.work.assembled == [(story.id, story.fence)]
    spoken = story.scenes[0].narration
    assert spoken is not None
    assert story.scenes[0].seconds >= spoken.seconds + 0.8


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_another_director_ends_the_film_once_wherever_the_first_dies(after: bool) -> None:
    for at in range(1, await calls_of_a_whole_way() + 1):
        stage = Stage()
        story_id = await recorded(stage)
        with pytest.raises(Died):
            await stage.run(story_id, faulty_director(stage, Faults(at, after, Died)))
        stage.clock.now += 11.0
        await is_made_once(stage, await stage.run(story_id))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_call_that_fails_is_made_again_and_the_film_made_once(after: bool) -> None:
    for at in range(1, await calls_of_a_whole_way() + 1):
        stage = Stage()
        story_id = await recorded(stage)
        faults = Faults(at, after, lambda: StoreUnavailable("Redis is away."))
        await is_made_once(stage, await stage.run(story_id, faulty_director(stage, faults)))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_delete_leaves_no_job_wherever_the_director_has_died(after: bool) -> None:
    for at in range(1, await calls_of_a_whole_way() + 1):
        stage = Stage()
        story_id = await recorded(stage)
        with pytest.raises(Died):
            await stage.run(story_id, faulty_director(stage, Faults(at, after, Died)))
        await stage.storyboards.delete(story_id, CALLER)
        assert not await stage.jobs_on_record(), f"call {at}"


async def test_a_task_that_is_cancelled_between_any_two_steps_leaves_a_film_that_is_made_once() -> None:
    for steps in range(0, 400, 3):
        stage = Stage()
        story_id = await recorded(stage)
        now = stage.clock()
        await stage.stores.storyboards.claim(now, now + 10.0, 1)
        passing = asyncio.ensure_future(stage.director().go_on(story_id))
        for _ in range(steps):
            await asyncio.sleep(0)
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
        stage.clock.now += 11.0
        await is_made_once(stage, await stage.run(story_id))


async def test_two_directors_that_both_think_it_theirs_make_one_film() -> None:
    stage = Stage()
    story_id = await recorded(stage)
    for _ in range(20):
        await asyncio.gather(stage.director().go_on(story_id), stage.director().go_on(story_id))
        await stage.make()
        if (story := await stage.story(story_id)).phase.ended:
            break
    await is_made_once(stage, story)


async def test_the_same_film_again_is_answered_at_once_without_a_generation() -> None:
    stage = Stage()
    first = await stage.run(await stage.begin(WISH))
    again = (await stage.storyboards.create(WISH, CALLER)).view
    assert again.story.phase is StoryPhase.COMPLETED
    assert again.story.cached
    assert again.story.artifacts == first.artifacts
    assert (again.generations, len(stage.made), len(stage.work.assembled)) == (0, 3, 1)
    assert again.saved_step_seconds > 0


async def test_a_film_that_is_just_being_removed_answers_nobody() -> None:
    stage = Stage()
    first = await stage.run(await stage.begin(WISH))
    assert await stage.ports.board.retire(first.id, first.id)
    again = await stage.run(await stage.begin(WISH))
    assert not again.cached
    assert again.artifacts.keys() == first.artifacts.keys()
    assert again.artifacts != first.artifacts


async def test_another_tenant_is_not_answered_with_it() -> None:
    stage = Stage()
    await stage.run(await stage.begin(WISH))
    other = (await stage.storyboards.create(WISH, replace(CALLER, tenant="others"))).view
    assert other.story.phase is not StoryPhase.COMPLETED


async def test_a_failed_scene_fails_the_story_by_name_and_the_others_are_kept() -> None:
    stage = Stage()
    stage.broken = {"blue"}
    story = await stage.run(await stage.begin(WISH))
    assert story.phase is StoryPhase.FAILED
    assert story.failure is not None
    assert story.failure.message == "Scene 2 failed: The device is full."
    assert [scene.phase.value for scene in story.scenes] == ["made", "failed", "made"]
    stage.broken = set()
    await stage.storyboards.retry_scene(story.id, 2, CALLER)
    again = await stage.run(story.id)
    assert again.phase is StoryPhase.COMPLETED
    assert len(stage.made) == 3
    assert again.scenes[0].clip == story.scenes[0].clip


async def test_the_jobs_of_a_full_line_come_in_the_order_of_the_story() -> None:
    stage = Stage(tenant_max_jobs=2)
    story_id = await stage.begin(a_wish(*(f"a red ball, {number}" for number in range(1, 8))))
    first = await stage.jobs_on_record()
    assert [job.wishes.storyboard for job in first] == [(story_id, 1), (story_id, 2)]
    assert (await stage.run(story_id)).phase is StoryPhase.COMPLETED
    made = [job.wishes.storyboard for job in stage.made]
    assert made == [(story_id, number) for number in range(1, 8)]


async def test_a_deadline_stops_the_jobs_and_ends_the_story() -> None:
    stage = Stage()
    story_id = await stage.begin(replace(WISH, deadline_s=60.0))
    stage.clock.now += 61.0
    await stage.direct()
    story = await stage.story(story_id)
    assert story.failure is not None
    assert story.failure.code == "timeout"
    assert not await open_jobs(stage.stores.jobs)


async def test_a_film_that_always_fails_ends_its_story_with_its_reason_and_holds_up_no_other() -> None:
    stage = Stage()

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(stage.work, name)

        async def assemble(self, story_id: str, fence: int) -> Any:
            if story_id == poisoned:
                raise GenerationError("The clip cannot be read.", code="unreadable_clip")
            return await stage.work.assemble(story_id, fence)

    poisoned = await stage.begin(WISH)
    fine = await stage.begin(replace(WISH, title="Another"))
    director = stage.director(work=Broken())
    assert (await stage.run(fine, director)).phase is StoryPhase.COMPLETED
    story = await stage.run(poisoned, director)
    assert story.failure is not None
    assert (story.failure.code, story.failure.message) == ("unreadable_clip", "The clip cannot be read.")


async def test_a_scene_that_always_raises_is_failed_by_name_and_the_others_are_made() -> None:
    stage = Stage()

    class Planner:
        async def plan(self, request: Any, caller: Any) -> Any:
            if "blue" in request.prompt:
                raise ValueError("a bug")
            return await stage.ports.planner.plan(request, caller)

    story_id = await recorded(stage)
    story = await stage.run(story_id, stage.director(replace(stage.ports, planner=Planner())))
    assert story.failure is not None
    assert story.failure.message == "Scene 2 failed: An error of this service: ValueError."
    assert [scene.phase.value for scene in story.scenes] == ["made", "failed", "made"]


async def test_a_clip_that_was_lost_is_made_again_before_the_film() -> None:
    stage = Stage()
    story_id = await stage.begin(a_wish("a red ball", "a blue cube"))
    await stage.make()
    lost = stage.made[0]
    await stage.stores.artifacts.clear(lost.id)
    story = await stage.run(story_id)
    assert story.phase is StoryPhase.COMPLETED
    assert len(stage.made) == 3


async def test_a_scene_is_extended_until_it_holds_its_narration() -> None:
    stage = Stage((MOVING,))
    long = "A ball rolls over the hill, and on, and on, past the river and the wood, until nobody sees it any more."
    story = await stage.run(await stage.begin(a_wish(SceneWish("a red ball", narration=long, fit=Fit.EXTEND))))
    assert story.phase is StoryPhase.COMPLETED, story.failure
    (scene,) = story.scenes
    assert scene.narration is not None
    assert len(scene.job_ids) > 2
    assert scene.frames / scene.fps >= scene.narration.seconds
    assert scene.clip == (await stage.stores.jobs.get(scene.job_ids[-1])).artifacts["video"]
