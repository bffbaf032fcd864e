"""A scene whose clip can be asked for comes in; an ordinary job goes out, the same one however often that is done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.errors import JobNotFound
from app.service.extend import extend
from app.service.videos import VideoService
from app.storyboards.clips import Clip, Film
from app.storyboards.decide import Submit
from app.storyboards.planning import Planning
from app.storyboards.script import spoken_s
from app.types import Caller, Job, VideoRequest, Wishes
from app.types.storyboard import Storyboard

LEAST_DEADLINE_S = 1.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job on record, and how many clips its scene takes in all."""

    job: Job
    clips: int


def caller_of(story: Storyboard) -> Caller:
    """Who has asked for it, as far as the service is to know."""
    return Caller(story.tenant, story.key_id)


async def submit(
    story: Storyboard, number: int, move: Submit, service: VideoService, planning: Planning, now: float
) -> Submitted:
    """Have the clip made of scene `number`, from 1, as it stands on record.

    The request's key is made of storyboard, scene, attempt and place among the scene's clips: again for the same gives
    the job of the first time, whoever asks. Raises what `VideoService.accept` and `app.service.extend.extend` do.
    """
    scene, caller = story.scenes[number - 1], caller_of(story)
    film = replace(planning.film(story.wish), width=story.width, height=story.height)
    clip = await planning.clip(film, number, spoken_s(scene), caller, "")
    key = f"storyboard/{story.id}/{number}/{scene.attempts}/{len(scene.job_ids)}"
    wishes = Wishes(priority=story.wish.priority, user=story.wish.user, storyboard=(story.id, number))
    if move.after is not None:
        accepted = await extend(service, move.after, _going_on(film, clip, move.has_s, wishes), caller, key)
        return Submitted(accepted.job, clip.clips)
    told = replace(clip.request, wishes=wishes)
    # What is left of the time is another each time it is asked, and is no part of what the key stands for.
    left_s = None if story.deadline is None else max(LEAST_DEADLINE_S, story.deadline - now)
    request = replace(told, wishes=replace(wishes, deadline_s=left_s))
    return Submitted((await service.accept(request, caller, key, told=told)).job, clip.clips)


def _going_on(film: Film, clip: Clip, has_s: float, wishes: Wishes) -> VideoRequest:
    first = clip.request
    return VideoRequest(
        prompt=first.prompt,
        model=film.model.id,
        negative_prompt=first.negative_prompt,
        seconds=clip.more_s(has_s),
        seed=first.seed,
        deterministic=first.deterministic,
        tier=first.tier,
        style=first.style,
        wishes=wishes,
    )


async def stop(story: Storyboard, service: VideoService) -> None:
    """End the jobs of its scenes that have not ended; those that are gone are fine. Raises StoreUnavailable."""
    for job_id in (job_id for scene in story.scenes for job_id in scene.job_ids[-1:]):
        try:
            await service.cancel(job_id, caller_of(story))
        except JobNotFound:
            continue


async def withdraw(job: Job, story: Storyboard, service: VideoService) -> None:
    """Forget a job that was made for a scene that is another by now."""
    try:
        await service.delete(job.id, caller_of(story))
    except JobNotFound:
        return
