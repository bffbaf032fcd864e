"""What must hold when the faults are over and all is quiet: told from the stores and from what clients were told."""

from __future__ import annotations

from app.simulate.faults.clients import Clients
from app.simulate.faults.watch import bits_of, sound_of
from app.simulate.faults.world import World
from app.types import Job, Phase
from app.types.storyboard import ScenePhase, Storyboard, StoryPhase
from app.types.words import PRIORITIES

LATE_S, LATE_TIMES = 5.0, 1.25  # a prediction is off by no more where nothing came in between
REST_S = 240.0  # after the last fault everything has ended by then


def unsettled(world: World) -> str | None:
    """What still waits; None: nothing does."""
    jobs = world.jobs
    for job in jobs.all():
        if not job.phase.ended:
            return f"{job.id} is {job.phase.value}, attempt {job.attempts}, fence {job.fence}"
    for story in stories(world):
        if not story.phase.ended:
            return f"{story.id} is {story.phase.value}"
    if jobs.outbox:
        return f"the webhook of {next(iter(jobs.outbox))} was never told"
    if jobs.unresolved:
        return f"the flight {next(iter(jobs.unresolved))[:8]} was never resolved"
    return None


def stories(world: World) -> list[Storyboard]:
    """All storyboards there are."""
    kept: dict[str, Storyboard] = vars(world.stores.storyboards)["_stories"]
    return list(kept.values())


def check_end(world: World, clients: Clients) -> None:
    """Everything that can only be told at the end."""
    for job in clients.accepted.values():
        _accounted(job, world)
    for job in world.jobs.all():
        if job.phase is Phase.COMPLETED:
            _kept(job, world)
        if job.webhook is not None and job.webhook.wants(job.phase):
            delivered = job.delivery is not None and job.delivery.state == "delivered"
            heard = job.id in world.told.ids_of
            world.watch.demand(delivered and heard, f"the end of {job.id} was never told to its receiver")
        if not world.shaken:
            _as_promised(job, world)
    for story in stories(world):
        _whole(story, world)
    for story_id in clients.stories:
        known = story_id in {story.id for story in stories(world)}
        world.watch.demand(
            known or world.failed_over or world.settings.retention_s < REST_S, f"{story_id} was accepted, and is gone"
        )


def _accounted(job: Job, world: World) -> None:
    watch = world.watch
    ended = job.id in watch.ended or job.id in watch.deleted
    watch.demand(ended or job.id in watch.rolled_back, f"{job.id} was accepted, and never ended")


def _kept(job: Job, world: World) -> None:
    watch = world.watch
    if world.unix() - (job.completed_at or 0.0) > watch.kept_s:
        return
    if job.id in watch.deleted:  # with its files; a failover has brought its record back
        return
    video = watch.content(job.artifacts["video"])
    watch.demand(video is not None, f"{job.id} is completed, and its video is gone")
    if video is not None:
        watch.demand(video == bits_of(job.plan), f"{job.id} has another plan's video")
    if job.plan.sound:
        heard = job.artifacts.get("audio")
        told = None if heard is None else watch.content(heard)
        watch.demand(told == sound_of(job.plan), f"{job.id} is completed, and its sound is gone or another's")


def _as_promised(job: Job, world: World) -> None:
    """A promise counts on what is there when it is given: who comes later and goes first is not in it."""
    if job.promised_s is None or job.after or job.started_at is None or job.attempts != 1 or not job.holds_promise:
        return
    if any(_overtakes(other, job) for other in world.jobs.all()):
        return
    waited_s = job.started_at - job.created_at
    most_s = LATE_S + LATE_TIMES * job.promised_s
    world.watch.demand(waited_s <= most_s, f"{job.id} waited {waited_s:.1f} s; promised were {job.promised_s:.1f}")


def _overtakes(other: Job, job: Job) -> bool:
    """Whether it came later, or was made urgent later, before the job had begun, and may have had a better claim."""
    began = job.started_at or 0.0
    rank = PRIORITIES.index(other.priority)
    came = job.created_at <= other.created_at < began
    there = other.created_at < began and (other.completed_at or began) >= job.created_at
    rose = there and rank > PRIORITIES.index(other.wishes.priority)
    claims = other.tenant != job.tenant or rank > PRIORITIES.index(job.priority)
    return (came or rose) and other.plan.pool == job.plan.pool and claims


def _whole(story: Storyboard, world: World) -> None:
    watch = world.watch
    if story.phase is not StoryPhase.COMPLETED:
        watch.demand(story.failure is not None, f"{story.id} failed without a word")
        return
    for number, scene in enumerate(story.scenes, 1):
        watch.demand(scene.phase is ScenePhase.MADE, f"{story.id} is completed, scene {number} is {scene.phase.value}")
    age_s = world.unix() - (story.completed_at or 0.0)
    if age_s < watch.kept_s:
        there = all(watch.content(artifact) is not None for artifact in story.artifacts.values())
        watch.demand(bool(story.artifacts) and there, f"{story.id} is completed, and its film is gone")
