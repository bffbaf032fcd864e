"""Favourites and tags in this process: the part of MemoryJobs that follows them, by the rules of those in Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.jobs.marks import MOST_TAGS_OF_TENANT, too_many_tags
from app.types import Job


def marked(
    job: Job, favourite: bool | None, tags: Sequence[str] | None, rating: int | None, known: Mapping[str, int]
) -> Job:
    """The job with what is given; `known`: its tenant's tags. Raises Conflict."""
    if tags is not None:
        left = {tag for tag, count in known.items() if count > (tag in job.tags)}
        if len(left | set(tags)) > MOST_TAGS_OF_TENANT:
            raise too_many_tags()
        job = replace(job, tags=tuple(tags))
    if favourite is not None:
        job = replace(job, favourite=favourite)
    return job if rating is None else replace(job, rating=rating)


def counted(jobs: Sequence[Job]) -> Mapping[str, int]:
    """How many of them have each tag."""
    return dict(Counter(tag for job in jobs for tag in job.tags))
