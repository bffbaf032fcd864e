"""A storyboard that is wished comes in; what each scene and the whole will be and take goes out, before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.errors import InvalidRequest, NotSupported, PayloadTooLarge
from app.plan.catalogue import Catalogue
from app.service.videos import VideoService
from app.storyboards.clips import Clip, Film, clip_of, transition_of
from app.storyboards.field_names import named, place_of, renamed, warned
from app.storyboards.pace import estimated_s
from app.storyboards.ports import FilmWork, Heard
from app.storyboards.timeline import Lengths, Place, film_frames, timeline
from app.storyboards.views import ScenePlan, StoryPlan
from app.types import Caller, Estimate, Plan, VideoRequest
from app.types.storyboard import Narration, SceneWish, StoryWish
from app.types.understood import PlanWarning

AT_ONCE: Final = 8  # scenes planned together
SPOKEN: Final = ("voice", "language", "speed")  # fields of the whole storyboard that a voice may refuse
ROUNDED: Final = "rounded"  # a video is made of another length than asked, since the model makes certain ones only
_SEEN = Heard()


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan as it is told, the film it is of, and by scene its clip and what was spoken before."""

    told: StoryPlan
    film: Film
    clips: tuple[Clip, ...]
    narrations: tuple[Narration | None, ...]
    places: tuple[Place, ...]

    def estimate(self, number: int) -> Estimate:
        """What all clips of scene `number` will take."""
        return times(self.clips[number - 1].plan.estimate, self.clips[number - 1].clips)


def times(estimate: Estimate, clips: int) -> Estimate:
    """The estimate of so many clips, one after another."""
    return Estimate(
        step_seconds=clips * estimate.step_seconds,
        seconds=clips * estimate.seconds,
        cost=None if estimate.cost is None else clips * estimate.cost,
        device_seconds=clips * estimate.device_seconds,
        energy_wh=None if estimate.energy_wh is None else clips * estimate.energy_wh,
    )


class Planning:
    """Plans storyboards with the planner of the service and what the voice knows of the texts."""

    def __init__(self, service: VideoService, work: FilmWork) -> None:
        self._service = service
        self._work = work

    def film(self, wish: StoryWish) -> Film:
        """Raises ModelNotFound."""
        service = self._service
        catalogue = Catalogue(service.ports.models, service.settings.default_name, service.settings.aliases)
        return Film(wish, catalogue.find(wish.model))

    async def clip(self, film: Film, number: int, narration_s: float | None, caller: Caller, place: str) -> Clip:
        """As `clip_of`, with refusals under the names of the fields as sent."""

        async def plan(request: VideoRequest) -> Plan:
            return await self._service.analyze(request, caller)

        return await named(clip_of(film, number, narration_s, plan), film.wish.scenes[number - 1], place)

    async def heard(self, scenes: Sequence[SceneWish], wish: StoryWish, caller: Caller) -> tuple[Heard, ...]:
        """What is known of each scene's narration. Raises ServiceUnavailable."""
        texts = [scene.narration for scene in scenes if scene.narration]
        known = iter(await self._work.hear(caller.tenant, texts, wish.narrator) if texts else ())
        return tuple(next(known) if scene.narration else _SEEN for scene in scenes)

    async def whole(self, wish: StoryWish, caller: Caller) -> Planned:
        """The plan of all of it.

        Raises:
            InvalidRequest, NotSupported: `param` names the field as sent.
            ServiceUnavailable: planner or voice do not answer.
        """
        if not wish.scenes:
            raise InvalidRequest("A storyboard has at least one scene.", "scenes", "no_scenes")
        film = self.film(wish)
        heard = await self.heard(wish.scenes, wish, caller)
        for number, (scene, each) in enumerate(zip(wish.scenes, heard, strict=True), 1):
            if each.refusal is not None:
                raise refused_text(each.refusal, scene, place_of(number))
        spoken = [_length_s(scene, each, wish.narrator.speed) for scene, each in zip(wish.scenes, heard, strict=True)]
        first = await self.clip(film, 1, spoken[0], caller, place_of(1))
        film = replace(film, width=first.plan.spec.width, height=first.plan.spec.height)
        seats = asyncio.Semaphore(AT_ONCE)

        async def seated(number: int) -> Clip:
            async with seats:
                return await self.clip(film, number, spoken[number - 1], caller, place_of(number))

        rest = await asyncio.gather(*(seated(number) for number in range(2, len(wish.scenes) + 1)))
        clips = (first, *rest)
        lengths = [
            lengths_of(wish, scene, clip.seconds, spoken_s)
            for scene, clip, spoken_s in zip(wish.scenes, clips, spoken, strict=True)
        ]
        places = timeline(lengths, film.fps)
        self._within(places, film)
        told = _told(film, clips, spoken, places)
        return Planned(told, film, clips, tuple(each.narration for each in heard), places)

    def _within(self, places: Sequence[Place], film: Film) -> None:
        seconds, most_s = film_frames(places) / film.fps, self._service.settings.storyboard_max_seconds
        if seconds > most_s:
            message = f"The film would last {seconds:.0f} s; at most {most_s:.0f} s are made."
            raise InvalidRequest(message, "scenes", "film_too_long")


def lengths_of(wish: StoryWish, scene: SceneWish, clip_s: float, narration_s: float | None) -> Lengths:
    """What decides the scene's place in the film."""
    return Lengths(clip_s, narration_s, scene.seconds, transition_of(wish, scene), wish.transition_s)


def refused_text(
    refusal: InvalidRequest | NotSupported, scene: SceneWish, place: str
) -> InvalidRequest | NotSupported | PayloadTooLarge:
    """A voice's refusal: of the whole storyboard's voice, or of this scene's text."""
    return refusal if refusal.param in SPOKEN else renamed(refusal, scene, place)


def _length_s(scene: SceneWish, heard: Heard, speed: float) -> float | None:
    if not scene.narration:
        return None
    return estimated_s(scene.narration, speed) if heard.narration is None else heard.narration.seconds


def _told(film: Film, clips: Sequence[Clip], spoken: Sequence[float | None], places: Sequence[Place]) -> StoryPlan:
    scenes = tuple(
        _scene_told(film, number, clip, spoken_s, place)
        for number, (clip, spoken_s, place) in enumerate(zip(clips, spoken, places, strict=True), 1)
    )
    costs = [scene.cost for scene in scenes if scene.cost is not None]
    first = clips[0].plan.spec
    return StoryPlan(
        model=film.model.id,
        width=first.width,
        height=first.height,
        fps=film.fps,
        scenes=scenes,
        seconds=film_frames(places) / film.fps,
        steps=sum(scene.steps for scene in scenes),
        device_seconds=sum(scene.device_seconds for scene in scenes),
        cost=sum(costs) if costs else None,
        warnings=tuple(warning for scene in scenes for warning in scene.warnings),
    )


def _scene_told(film: Film, number: int, clip: Clip, spoken_s: float | None, place: Place) -> ScenePlan:
    whole = times(clip.plan.estimate, clip.clips)
    return ScenePlan(
        number=number,
        plan=clip.plan,
        clips=clip.clips,
        seconds=place.frames / film.fps,
        narration_s=spoken_s,
        starts_at_s=place.start / film.fps,
        steps=clip.clips * clip.plan.sampling.steps,
        device_seconds=whole.device_seconds,
        cost=whole.cost,
        warnings=scene_warnings(clip, film.wish.scenes[number - 1], place_of(number)),
    )


def scene_warnings(clip: Clip, scene: SceneWish, place: str) -> tuple[PlanWarning, ...]:
    """What of a scene will not be as asked, about the fields as sent."""
    own = (each for each in clip.plan.warnings if each.code != ROUNDED)  # the film has it cut or filled to its length
    return tuple(warned(each, scene, place) for each in own)
