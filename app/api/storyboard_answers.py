"""What a storyboard looks like on the wire: a StoryView comes in, the Storyboard object and its headers go out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.api.plan_schemas import VideoWarning
from app.api.responses import NOT_WANTED, POLL_AFTER, POLLS, VideoError, VideoWebhook, unix_seconds
from app.api.storyboard_schemas import (
    SceneInput,
    Storyboard,
    StoryboardError,
    StoryboardList,
    StoryboardScene,
    StoryboardUsage,
)
from app.settings import Settings
from app.storyboards.storyboards import StoryViews
from app.storyboards.views import SceneView, StoryView
from app.types import FIRST, Delivery, PlannedInput
from app.types.storyboard import Scene, ScenePhase, SceneWish
from app.types.storyboard import Storyboard as Record
from app.types.understood import PlanWarning

LONGEST_POLL_S: Final = 10.0


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
        started_at=unix_seconds(story.started_at),
        completed_at=unix_seconds(story.completed_at),
        expires_at=unix_seconds(story.expires_at),
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
        has_image=wish.image is not None or any(each.role == FIRST for each in wish.references),
        inputs=_inputs(wish),
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


def _inputs(wish: SceneWish) -> list[SceneInput]:
    first = [] if wish.image is None else [PlannedInput(FIRST, "image")]
    return [
        SceneInput(role=each.role, frame=each.frame, strength=None if each.strength == 1 else each.strength)
        for each in (*first, *wish.references)
    ]


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
