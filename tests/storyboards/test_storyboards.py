"""What clients do to storyboards while a director is at work: change, retry, cancel and delete, at any moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.errors import (
    ConcurrencyExceeded,
    ContentNotReady,
    InvalidRequest,
    JobNotFound,
    ModelNotFound,
    Moved,
    NotSupported,
    StoryboardNotFound,
)
from app.jobs.admission_limits import KeyReused
from app.storyboards.ports import FilmMade
from app.types.storyboard import Fit, ScenePhase, SceneWish, StoryPhase, Transition
from tests.storyboards.stage import CALLER, Stage, a_wish, open_jobs

pytestmark = pytest.mark.anyio
WISH = a_wish(
    SceneWish("a red ball", narration="A ball rolls over the hill."),
    SceneWish("a blue cube", narration="A cube falls."),
    SceneWish("a green cone", seconds=1.5),
)


def saying(**changed: Any) -> Any:
    return lambda scene: replace(scene, **changed)


async def test_editing_a_scene_makes_that_scene_alone_and_the_film_again() -> None:
    stage = Stage()
    before = await stage.run(await stage.begin(WISH))
    view = await stage.storyboards.change_scene(before.id, 2, saying(prompt="a yellow ring"), CALLER, 1)
    assert (view.story.revision, view.story.phase) == (2, StoryPhase.MAKING)
    after = await stage.run(before.id)
    assert after.phase is StoryPhase.COMPLETED
    assert [job.plan.prompt for job in stage.made[3:]] == ["a yellow ring"]
    assert [scene.clip for scene in after.scenes][::2] == [scene.clip for scene in before.scenes][::2]
    assert len(stage.work.spoken) == 2
    assert len(stage.work.assembled) == 2
    told = await stage.storyboards.get(before.id, CALLER)
    assert (told.generations, sum(scene.cached for scene in after.scenes)) == (1, 2)
    assert told.saved_step_seconds == pytest.approx(before.scenes[0].estimate.step_seconds * 2, rel=0.5)  # type: ignore[union-attr]


async def test_another_narration_is_spoken_and_another_length_made_of_it() -> None:
    stage = Stage()
    before = await stage.run(await stage.begin(WISH))
    text = "A cube falls, and falls, and falls, and nobody hears it."
    await stage.storyboards.change_scene(before.id, 2, saying(narration=text), CALLER)
    after = await stage.run(before.id)
    assert stage.work.spoken[2:] == [text]
    assert after.scenes[1].seconds > before.scenes[1].seconds


@pytest.mark.parametrize(
    "changed", [{"caption": "A cube."}, {"title": "Cube"}, {"transition": Transition.FADE}, {"fit": Fit.LOOP}], ids=str
)
async def test_what_changes_no_clip_costs_no_generation(changed: dict[str, Any]) -> None:
    stage = Stage()
    before = await stage.run(await stage.begin(replace(WISH, seed=-1)))
    await stage.storyboards.change_scene(before.id, 3, saying(**changed), CALLER)
    after = await stage.run(before.id)
    assert after.phase is StoryPhase.COMPLETED
    assert len(stage.made) == 3
    assert after.scenes[2].job_ids == before.scenes[2].job_ids
    assert len(stage.work.assembled) == 2


async def test_a_narration_for_a_scene_of_a_given_length_keeps_its_clip() -> None:
    stage = Stage()
    before = await stage.run(await stage.begin(WISH))
    await stage.storyboards.change_scene(before.id, 3, saying(narration="And a cone."), CALLER)
    after = await stage.run(before.id)
    assert len(stage.made) == 3
    assert after.scenes[2].narration is not None
    assert after.scenes[2].clip == before.scenes[2].clip


async def test_a_change_of_a_scene_under_way_stops_its_job() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    (former,) = (await stage.story(story_id)).scenes[0].job_ids
    await stage.storyboards.change_scene(story_id, 1, saying(prompt="a white ring"), CALLER)
    assert (await stage.stores.jobs.get(former)).failure is not None
    story = await stage.run(story_id)
    assert story.phase is StoryPhase.COMPLETED
    assert former in story.scenes[0].former_ids
    assert former not in [job.id for job in stage.made]


async def test_of_two_changes_at_once_one_is_refused_with_the_revision_that_stands() -> None:
    stage = Stage()
    story = await stage.run(await stage.begin(WISH))
    change = stage.storyboards.change_scene

    class Slow:
        """Both have read the record before either writes."""

        def __init__(self) -> None:
            self.barrier, self.seen = asyncio.Event(), 0

        async def plan(self, request: Any, caller: Any) -> Any:
            self.seen += 1
            if self.seen >= 2:
                self.barrier.set()
            await self.barrier.wait()
            return await stage.ports.planner.plan(request, caller)

    stage.service.ports = replace(stage.ports, planner=Slow())
    both = await asyncio.gather(
        change(story.id, 1, saying(prompt="one"), CALLER),
        change(story.id, 2, saying(prompt="two"), CALLER),
        return_exceptions=True,
    )
    refused = [each for each in both if isinstance(each, Moved)]
    assert len(refused) == 1
    assert "revision 2" in refused[0].message
    assert (await stage.story(story.id)).revision == 2


async def test_a_change_from_an_old_revision_is_refused() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    await stage.storyboards.change_scene(story_id, 1, saying(title="A"), CALLER, 1)
    with pytest.raises(Moved, match="revision 2"):
        await stage.storyboards.change_scene(story_id, 1, saying(title="B"), CALLER, 1)


class Waiting:
    """Film work that assembles when it is told to."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.begun, self.go_on, self.cancelled = stage, asyncio.Event(), asyncio.Event(), False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stage.work, name)

    async def assemble(self, story_id: str, fence: int) -> FilmMade:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return await self.stage.work.assemble(story_id, fence)


async def being_assembled(stage: Stage) -> tuple[str, Waiting, asyncio.Task[None]]:
    story_id = await stage.begin(WISH)
    await stage.make()
    work = Waiting(stage)
    passing = asyncio.ensure_future(stage.direct(stage.director(work=work)))
    await work.begun.wait()
    assert (await stage.story(story_id)).phase is StoryPhase.ASSEMBLING
    return story_id, work, passing


async def test_the_film_of_a_revision_that_is_none_any_more_is_thrown_away() -> None:
    stage = Stage()
    story_id, work, passing = await being_assembled(stage)
    changed = await stage.storyboards.change_scene(story_id, 1, saying(prompt="a white ring"), CALLER)
    assert changed.story.phase is StoryPhase.MAKING
    work.go_on.set()
    await passing
    assert not [key for key in await stage.stores.artifacts.files(story_id) if key.endswith("film.mp4")]
    story = await stage.run(story_id)
    assert story.phase is StoryPhase.COMPLETED
    assert story.revision == 2
    assert len(stage.made) == 4


async def test_a_change_in_the_moment_before_it_is_assembled_is_heeded() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    await stage.make()
    changed: list[int] = []

    class Cache:
        def __getattr__(self, name: str) -> Any:
            return getattr(stage.ports.cache, name)

        async def get(self, level: str, key: str) -> bytes | None:
            if not changed and (await stage.story(story_id)).scenes[2].phase is ScenePhase.MADE:
                changed.append(1)
                await stage.storyboards.change_scene(story_id, 3, saying(prompt="a white ring"), CALLER)
            return await stage.ports.cache.get(level, key)

    await stage.direct(stage.director(replace(stage.ports, cache=Cache())))
    story = await stage.run(story_id)
    assert (changed, story.phase, story.revision) == ([1], StoryPhase.COMPLETED, 2)
    assert len(stage.made) == 4
    assert story.scenes[2].clip == stage.made[3].artifacts["video"]
    assert len(stage.work.assembled) == 1


async def test_a_delete_while_it_is_assembled_leaves_nothing() -> None:
    stage = Stage()
    story_id, work, passing = await being_assembled(stage)
    await stage.storyboards.delete(story_id, CALLER)
    work.go_on.set()
    await passing
    assert await nothing_left(stage)


async def nothing_left(stage: Stage) -> bool:
    """No record, no job, no file, nobody who needs one."""
    assert not (await stage.stores.storyboards.list(CALLER.tenant, None, 10, True)).stories
    assert not await stage.jobs_on_record()
    assert await stage.stores.artifacts.makers() == []
    return True


@pytest.mark.parametrize("rounds", range(5))
async def test_a_delete_at_any_time_leaves_nothing(rounds: int) -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    for at in range(rounds):
        await (stage.direct() if at % 2 else stage.make(2))
        stage.clock.now += 2.0
    await stage.storyboards.delete(story_id, CALLER)
    await stage.direct()
    assert await nothing_left(stage)
    with pytest.raises(StoryboardNotFound):
        await stage.storyboards.get(story_id, CALLER)


async def test_a_delete_while_a_scene_is_submitted_leaves_no_job() -> None:
    stage = Stage()
    reached, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        async def plan(self, request: Any, caller: Any) -> Any:
            reached.set()
            await go_on.wait()
            return await stage.ports.planner.plan(request, caller)

    stage.storyboards.director.begin = lambda story: asyncio.ensure_future(asyncio.sleep(0))  # type: ignore[method-assign]
    story_id = await stage.begin(WISH)
    stage.clock.now += 11.0
    passing = asyncio.ensure_future(stage.direct(stage.director(replace(stage.ports, planner=Slow()))))
    await reached.wait()
    await stage.storyboards.delete(story_id, CALLER)
    go_on.set()
    await passing
    assert await nothing_left(stage)


async def test_a_film_that_another_was_answered_with_stays_when_its_maker_is_deleted() -> None:
    stage = Stage()
    first = await stage.run(await stage.begin(WISH))
    second = (await stage.storyboards.create(WISH, CALLER)).view.story
    await stage.storyboards.delete(first.id, CALLER)
    artifact = await stage.storyboards.artifact(second.id, CALLER, "video")
    assert artifact.key.startswith(first.id)
    assert b"".join([chunk async for chunk in stage.storyboards.read(artifact)])
    await stage.storyboards.delete(second.id, CALLER)
    assert await nothing_left(stage)


async def test_a_cancel_ends_the_jobs_and_keeps_what_is_made() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    await stage.make(1)
    await stage.direct()
    view = await stage.storyboards.cancel(story_id, CALLER)
    assert (view.story.phase, view.story.failure and view.story.failure.code) == (StoryPhase.FAILED, "cancelled")
    assert not await open_jobs(stage.stores.jobs)
    assert sum(scene.clip is not None for scene in view.story.scenes) == 1
    again = await stage.storyboards.cancel(story_id, CALLER)
    assert again.story == view.story


async def test_a_cancelled_storyboard_is_taken_up_with_all_that_is_missing() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    await stage.make(1)
    await stage.direct()
    view = await stage.storyboards.cancel(story_id, CALLER)
    lost = next(number for number, scene in enumerate(view.story.scenes, 1) if scene.phase is ScenePhase.FAILED)
    await stage.storyboards.retry_scene(story_id, lost, CALLER)
    assert (await stage.run(story_id)).phase is StoryPhase.COMPLETED
    assert len(stage.made) == 3


async def test_the_same_request_under_a_key_is_answered_with_the_first() -> None:
    stage = Stage()
    first = await stage.storyboards.create(WISH, CALLER, "key")
    again = await stage.storyboards.create(WISH, CALLER, "key")
    assert (again.replayed, again.view.story.id) == (True, first.view.story.id)
    with pytest.raises(KeyReused):
        await stage.storyboards.create(replace(WISH, title="Another"), CALLER, "key")


async def test_a_tenant_has_so_many_under_way_at_most() -> None:
    stage = Stage(storyboard_max_open=1)
    await stage.begin(WISH)
    with pytest.raises(ConcurrencyExceeded):
        await stage.begin(replace(WISH, title="Another"))


async def test_a_scene_can_be_watched_before_the_film_is_there() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    await stage.make(1)
    await stage.direct()
    _, made = stage.made[0].wishes.storyboard or ("", 0)
    clip = await stage.storyboards.artifact(story_id, CALLER, "video", made)
    assert clip.key.startswith(stage.made[0].id)
    assert (await stage.storyboards.artifact(story_id, CALLER, "thumbnail", made)).content_type == "image/webp"
    for variant, scene in (("video", None), ("video", made % 3 + 1)):
        with pytest.raises(ContentNotReady):
            await stage.storyboards.artifact(story_id, CALLER, variant, scene)
    with pytest.raises(StoryboardNotFound, match="scenes 1 to 3"):
        await stage.storyboards.artifact(story_id, CALLER, "video", 4)


@pytest.mark.parametrize(
    ("wish", "error", "param"),
    [
        (a_wish("a ball", SceneWish("  ")), InvalidRequest, "scenes[1].prompt"),
        (a_wish(SceneWish("a ball", seconds=400.0)), InvalidRequest, "scenes[0].seconds"),
        (a_wish("a ball", SceneWish("a cube", narration="…")), InvalidRequest, "scenes[1].narration"),
        (a_wish("a ball", SceneWish("a cube", fit=Fit.EXTEND)), NotSupported, "scenes[1].fit"),
        (replace(a_wish("a ball"), fit=Fit.EXTEND), NotSupported, "fit"),
        (a_wish("a ball", SceneWish("a cube", tier="best of all")), InvalidRequest, "scenes[1].tier"),
        (replace(a_wish("a ball"), tier="best of all"), InvalidRequest, "tier"),
        (a_wish("a ball", SceneWish("a cube", style="none such")), InvalidRequest, "scenes[1].style"),
        (a_wish("a ball", SceneWish("a cube", seed=-7)), InvalidRequest, "scenes[1].seed"),
        (replace(a_wish("a ball"), width=7, height=9), InvalidRequest, "size"),
        (replace(a_wish("a ball"), fps=999), InvalidRequest, "fps"),
        (replace(a_wish("a ball"), model="none such"), ModelNotFound, "model"),
        (a_wish(), InvalidRequest, "scenes"),
        (a_wish(*[SceneWish("a ball", narration="word " * 990)] * 8), InvalidRequest, "scenes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_made_is_refused_before_it_starts_and_the_field_is_named(
    wish: Any, error: type[Exception], param: str
) -> None:
    stage = Stage()
    for refused in (stage.storyboards.create, stage.storyboards.analyze):
        with pytest.raises(error) as raised:
            await refused(wish, CALLER)
        assert raised.value.param == param  # type: ignore[attr-defined]
    assert not (await stage.stores.storyboards.list(CALLER.tenant, None, 10, True)).stories


async def test_a_change_that_cannot_be_made_leaves_the_storyboard_as_it_is() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    for changed, param in (({"narration": "…"}, "narration"), ({"tier": "none"}, "tier"), ({"prompt": " "}, "prompt")):
        with pytest.raises(InvalidRequest) as raised:
            await stage.storyboards.change_scene(story_id, 2, saying(**changed), CALLER)
        assert raised.value.param == param
    assert (await stage.story(story_id)).revision == 1


async def test_the_plan_of_the_whole_is_the_sum_of_its_scenes_and_is_what_is_made() -> None:
    stage = Stage(price_per_device_hour=3.6)
    plan = await stage.storyboards.analyze(WISH, CALLER)
    assert (plan.width, plan.height, plan.fps, plan.model) == (64, 64, 8, "shapes")
    assert plan.steps == sum(scene.steps for scene in plan.scenes) > 0
    assert plan.device_seconds == pytest.approx(sum(scene.device_seconds for scene in plan.scenes))
    assert plan.cost == pytest.approx(plan.device_seconds * 3.6 / 3600)
    assert [scene.starts_at_s for scene in plan.scenes][0] == 0.0
    assert not await stage.jobs_on_record()
    story = await stage.run(await stage.begin(WISH))
    assert story.seconds == pytest.approx(plan.seconds)  # the voice of tests speaks as fast as it is estimated to
    assert [scene.steps for scene in story.scenes] == [scene.steps for scene in plan.scenes]


async def test_jobs_of_another_tenant_and_storyboards_of_another_are_not_found() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    other = replace(CALLER, tenant="others")
    for ask in (stage.storyboards.get, stage.storyboards.cancel, stage.storyboards.delete):
        with pytest.raises(StoryboardNotFound):
            await ask(story_id, other)
    with pytest.raises(JobNotFound):
        await stage.service.get((await stage.story(story_id)).scenes[0].job_ids[0], other)
