"""A scene's wish, the film's shape and a narration's length come in; its clip goes out: request, plan, how many."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.errors import InvalidRequest, NotSupported
from app.plan.catalogue import within
from app.plan.inputs import FIELD as INPUTS
from app.plan.inputs import again
from app.storyboards.timeline import overlap_s, with_pauses_s
from app.types import OFF, ModelProfile, Plan, VideoRequest, Wishes
from app.types.storyboard import Fit, SceneWish, StoryWish, Transition
from app.video.join import MOST_BYTES

MOST_CLIPS: Final = 32  # of one scene, each of which goes on from the one before it
_ALMOST_S: Final = 1e-6

Planning = Callable[[VideoRequest], Awaitable[Plan]]
"""What plan a request gets now."""


@dataclass(frozen=True, slots=True)
class Film:
    """What all scenes of a film have in common: its model, and its shape once that is known."""

    wish: StoryWish
    model: ModelProfile
    width: int | None = None
    height: int | None = None

    @property
    def fps(self) -> int:
        """Frames a second of the film."""
        return self.wish.fps or self.model.default_fps


@dataclass(frozen=True, slots=True)
class Clip:
    """A scene's first clip, and how the rest of it is filled: `clips` in all, where it is extended more than one.

    `seconds` is how long all of them play; `each_s` what each of the others adds: at least and at most.
    """

    request: VideoRequest
    plan: Plan
    clips: int
    seconds: float
    each_s: tuple[float, float] = (0.0, 0.0)

    def more_s(self, has_s: float) -> float:
        """Seconds that the next clip is to add where those before it play `has_s`."""
        least_s, most_s = self.each_s
        return min(most_s, max(least_s, self.seconds - has_s))


def wanted_s(wish: StoryWish, number: int, narration_s: float | None) -> float:
    """How long scene `number`, from 1, is to last with a narration of that length (None: none); 0: it does not say."""
    scene = wish.scenes[number - 1]
    begins_s = 0.0 if number == 1 else overlap_s(transition_of(wish, scene), wish.transition_s)
    held_s = 0.0 if narration_s is None else with_pauses_s(narration_s, begins_s)
    return max(scene.seconds or 0.0, held_s)


def transition_of(wish: StoryWish, scene: SceneWish) -> Transition:
    """How it begins."""
    return scene.transition or wish.transition


def fit_of(wish: StoryWish, scene: SceneWish) -> Fit:
    """What fills it where its clip is too short."""
    return scene.fit or wish.fit


def request_of(film: Film, scene: SceneWish) -> VideoRequest:
    """The scene's clip at the model's own length, without anything that is wished of its job."""
    wish = film.wish
    return VideoRequest(
        prompt=scene.prompt,
        model=film.model.id,
        negative_prompt=wish.negative_prompt,
        width=film.width if film.width is not None else wish.width,
        height=film.height if film.height is not None else wish.height,
        fps=wish.fps,
        seed=wish.seed if scene.seed is None else scene.seed,
        deterministic=wish.deterministic,
        tier=scene.tier or wish.tier,
        style=scene.style or wish.style,
        image=scene.image,
        references=tuple(replace(again(each), place=f"{INPUTS}[{at}]") for at, each in enumerate(scene.references)),
        wishes=Wishes(),
    )


async def clip_of(film: Film, number: int, narration_s: float | None, plan: Planning) -> Clip:
    """The clip of scene `number`, from 1, that is to hold a narration of that length (None: it has none).

    As long as it was asked to be, else as long as its narration with the pauses around it, as far as the model makes
    clips that long; without either, the model's own length. What is missing is left to `fit`, for which `extend` makes
    further clips.

    Raises:
        InvalidRequest: it cannot be made; `param` as the planner names it, and `narration` where that is too long.
        NotSupported: it is to be extended, and the model takes no picture; `param` is `fit`.
    """
    scene = film.wish.scenes[number - 1]
    extends = fit_of(film.wish, scene) is Fit.EXTEND
    if extends and not film.model.takes_image:
        message = f"{film.model.id} takes no picture to go on from: fit can be hold, loop or slow."
        raise NotSupported(message, "fit")
    request = request_of(film, scene)
    seconds = wanted_s(film.wish, number, narration_s)
    if scene.seconds is not None and not extends:
        request = replace(request, seconds=scene.seconds)
        made = await plan(request)
        return Clip(request, made, 1, made.clip.seconds)
    made = await plan(request)
    if not seconds:
        return Clip(request, made, 1, made.clip.seconds)
    counts, rate = within(film.model, made.tier).frames, film.fps
    needed = math.ceil(seconds * rate - _ALMOST_S)
    request = replace(request, frames=_enough(needed, made, counts))
    made = await plan(request)
    if not extends or made.clip.seconds + _ALMOST_S >= seconds:
        return Clip(request, made, 1, made.clip.seconds)
    fps, fastest = made.clip.fps, film.model.fps[1]
    # The first frame is there already; the planner refuses what plays shorter than half a frame under the fewest.
    least_s = max((counts[0] - 1) / fps, (counts[0] - 0.5) / fastest, 1 / fps)
    return _extended(request, made, seconds, (least_s, (counts[-1] - 1) / fps), scene)


def _enough(needed: int, plan: Plan, counts: Sequence[int]) -> int:
    """Frames that a clip is asked to have: of those that the model makes, or any number that lies between them."""
    more = plan.postprocessing
    if more is None or more.interpolate == OFF:
        return next((count for count in counts if count >= needed), counts[-1])
    return min(max(2, needed), counts[-1] * more.fps // plan.spec.fps)


def _extended(request: VideoRequest, plan: Plan, seconds: float, each_s: tuple[float, float], scene: SceneWish) -> Clip:
    """The clip, and as many that go on from it as it takes. Raises InvalidRequest: they would be too long together."""
    field, spec = "seconds" if scene.seconds is not None else "narration", plan.clip
    more_s = each_s[1]
    clips = 1 if more_s <= 0 else 1 + math.ceil((seconds - spec.seconds) / more_s - _ALMOST_S)
    most_s = MOST_BYTES / (3 * spec.width * spec.height) / spec.fps
    if clips > MOST_CLIPS or seconds + more_s > most_s:
        longest_s = min(most_s - more_s, spec.seconds + (MOST_CLIPS - 1) * more_s)
        message = f"A scene that is extended may last {longest_s:.1f} s here; this one would last {seconds:.1f} s."
        raise InvalidRequest(message, field, "unsupported_length")
    return Clip(request, plan, clips, seconds, each_s)
