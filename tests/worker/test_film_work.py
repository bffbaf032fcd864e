"""Narrations and films as the Finisher makes them: real sound, the real assembler, real files."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest

from app.captions.writer import PlainCaptions
from app.errors import ArtifactLost, InvalidRequest, LeaseLost, StoryboardNotFound
from app.settings import Settings
from app.storyboards.ports import Voices
from app.types.storyboard import CaptionMode, Narrator, SceneWish, StoryPhase, Transition, VoiceName
from app.voice.none import NoVoice
from app.voice.voice import Speech
from app.worker.film_work import VOICES_AT_ONCE, FilmMaker, open_film_maker
from tests.storyboards.stage import CALLER, Stage, a_wish

pytestmark = pytest.mark.anyio
TENANT, TEXT, NARRATOR = "films", "The ball rolls over the hill.", Narrator()


class Tone:
    """A voice of one tone: as long as the text, a tenth of a second a letter."""

    mark = "tone-1"

    def __init__(self) -> None:
        self.spoken: list[str] = []

    def voices(self) -> tuple[str, ...]:
        return ("tone",)

    def listed(self) -> tuple[VoiceName, ...]:
        return (VoiceName("tone", None, "A tone"),)

    def check(self, text: str, narrator: Narrator) -> None:
        if not any(char.isalnum() for char in text):
            raise InvalidRequest("There is nothing in it that can be spoken.", "narration")

    def speak(self, text: str, narrator: Narrator) -> Speech:
        self.check(text, narrator)
        self.spoken.append(text)
        at = np.arange(int(16_000 * 0.1 * len(text)), dtype=np.float32) / 16_000
        return Speech(0.3 * np.sin(2 * np.pi * 220 * at).astype(np.float32), 16_000)


def maker(stage: Stage, voice: Tone | None = None) -> FilmMaker:
    return FilmMaker(stage.stores, stage.settings, voice or Tone(), PlainCaptions())


async def made(stage: Stage, wish: Any, work: FilmMaker) -> Any:
    """A storyboard at its end, with that film work."""
    director = stage.director(work=work)
    stage.storyboards.director.begin = director.begin  # type: ignore[method-assign]
    return await stage.run(await stage.begin(wish), director)


async def content(stage: Stage, artifact: Any) -> bytes:
    return b"".join([chunk async for chunk in stage.stores.artifacts.read(artifact)])


async def test_a_text_is_spoken_once_for_a_tenant_and_known_from_then_on() -> None:
    stage, voice = Stage(), Tone()
    work = maker(stage, voice)
    (before,) = await work.hear(TENANT, [TEXT], NARRATOR)
    first = await work.speak(TENANT, TEXT, NARRATOR)
    again = await maker(stage, voice).speak(TENANT, TEXT, NARRATOR)
    (heard,) = await work.hear(TENANT, [TEXT], NARRATOR)
    assert before.narration is None
    assert (first.cached, again.cached, again.artifact) == (False, True, first.artifact)
    assert heard.narration == again
    assert voice.spoken == [TEXT]
    assert first.seconds == pytest.approx(0.1 * len(TEXT), abs=0.2)


@pytest.mark.parametrize(
    ("tenant", "narrator"), [("others", NARRATOR), (TENANT, Narrator(speed=1.5)), (TENANT, Narrator(language="de"))]
)
async def test_another_tenant_or_narrator_is_spoken_for_anew(tenant: str, narrator: Narrator) -> None:
    stage, voice = Stage(), Tone()
    work = maker(stage, voice)
    first = await work.speak(TENANT, TEXT, NARRATOR)
    (heard,) = await work.hear(tenant, [TEXT], narrator)
    assert heard.narration is None
    assert (await work.speak(tenant, TEXT, narrator)).artifact != first.artifact
    assert len(voice.spoken) == 2


async def test_two_who_ask_at_once_for_the_same_get_one_file() -> None:
    stage, voice = Stage(), Tone()
    one, two = await asyncio.gather(*(maker(stage, voice).speak(TENANT, TEXT, NARRATOR) for _ in range(2)))
    assert one.artifact == two.artifact


async def test_a_text_that_cannot_be_spoken_is_told_without_an_error_for_the_others() -> None:
    heard = await maker(Stage()).hear(TENANT, ["Yes.", "…"], NARRATOR)
    assert [each.refusal and each.refusal.param for each in heard] == [None, "narration"]


async def test_a_file_that_was_lost_is_spoken_again() -> None:
    stage, voice = Stage(), Tone()
    first = await maker(stage, voice).speak(TENANT, TEXT, NARRATOR)
    await stage.stores.artifacts.delete(first.artifact)
    (heard,) = await maker(stage, voice).hear(TENANT, [TEXT], NARRATOR)
    assert heard.narration is None
    assert await stage.stores.artifacts.exists((await maker(stage, voice).speak(TENANT, TEXT, NARRATOR)).artifact)


@pytest.mark.parametrize("transition", list(Transition))
async def test_a_film_has_the_frames_and_the_sound_that_its_timeline_says(transition: Transition) -> None:
    stage = Stage()
    wish = a_wish(
        SceneWish("a red ball", narration="One two."),
        SceneWish("a blue cube", seconds=1.5),
        SceneWish("a green cone", narration="Three four five."),
        transition=transition,
        transition_s=0.25,
        captions=CaptionMode.TRACK,
    )
    story = await made(stage, wish, maker(stage))
    assert story.phase is StoryPhase.COMPLETED, story.failure
    assert set(story.artifacts) == {"video", "thumbnail", "spritesheet", "audio", "srt", "vtt"}
    with av.open(io.BytesIO(await content(stage, story.artifacts["video"]))) as film:
        frames = sum(1 for _ in film.decode(video=0))
    with av.open(io.BytesIO(await content(stage, story.artifacts["video"]))) as film:
        sound_s = sum(frame.samples / frame.sample_rate for frame in film.decode(audio=0))
    assert frames == story.frames == round(story.seconds * story.fps)
    assert abs(sound_s - story.seconds) <= 1 / story.fps
    assert b"Three four five." in await content(stage, story.artifacts["srt"])


async def test_a_tenants_single_narration_is_not_behind_ten_of_another() -> None:
    stage, voice = Stage(), Tone()
    work = maker(stage, voice)
    many = [work.speak("many", f"Number {n}.", NARRATOR) for n in range(12)]
    await asyncio.gather(*many, work.speak(TENANT, TEXT, NARRATOR))
    assert voice.spoken.index(TEXT) <= 2 + VOICES_AT_ONCE


async def test_only_who_has_the_fence_of_a_storyboard_assembles_it() -> None:
    stage = Stage()
    work = maker(stage)
    story = await made(stage, a_wish("a red ball"), work)
    for fence in (story.fence - 1, story.fence, story.fence + 1):  # it has ended
        with pytest.raises(LeaseLost):
            await work.assemble(story.id, fence)
    with pytest.raises(StoryboardNotFound):
        await work.assemble("story_" + "0" * 32, 1)


async def test_a_clip_that_is_gone_ends_the_assembling_and_leaves_no_file() -> None:
    stage = Stage()
    story_id = await stage.begin(a_wish("a red ball"))
    await stage.make()
    story = await stage.story(story_id)
    (job,) = stage.made
    scene = replace(story.scenes[0], clip=job.artifacts["video"], frames=job.plan.spec.frames, fps=job.plan.spec.fps)
    story = await stage.stores.storyboards.replace(replace(story.with_scene(1, scene), phase=StoryPhase.ASSEMBLING))
    await stage.stores.artifacts.clear(job.id)
    with pytest.raises(ArtifactLost):
        await maker(stage).assemble(story.id, story.fence)
    assert not await stage.stores.artifacts.files(story.id)


async def test_a_voice_that_is_not_there_refuses_narrations_and_nothing_else() -> None:
    stage = Stage()
    work = open_film_maker(stage.stores, Settings(voice="none"))
    (heard,) = await work.hear(TENANT, [TEXT], NARRATOR)
    assert heard.refusal is not None
    assert heard.refusal.error_code == "not_supported"
    assert (await made(stage, a_wish("a red ball"), work)).phase is StoryPhase.COMPLETED


async def test_a_scene_with_narration_is_refused_by_name_where_there_is_no_voice() -> None:
    stage = Stage()
    stage.storyboards = type(stage.storyboards)(stage.service, open_film_maker(stage.stores, Settings(voice="none")))
    with pytest.raises(Exception, match="no voice") as raised:
        await stage.storyboards.create(a_wish("a ball", SceneWish("a cube", narration="Hello.")), CALLER)
    assert raised.value.param == "scenes[1].narration"  # type: ignore[attr-defined]


async def test_it_says_who_may_narrate_and_whether_anybody_can() -> None:
    stage = Stage()
    assert await maker(stage).voices() == Voices(True, (VoiceName("tone", None, "A tone"),))
    assert await FilmMaker(stage.stores, stage.settings, NoVoice(), PlainCaptions()).voices() == Voices(False)
