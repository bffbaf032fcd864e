"""Scenes of one story in the line: they take the places that they have together in the order of the story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.line.order import Standing
from app.types import Job


def in_story_order(line: Sequence[Standing], jobs: Mapping[str, Job]) -> list[Standing]:
    """The line, most urgent first, with each storyboard's scenes of one pool and class exchanged among themselves.

    `jobs` by id: the scenes among them, at least.

    Urgency puts a short scene before a long one; who waits for a film wants to watch its first scene first. Nobody else
    gets another place.
    """
    own: dict[tuple[str, str, int], list[int]] = {}
    for place, one in enumerate(line):
        job = jobs.get(one.entry.job_id)
        if job is not None and job.wishes.storyboard is not None:
            own.setdefault((job.wishes.storyboard[0], job.plan.pool, one.level), []).append(place)
    ordered = list(line)
    for places in own.values():
        if len(places) > 1:
            scenes = sorted((line[place] for place in places), key=lambda one: _number(jobs[one.entry.job_id]))
            for place, one in zip(places, scenes, strict=True):
                ordered[place] = one
    return ordered


def _number(job: Job) -> tuple[int, float]:
    """By the scene, then by when it came: a scene that is made again may have two for a moment."""
    return job.wishes.storyboard[1] if job.wishes.storyboard is not None else 0, job.created_at
