"""What happens to a storyboard and its scenes' jobs, as it happens, until it ends: for whoever follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final

from app.errors import StoryboardNotFound
from app.jobs.events import BATCH, EventLog
from app.jobs.record import parse_event_id
from app.jobs.store import find
from app.service.videos import VideoService
from app.storyboards.decide import jobs_to_look_at
from app.storyboards.progress import view_of
from app.storyboards.views import StoryEvent, StoryView
from app.types import Event, Job
from app.types.storyboard import Storyboard

BLOCK_S: Final = 5.0  # how long one wait for the next event lasts, and how often the record is read in any case
MADE_UP: Final = 2**63 - 1  # the second half of the id of an end: no event that is written has it


async def follow(
    story: Storyboard, after: str | None, service: VideoService, clock_s: float = BLOCK_S
) -> AsyncIterator[StoryEvent]:
    """A snapshot, unless nothing has happened behind `after`; then each change of the tree, up to the end.

    The tenant's log has the events of all its jobs in one order: one wait is for all scenes together.
    """
    events, now = service.ports.events, service.now
    place = await events.resume_tenant(story.tenant, after)
    last, jobs = place.id, await jobs_of(story, service, {}, ())
    view = view_of(story, jobs)
    if after is None or not place.whole or await _missed(story, last, events):
        yield StoryEvent(last, "snapshot", now(), view)
    read_at = now()
    while not view.story.phase.ended:
        news = await events.read_tenant(story.tenant, last, clock_s)
        heard, due = _about(news, view.story), now() - read_at >= clock_s
        behind, last = last, news[-1].id if news else last
        if not heard and news and not due:
            continue
        try:
            found = await service.ports.storyboards.get(story.id, story.tenant)
        except StoryboardNotFound:
            yield StoryEvent(last, "end", now(), None)
            return
        read_at = now()
        jobs = await jobs_of(found, service, jobs, heard)
        before, view = view, view_of(found, jobs)
        told = list(_changes(before, view))
        for kind, number in told[:-1]:
            yield StoryEvent(behind, kind, now(), view, number)
        if told:
            kind, number = told[-1]
            yield StoryEvent(last, kind, now(), view, number)
    yield StoryEvent(end_id(view.story), "end", now(), view)


def end_id(story: Storyboard) -> str:
    """The id of the event that tells the end that is on record now: another one is told where it is taken up again."""
    return f"{int((story.completed_at or 0.0) * 1000)}-{MADE_UP}"


def told_all(story: Storyboard, last: str) -> bool:
    """Whether who names the event `last` has been told the end that is on record now."""
    return story.phase.ended and parse_event_id(last) == parse_event_id(end_id(story))


async def jobs_of(
    story: Storyboard, service: VideoService, known: Mapping[str, Job], heard: Sequence[str]
) -> dict[str, Job]:
    """The newest jobs of scenes under way; those that are known are read again where something was heard of them."""
    ids = jobs_to_look_at(story)
    unread = [job_id for job_id in ids if job_id not in known or job_id in heard]
    read = await asyncio.gather(*(find(service.ports.jobs, job_id, story.tenant) for job_id in unread))
    newest = {**known, **dict(zip(unread, read, strict=True))}
    return {job_id: job for job_id in ids if (job := newest[job_id]) is not None}


async def _missed(story: Storyboard, last: str, events: EventLog) -> bool:
    """Whether who stands behind `last` lacks something of the tree as it is now."""
    news = await events.read_tenant(story.tenant, last, 0.0)
    return story.phase.ended or len(news) >= BATCH or bool(_about(news, story))


def _about(events: Sequence[Event], story: Storyboard) -> list[str]:
    """Of what the events are that are about it: its own id, and those of its scenes' jobs."""
    own = {story.id, *(job_id for scene in story.scenes for job_id in scene.job_ids)}
    return [event.job_id for event in events if event.job_id in own and event.kind != "preview"]


def _changes(before: StoryView, after: StoryView) -> Iterator[tuple[str, int | None]]:
    """What is another by now: kinds of events, and the numbers of scenes."""
    records = zip(before.story.scenes, after.story.scenes, strict=True)
    for was, scene, (kept, found) in zip(before.scenes, after.scenes, records, strict=True):
        if was != scene or kept != found:
            yield "scene", scene.number
    if not after.story.phase.ended and _whole(before) != _whole(after):
        yield "story", None


def _whole(view: StoryView) -> tuple[object, ...]:
    story = view.story
    return story.phase, story.revision, story.wish, view.progress
