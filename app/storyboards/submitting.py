"""A scene whose clip can be asked for comes in; an ordinary job goes out, the same one however often that is done."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from app.errors import JobNotFound, KinorayError, RetryLater
from app.service.extend import extend
from app.service.videos import VideoService
from app.storyboards.clips import Clip
from app.storyboards.decide import Submit, follows_from_narration
from app.storyboards.planning import Planning
from app.storyboards.script import spoken_s
from app.types import Caller, Job, VideoRequest, Wishes
from app.types.storyboard import Storyboard

log = logging.getLogger(__name__)
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
    clip, caller, key = await _clip(story, number, planning), caller_of(story), _key(story, number)
    wishes = _wishes(story, number)
    if move.after is not None:
        accepted = await extend(service, move.after, _going_on(clip, move.has_s, wishes), caller, key)
        return Submitted(accepted.job, clip.clips)
    told = replace(clip.request, wishes=wishes)
    # What is left of the time is another each time it is asked, and is no part of what the key stands for.
    left_s = None if story.deadline is None else max(LEAST_DEADLINE_S, story.deadline - now)
    request = replace(told, wishes=replace(wishes, deadline_s=left_s))
    return Submitted((await service.accept(request, caller, key, told=told)).job, clip.clips)


async def unrecorded(story: Storyboard, number: int, service: VideoService, planning: Planning) -> Job | None:
    """The job of scene `number` that was accepted by one who died before the scene's record named it, if there is one.

    Only of its first clip. Raises StoreUnavailable, ServiceUnavailable.
    """
    scene = story.scenes[number - 1]
    mute = bool(scene.wish.narration) and scene.narration is None
    if scene.job_ids or scene.clip is not None or (mute and follows_from_narration(story, scene)):
        return None
    try:
        clip = await _clip(story, number, planning)
        told = replace(clip.request, wishes=_wishes(story, number))
        found = await service.replayed(told, caller_of(story), _key(story, number))
    except RetryLater:
        raise
    except KinorayError:  # it cannot be made any more, or what it made is deleted
        return None
    except Exception:  # whatever is wrong with a scene, its storyboard can be ended
        log.exception("Scene %s of %s cannot be looked for", number, story.id)
        return None
    return None if found is None else found.job


async def _clip(story: Storyboard, number: int, planning: Planning) -> Clip:
    film = replace(planning.film(story.wish), width=story.width, height=story.height)
    return await planning.clip(film, number, spoken_s(story.scenes[number - 1]), caller_of(story), "")


def _key(story: Storyboard, number: int) -> str:
    scene = story.scenes[number - 1]
    return f"storyboard/{story.id}/{number}/{scene.attempts}/{len(scene.job_ids)}"


def _wishes(story: Storyboard, number: int) -> Wishes:
    wish = story.wish
    return Wishes(priority=wish.priority, user=wish.user, storyboard=(story.id, number), preview=wish.preview)


def _going_on(clip: Clip, has_s: float, wishes: Wishes) -> VideoRequest:
    first = clip.request
    return VideoRequest(
        prompt=first.prompt,
        model=first.model,
        negative_prompt=first.negative_prompt,
        seconds=clip.more_s(has_s),
        seed=first.seed,
        deterministic=first.deterministic,
        tier=first.tier,
        style=first.style,
        wishes=wishes,
    )


async def stop(story: Storyboard, service: VideoService, planning: Planning, only: int | None = None) -> None:
    """End the newest jobs of its scenes, or of scene `only`, that have not ended, also those that no record names.

    Those that are gone are fine. Raises StoreUnavailable, ServiceUnavailable.
    """
    for job_id in await jobs_of(story, service, planning, only=only):
        try:
            await service.cancel(job_id, caller_of(story))
        except JobNotFound:
            continue


async def jobs_of(
    story: Storyboard, service: VideoService, planning: Planning, former: bool = False, only: int | None = None
) -> list[str]:
    """Ids of the newest jobs of its scenes, or of scene `only`; with `former` of all that they ever had."""
    found: list[str] = []
    for number, scene in enumerate(story.scenes, 1):
        if only not in (None, number):
            continue
        found += (*scene.former_ids, *scene.job_ids) if former else scene.job_ids[-1:]
        if (job := await unrecorded(story, number, service, planning)) is not None:
            found.append(job.id)
    return list(dict.fromkeys(found))


async def withdraw(job: Job, story: Storyboard, service: VideoService) -> None:
    """Forget a job that was made for a scene that is another by now."""
    try:
        await service.delete(job.id, caller_of(story))
    except JobNotFound:
        return
