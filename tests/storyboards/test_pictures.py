"""Pictures that scenes begin with: kept as long as a storyboard needs them, and refused by the name of their field."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import pytest
from PIL import Image

from app.errors import InvalidRequest, Moved
from app.jobs.storyboards.record import story_from_json, story_to_json
from app.service.input_image import PENDING
from app.types import FIRST, LAST, REFERENCE, Caller, InputRole, OwnVideo, Plan, VideoRequest, WishedInput
from tests.api.house import MODEL, Plans
from tests.storyboards.stage import CALLER, MOVING, Stage, a_wish

pytestmark = pytest.mark.anyio
ROLES = (InputRole(FIRST), InputRole(LAST, beside=FIRST), InputRole(REFERENCE, most=2, graded=True))
ENDING = replace(MODEL, takes_image=True, inputs=ROLES)


def given(at: int, role: str, source: bytes | OwnVideo, strength: float | None = None) -> WishedInput:
    return WishedInput(role, "image", source, f"input_references[{at}]", strength=strength)


def png(shade: int = 200) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (shade, 20, 20)).save(file, "PNG")
    return file.getvalue()


async def pictures(stage: Stage) -> int:
    return len(await stage.stores.artifacts.files("inputs"))


async def test_a_scene_begins_with_its_picture_which_stays_until_the_storyboard_goes() -> None:
    stage = Stage((MOVING,))
    wish, data = a_wish("a red ball", "a blue cube"), "data:image/png;base64," + base64.b64encode(png()).decode()
    story_id = (await stage.storyboards.create(wish, CALLER, pictures={2: data})).view.story.id
    story = await stage.run(story_id)
    assert [job.plan.image for job in stage.made if job.plan.image] == [story.scenes[1].wish.image]
    await stage.service.delete(story.scenes[1].job_ids[0], CALLER)
    assert await pictures(stage) == 1
    await stage.storyboards.delete(story_id, CALLER)
    assert await pictures(stage) == 0


async def test_another_picture_makes_another_clip() -> None:
    stage = Stage((MOVING,))
    begun = await stage.storyboards.create(a_wish("a red ball"), CALLER, pictures={1: png(200)})
    story = await stage.run(begun.view.story.id)
    view = await stage.storyboards.change_scene(story.id, 1, lambda scene: scene, CALLER, picture=png(90))
    assert view.story.scenes[0].wish.image != story.scenes[0].wish.image
    after = await stage.run(story.id)
    assert len(stage.made) == 2
    assert await stage.stores.artifacts.exists(after.scenes[0].wish.image)  # type: ignore[arg-type]


@pytest.mark.parametrize(("first", "kept"), [({}, 0), ({1: png(90)}, 1)], ids=["unused", "in use"])
async def test_the_picture_of_a_change_that_is_refused_goes_unless_the_storyboard_has_it(
    first: dict[int, bytes], kept: int
) -> None:
    stage = Stage((MOVING,))
    begun = await stage.storyboards.create(a_wish("a red ball"), CALLER, pictures=first)
    story_id, changed = begun.view.story.id, False

    async def by_another(request: VideoRequest, caller: Caller) -> Plan:
        nonlocal changed
        if not changed and request.image is not None and request.image != PENDING:
            changed = True
            await stage.storyboards.change_scene(story_id, 1, lambda scene: replace(scene, title="First"), CALLER)
        return await Plans(stage.settings, stage.stores.presets, stage.stores.ratings, (MOVING,)).plan(request, caller)

    stage.ports.planner.plan = by_another  # type: ignore[method-assign]
    with pytest.raises(Moved):
        await stage.storyboards.change_scene(story_id, 1, lambda scene: scene, CALLER, picture=png(90))
    assert await pictures(stage) == kept


@pytest.mark.parametrize("picture", [b"no picture", "http://127.0.0.1/a.png", "%%%"])
async def test_what_is_no_picture_is_refused_by_its_field_and_nothing_stays(picture: bytes | str) -> None:
    stage = Stage((MOVING,))
    with pytest.raises(InvalidRequest) as raised:
        await stage.storyboards.create(a_wish("a ball", "a cube"), CALLER, pictures={1: png(), 2: picture})
    assert raised.value.param == "scenes[1].image"
    assert await pictures(stage) == 0


async def test_a_picture_for_a_model_that_takes_none_is_refused_before_it_is_looked_at() -> None:
    stage = Stage()
    with pytest.raises(InvalidRequest) as raised:
        await stage.storyboards.create(a_wish("a ball"), CALLER, pictures={1: "http://127.0.0.1/a.png"})
    assert raised.value.param == "scenes[0].image"


async def test_the_same_request_with_another_picture_is_another_request() -> None:
    stage = Stage((MOVING,))
    wish = replace(a_wish("a ball"), title="One")
    await stage.storyboards.create(wish, CALLER, "key", {1: png(1)})
    assert (await stage.storyboards.create(wish, CALLER, "key", {1: png(1)})).replayed
    with pytest.raises(Exception, match="another request"):
        await stage.storyboards.create(wish, CALLER, "key", {1: png(2)})


async def test_a_scene_shows_pictures_in_several_roles_which_stay_until_the_storyboard_goes() -> None:
    stage = Stage((ENDING,))
    all_of_it = (given(0, REFERENCE, png(1), 0.5), given(1, FIRST, png(2)), given(2, LAST, png(3)))
    wish = a_wish("a red ball", "a blue cube")
    begun = await stage.storyboards.create(wish, CALLER, "key", references={2: all_of_it})
    assert (await stage.storyboards.create(wish, CALLER, "key", references={2: all_of_it})).replayed
    with pytest.raises(Exception, match="another request"):
        await stage.storyboards.create(wish, CALLER, "key", references={2: all_of_it[1:]})
    story = await stage.run(begun.view.story.id)
    scene = story.scenes[1].wish
    assert [(each.role, each.strength) for each in scene.references] == [(REFERENCE, 0.5), (LAST, 1.0)]
    (job,) = [job for job in stage.made if job.plan.image is not None]
    assert (job.plan.image, job.plan.references) == (scene.image, scene.references)
    assert story_from_json(story_to_json(story)) == story
    assert b'"form":2' in story_to_json(story)  # an older Kinoray would leave them out
    await stage.service.delete(job.id, CALLER)
    assert await pictures(stage) == 3
    await stage.storyboards.delete(story.id, CALLER)
    assert await pictures(stage) == 0


async def test_pictures_of_a_scene_are_the_same_video_as_by_the_short_form() -> None:
    stage = Stage((ENDING,))
    short = await stage.storyboards.create(a_wish("a red ball"), CALLER, pictures={1: png()})
    await stage.run(short.view.story.id)
    await stage.storyboards.create(a_wish("a red ball"), CALLER, references={1: (given(0, FIRST, png()),)})
    await stage.run((await stage.storyboards.list(CALLER, None, 1, True)).views[0].story.id)
    assert len(stage.made) == 1


async def test_other_pictures_replace_all_of_a_scene_and_an_own_video_gives_its_frame() -> None:
    stage = Stage((ENDING,))
    begun = await stage.storyboards.create(a_wish("a red ball"), CALLER, pictures={1: png(200)})
    story = await stage.run(begun.view.story.id)
    video = OwnVideo(story.scenes[0].job_ids[-1])
    others = (given(0, FIRST, video), given(1, LAST, png(90)))
    await stage.storyboards.change_scene(story.id, 1, lambda scene: scene, CALLER, references=others)
    after = await stage.run(story.id)
    wish = after.scenes[0].wish
    assert wish.image not in (None, story.scenes[0].wish.image)
    assert [each.role for each in wish.references] == [LAST]
    assert len(stage.made) == 2


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ((given(0, FIRST, png()), given(1, LAST, b"no picture")), "scenes[1].input_references[1].image"),
        ((given(0, LAST, png()),), "scenes[1].input_references[0].role"),
        (tuple(given(at, REFERENCE, png(at)) for at in range(3)), "scenes[1].input_references[2].role"),
    ],
    ids=["no picture", "a last one without a first", "too many"],
)
async def test_what_a_model_does_not_take_is_refused_by_its_place_and_nothing_stays(
    wishes: tuple[WishedInput, ...], param: str
) -> None:
    stage = Stage((ENDING,))
    with pytest.raises(InvalidRequest) as raised:
        await stage.storyboards.create(a_wish("a ball", "a cube"), CALLER, pictures={1: png()}, references={2: wishes})
    assert raised.value.param == param
    assert await pictures(stage) == 0
