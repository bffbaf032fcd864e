"""What a storyboard looks like on the wire: a StoryView comes in, the Storyboard object and its headers go out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, Field

from app.api.plan_schemas import VideoWarning
from app.api.responses import NOT_WANTED, POLL_AFTER, POLLS, VideoError, VideoWebhook
from app.settings import Settings
from app.storyboards.storyboards import StoryViews
from app.storyboards.views import SceneView, StoryView
from app.types import Delivery
from app.types.storyboard import Scene, ScenePhase
from app.types.storyboard import Storyboard as Record
from app.types.understood import PlanWarning

LONGEST_POLL_S: Final = 10.0
_ETA: Final = "Seconds until it is done; 0.0 once it has ended, null while not known"


class StoryboardScene(BaseModel):
    """One scene: what is asked, and what has become of it."""

    number: int = Field(description="From 1, in the order of the film")
    title: str | None = Field(description="Of its chapter; null of none")
    prompt: str = Field(description="What it is to show, as asked")
    seconds: float | None = Field(description="Playing time as asked, seconds; null: as long as its narration, or its")
    narration: str | None = Field(description="What is said; null of none")
    caption: str | None = Field(description="What is shown as text; null: the narration, or else the prompt")
    has_image: bool = Field(description="Whether it begins with a picture")
    style: str | None = Field(description="Its own style's id; null: the storyboard's")
    tier: str | None = Field(description="Its own tier; null: the storyboard's")
    seed: int | None = Field(description="As asked; null: it follows from the storyboard's, or the prompt")
    transition: str | None = Field(description="How it begins: cut, crossfade or fade; null: as the storyboard has it")
    fit: str | None = Field(description="hold, loop, slow or extend; null: as the storyboard has it")
    status: str = Field(description="queued, in_progress, completed or failed")
    stage: str = Field(
        description="waiting, speaking, queued, encoding, denoising, decoding, postprocessing, made or failed"
    )
    step: int = Field(description="Steps that are done, of all its clips")
    steps: int = Field(description="Steps of all its clips; 0 before that is known")
    progress: int = Field(description="Percent; 100 only when made")
    eta_seconds: float | None = Field(description=_ETA)
    video_id: str | None = Field(description="The video that is its clip, or that goes on from it; null before")
    video_ids: list[str] = Field(description="All videos that it is made of, in order")
    revision: int = Field(description="Counts up with each change of this scene")
    cached: bool = Field(description="Its clip was there already, from a cache or from before a change elsewhere")
    duration_seconds: float | None = Field(description="Of it in the film, seconds; null while not known")
    starts_at_seconds: float | None = Field(description="Where it begins in the film, seconds; null while not known")
    narration_seconds: float | None = Field(description="Of its narration, seconds; null before, or without one")
    narration_cached: bool = Field(description="Its narration was there already")
    device_seconds: float = Field(description="Time of the device, seconds; 0.0 of what was not made for it")
    cost: float = Field(description="Money; 0.0 of what was not made, or where no price per device hour is set")
    estimated_device_seconds: float = Field(description="As predicted, seconds; 0.0 before that is known")
    estimated_cost: float = Field(description="Money, as predicted; 0.0 where no price per device hour is set")
    error: VideoError | None = Field(description="Why it could not be made; null of what did not fail")
    warnings: list[VideoWarning] = Field(description="What is not as asked; empty: all is")


class StoryboardError(BaseModel):
    """Why a storyboard failed."""

    code: str
    message: str
    scene: int | None = Field(description="Number of the scene that could not be made; null where it was none")


class StoryboardUsage(BaseModel):
    """What it took, and what was spared."""

    device_seconds: float
    cost: float = Field(description="Money; 0.0 where no price per device hour is set")
    generations: int = Field(description="Videos that were made anew for what stands in it now")
    scenes_cached: int = Field(description="Scenes whose clips were there already")
    saved_step_seconds: float
    narrations_cached: int = Field(description="Narrations that were there already")
    assembly_seconds: float = Field(description="Putting the film together, seconds; 0.0 of what was not")


class Storyboard(BaseModel):
    """A film of several scenes."""

    id: str
    object: Literal["storyboard"] = "storyboard"
    status: str = Field(description="queued, in_progress, completed or failed")
    phase: str = Field(description="queued, making, assembling, completed or failed")
    title: str = Field(description="Of the film; empty of none")
    created_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None
    revision: int = Field(description="Counts up with each change; a change may name the one that it is made of")
    progress: int = Field(description="Percent; 100 only when completed")
    eta_seconds: float | None = Field(description=_ETA)
    model: str | None = Field(description="The model's id as asked; null: the server's default")
    size: str | None = Field(description="WIDTHxHEIGHT in pixels; null while not known")
    fps: int | None = Field(description="Frames per second of the film; null while not known")
    seconds: str = Field(description="Playing time of the film, seconds; 0 while not known")
    priority: str = Field(description="low, normal or high")
    deadline_at: float | None = Field(description="Unix seconds after which it is given up; null: never")
    user: str | None
    style: str | None = Field(description="A style's id, of scenes that say none; null of none")
    tier: str = Field(description="auto, preview, standard, premium or ultra, of scenes that say none")
    negative_prompt: str
    seed: int | None = Field(description="As asked; null: seeds follow from the prompts")
    voice: str | None = Field(description="Who speaks; null: the voice's own for the language")
    language: str = Field(description="BCP 47")
    speed: float = Field(description="Of speech, 0.5 to 2.0")
    captions: str = Field(description="off, track or burnt")
    transition: str = Field(description="cut, crossfade or fade, of scenes that say none")
    transition_seconds: float = Field(description="How long crossfades and fades last, seconds")
    fit: str = Field(description="hold, loop, slow or extend, of scenes that say none")
    music_level: float = Field(description="Of music, 0 (none) to 1")
    deterministic: bool
    scenes: list[StoryboardScene] = Field(description="In the order of the film")
    usage: StoryboardUsage = Field(description="What it took, and what was spared")
    cached: bool = Field(description="The whole film was there already")
    url: str | None = Field(description="Where the film is, once completed")
    error: StoryboardError | None
    webhook: VideoWebhook | None
    warnings: list[VideoWarning] = Field(description="What is not as asked in any of its scenes; empty: all is")


class StoryboardList(BaseModel):
    """A page of storyboards; `last_id` is the `after` of the next."""

    object: Literal["list"] = "list"
    data: list[Storyboard]
    first_id: str | None
    last_id: str | None
    has_more: bool


class StoryboardDeleted(BaseModel):
    """What is said of a deleted storyboard."""

    id: str
    object: Literal["storyboard.deleted"] = "storyboard.deleted"
    deleted: Literal[True] = True


def storyboard_object(view: StoryView, settings: Settings, base: str, now: float) -> Storyboard:
    """The Storyboard object as it stands; `base` is the address before `/v1`, `now` the time, Unix seconds."""
    story, wish = view.story, view.story.wish
    scenes = [scene_object(scene, each) for scene, each in zip(story.scenes, view.scenes, strict=True)]
    return Storyboard(
        id=story.id,
        status=story.status.value,
        phase=story.phase.value,
        title=wish.title,
        created_at=int(story.created_at),
        started_at=_unix_seconds(story.started_at),
        completed_at=_unix_seconds(story.completed_at),
        expires_at=_unix_seconds(story.expires_at),
        revision=story.revision,
        progress=view.progress,
        eta_seconds=_eta(view.eta_s, story.phase.ended),
        model=wish.model,
        size=_size(story),
        fps=story.fps or wish.fps,
        seconds=f"{round(story.seconds, 3):g}",
        priority=wish.priority,
        deadline_at=story.deadline,
        user=wish.user,
        style=wish.style,
        tier=wish.tier,
        negative_prompt=wish.negative_prompt,
        seed=wish.seed,
        voice=wish.narrator.voice,
        language=wish.narrator.language,
        speed=wish.narrator.speed,
        captions=wish.captions.value,
        transition=wish.transition.value,
        transition_seconds=wish.transition_s,
        fit=wish.fit.value,
        music_level=wish.music_level,
        deterministic=wish.deterministic,
        scenes=scenes,
        usage=_usage(view),
        cached=story.cached,
        url=f"{base}/v1/storyboards/{story.id}/content" if _has_film(story, settings, now) else None,
        error=error_of(story),
        webhook=_webhook(story),
        warnings=[warning for scene in scenes for warning in scene.warnings],
    )


def scene_object(scene: Scene, at: SceneView) -> StoryboardScene:
    """One scene as it stands."""
    wish, narration, estimate = scene.wish, scene.narration, scene.estimate
    return StoryboardScene(
        number=at.number,
        title=wish.title,
        prompt=wish.prompt,
        seconds=wish.seconds,
        narration=wish.narration,
        caption=wish.caption,
        has_image=wish.image is not None,
        style=wish.style,
        tier=wish.tier,
        seed=wish.seed,
        transition=None if wish.transition is None else wish.transition.value,
        fit=None if wish.fit is None else wish.fit.value,
        status=at.status.value,
        stage=at.stage,
        step=at.step,
        steps=at.steps,
        progress=at.progress,
        eta_seconds=_eta(at.eta_s, scene.phase.ended),
        video_id=at.video_id,
        video_ids=list(scene.job_ids),
        revision=scene.revision,
        cached=scene.cached,
        duration_seconds=round(scene.seconds, 3) or None,
        starts_at_seconds=None if at.starts_at_s is None else round(at.starts_at_s, 3),
        narration_seconds=None if narration is None else round(narration.seconds, 3),
        narration_cached=narration is not None and narration.cached,
        device_seconds=round(at.device_seconds, 4),
        cost=round(at.cost or 0.0, 6),
        estimated_device_seconds=0.0 if estimate is None else round(estimate.device_seconds, 4),
        estimated_cost=0.0 if estimate is None else round(estimate.cost or 0.0, 6),
        error=None if scene.failure is None else VideoError(code=scene.failure.code, message=scene.failure.message),
        warnings=warnings_of(scene.warnings),
    )


def storyboard_list(page: StoryViews, settings: Settings, base: str, now: float) -> StoryboardList:
    """A page of Storyboard objects."""
    data = [storyboard_object(view, settings, base, now) for view in page.views]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return StoryboardList(data=data, first_id=first, last_id=last, has_more=page.has_more)


def story_headers(view: StoryView, settings: Settings) -> dict[str, str]:
    """When to ask again, and the revision, which If-Match of a change may name."""
    least_s = settings.poll_after_s
    poll_s = least_s if view.story.phase.ended else max(least_s, min((view.eta_s or 0.0) / POLLS, LONGEST_POLL_S))
    return {POLL_AFTER: str(round(1000 * poll_s)), "etag": f'"{view.story.revision}"'}


def warnings_of(found: Sequence[PlanWarning]) -> list[VideoWarning]:
    """What is not as asked."""
    return [VideoWarning(code=each.code, message=each.message, param=each.param) for each in found]


def error_of(story: Record) -> StoryboardError | None:
    """Why it failed, and the first of the scenes that did."""
    if story.failure is None:
        return None
    failed = (number for number, scene in enumerate(story.scenes, 1) if scene.phase is ScenePhase.FAILED)
    return StoryboardError(code=story.failure.code, message=story.failure.message, scene=next(failed, None))


def _usage(view: StoryView) -> StoryboardUsage:
    story = view.story
    spoken = [scene.narration for scene in story.scenes if scene.narration is not None]
    return StoryboardUsage(
        device_seconds=round(view.device_seconds, 4),
        cost=round(view.cost or 0.0, 6),
        generations=view.generations,
        scenes_cached=sum(scene.cached for scene in story.scenes),
        saved_step_seconds=round(view.saved_step_seconds, 3),
        narrations_cached=sum(each.cached for each in spoken),
        assembly_seconds=round(story.assembly_s, 3),
    )


def _webhook(story: Record) -> VideoWebhook | None:
    webhook, told = story.wish.webhook, story.delivery or Delivery()
    if webhook is None:
        return None
    unwanted = story.phase.ended and f"storyboard.{story.phase.value}" not in webhook.events
    return VideoWebhook(
        url=webhook.url,
        events=list(webhook.events),
        state=NOT_WANTED if unwanted else told.state,
        attempts=told.attempts,
        last_error=told.error,
        last_attempt_at=told.at,
        next_attempt_at=told.next_at,
    )


def _has_film(story: Record, settings: Settings, now: float) -> bool:
    """Whether there is a film to fetch, as far as the record and its time say."""
    ends = (story.completed_at or now) + settings.artifacts_kept_s
    return story.status.value == "completed" and "video" in story.artifacts and now < ends


def _size(story: Record) -> str | None:
    width, height = story.width or story.wish.width, story.height or story.wish.height
    return f"{width}x{height}" if width and height else None


def _eta(eta_s: float | None, ended: bool) -> float | None:
    return 0.0 if ended else None if eta_s is None else round(eta_s, 3)


def _unix_seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
