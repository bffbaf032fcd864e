"""A scene that is to be another way comes in; the storyboard with it goes on record, planned and checked before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.errors import InvalidRequest, KinorayError, Moved, StoreUnavailable, StoryboardNotFound
from app.jobs.storyboards.needs import pictures_of, shown_by
from app.jobs.storyboards.store import moved
from app.service.videos import VideoService
from app.settings import Settings
from app.storyboards import changes
from app.storyboards.changes import Told
from app.storyboards.clips import Film, fit_of, request_of, wanted_s
from app.storyboards.pace import estimated_s
from app.storyboards.pictures import Looking, scene_with_pending
from app.storyboards.planning import Planning, lengths_of, refused_text, scene_warnings, times
from app.storyboards.script import spoken_s
from app.storyboards.submitting import caller_of
from app.storyboards.timeline import film_frames, timeline
from app.types import Caller, Reference, WishedInput
from app.types.storyboard import Fit, Scene, SceneWish, Storyboard

WRITES: Final = 50  # of one change, where the director writes all the time


@dataclass(frozen=True, slots=True)
class Edit:
    """What was planned of a scene's new wish, its steps, and whether its clip stays as it is."""

    told: Told
    steps: int
    same_clip: bool


def scene_of(story: Storyboard, number: int) -> Scene:
    """Raises StoryboardNotFound, which says how many scenes there are."""
    if not 1 <= number <= len(story.scenes):
        message = f"{story.id} has no scene {number}: it has scenes 1 to {len(story.scenes)}."
        raise StoryboardNotFound(message, "scene", "scene_not_found")
    return story.scenes[number - 1]


@dataclass(frozen=True, slots=True)
class Edited:
    """The storyboard on record; `replaced`: as it was, where the scene is made again."""

    story: Storyboard
    replaced: Storyboard | None


class Editor:
    """Changes scenes on record, from the revision that was read, whatever the director writes meanwhile."""

    def __init__(self, service: VideoService, planning: Planning) -> None:
        self._service = service
        self._store = service.ports.storyboards
        self._planning = planning

    async def change(
        self,
        story_id: str,
        number: int,
        change: Callable[[SceneWish], SceneWish],
        caller: Caller,
        revision: int | None,
        picture: Reference | None,
        references: Sequence[WishedInput] = (),
    ) -> Edited:
        """As `Storyboards.change_scene`."""
        story = await self._store.get(story_id, caller.tenant)
        if revision not in (None, story.revision):
            raise moved(story_id, story.revision)
        if picture is None and not references:
            return await self._changed(story, number, change)
        # Looked at only when nothing else speaks against the change.
        wish = scene_with_pending(change(scene_of(story, number).wish), picture, references)
        await edit_of(story, number, wish, self._planning, self._service.settings)
        looking = Looking(self._service.pictures, self._service.inputs)
        kept = await looking.kept(wish, "", picture, references, story_id, caller)

        def shown(scene: SceneWish) -> SceneWish:
            changed = replace(change(scene), image=kept.image)
            return replace(changed, references=kept.references) if references else changed

        try:
            return await self._changed(story, number, shown)
        except StoreUnavailable:  # it may be on record
            raise
        except KinorayError:
            needed = pictures_of(await self._store.get(story_id))
            await looking.let_go([each for each in shown_by(kept) if each not in needed], story_id)
            raise

    async def _changed(self, story: Storyboard, number: int, change: Callable[[SceneWish], SceneWish]) -> Edited:
        seen = story.revision
        for _ in range(WRITES):
            scene = scene_of(story, number)
            wish = change(scene.wish)
            edit = await edit_of(story, number, wish, self._planning, self._service.settings)
            after = changes.wished(scene, wish, edit.told, edit.same_clip, edit.steps)
            try:
                kept = await self._store.replace(
                    changes.changed(story, number, after, self._service.now()), promised=True
                )
            except Moved:
                story = await self._store.get(story.id, story.tenant)
                if story.revision != seen:
                    raise
                continue
            return Edited(kept, None if edit.same_clip else story)
        raise StoreUnavailable(f"{story.id} changes all the time.")


async def edit_of(story: Storyboard, number: int, wish: SceneWish, planning: Planning, settings: Settings) -> Edit:
    """Raises InvalidRequest, NotSupported (`param` is the field as sent), ServiceUnavailable."""
    scene, caller = scene_of(story, number), caller_of(story)
    before = replace(planning.film(story.wish), width=story.width, height=story.height)
    scenes = (*story.wish.scenes[: number - 1], wish, *story.wish.scenes[number:])
    film = replace(before, wish=replace(story.wish, scenes=scenes))
    same_text = wish.narration == scene.wish.narration
    narration = scene.narration if same_text else None
    if not same_text and wish.narration:
        heard = (await planning.heard((wish,), story.wish, caller))[0]
        if heard.refusal is not None:
            raise refused_text(heard.refusal, wish, "")
        narration = None if heard.narration is None else replace(heard.narration, cached=True)
    length_s = narration.seconds if narration else None
    if length_s is None and wish.narration:
        length_s = estimated_s(wish.narration, story.wish.narrator.speed)
    clip = await planning.clip(film, number, length_s, caller, "")
    _check_length(story, number, wish, length_s, clip.seconds, settings)
    told = Told(times(clip.plan.estimate, clip.clips), scene_warnings(clip, wish, ""), narration)
    same_clip = _decides_clip(before, number, scene, same_text) == _decides_clip(film, number, scene, same_text)
    return Edit(told, clip.clips * clip.plan.sampling.steps, same_clip)


def _decides_clip(film: Film, number: int, scene: Scene, same_text: bool) -> tuple[object, ...]:
    """All that decides the clip of a scene as the film wishes it; another where it is not known to be the same."""
    wish = film.wish.scenes[number - 1]
    request, extends = request_of(film, wish), fit_of(film.wish, wish) is Fit.EXTEND
    if wish.seconds is not None and not extends:
        return request, wish.seconds
    text = (wish.narration,) if not same_text else ()
    return request, extends, wanted_s(film.wish, number, spoken_s(scene)), text


def _check_length(
    story: Storyboard, number: int, wish: SceneWish, length_s: float | None, clip_s: float, settings: Settings
) -> None:
    """Refuse what would make the film too long, as far as its scenes' lengths are known."""
    lengths = [
        lengths_of(story.wish, wish, clip_s, length_s)
        if each == number
        else lengths_of(story.wish, scene.wish, scene.frames / max(1, scene.fps), _spoken_s(scene, story))
        for each, scene in enumerate(story.scenes, 1)
    ]
    seconds = film_frames(timeline(lengths, story.fps)) / story.fps
    if seconds > settings.storyboard_max_seconds:
        message = f"The film would last {seconds:.0f} s; at most {settings.storyboard_max_seconds:.0f} s are made."
        raise InvalidRequest(message, "narration" if wish.seconds is None else "seconds", "film_too_long")


def _spoken_s(scene: Scene, story: Storyboard) -> float | None:
    if scene.narration is not None or not scene.wish.narration:
        return spoken_s(scene)
    return estimated_s(scene.wish.narration, story.wish.narrator.speed)
