"""What a caller remembers of a video comes in; the videos that have those words, and those that mean it, go out."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from app.errors import ServiceUnavailable
from app.jobs.marks import Among
from app.jobs.store import JobStore
from app.plan.sentences import Sentences
from app.types import Job, Page

log = logging.getLogger(__name__)

MOST_WORDS_CHARS: Final = 300
"""Of what is searched for."""
MOST_READ: Final = 2_000
"""Videos looked at, the newest; older ones are found by their tag."""
MOST_MEANT: Final = 200
"""Different prompts whose meaning is looked at: each that is not known yet costs the encoder a few milliseconds."""
NEAR: Final = 0.45
"""Likeness of meaning (cosine) from which on a prompt answers what was searched for."""
_PAGE: Final = 200


async def search(
    words: str, tenant: str, among: Among, limit: int, jobs: JobStore, sentences: Sentences
) -> Sequence[Job]:
    """Those with all of the words first, the newest of them first, then those of like meaning, the nearest first.

    Where no encoder answers, words are all there is. Raises StoreUnavailable.
    """
    found = await _newest(tenant, among, jobs)
    said = [job for job in found if has_words(job, words)]
    if len(said) >= limit:
        return said[:limit]
    known = {job.id for job in said}
    meant = await _meant(words, [job for job in found if job.id not in known], sentences)
    return [*said, *meant][:limit]


def has_words(job: Job, words: str) -> bool:
    """Whether each of the words begins one of the prompt, as it was written and as it was sent, or of the tags."""
    text = " ".join((job.plan.prompt, job.plan.written or "", *job.tags, job.id)).casefold()
    return all(re.search(rf"(?<!\w){re.escape(word)}", text) for word in words.casefold().split())


def nearest(vector: np.ndarray, vectors: np.ndarray) -> list[int]:
    """Places of those rows (n, 384) that are near in meaning to a vector (384,), all of length one, nearest first."""
    likeness = np.nan_to_num(vectors @ vector)
    return [int(place) for place in np.argsort(-likeness, kind="stable") if likeness[place] >= NEAR]


async def _newest(tenant: str, among: Among, jobs: JobStore) -> list[Job]:
    found: list[Job] = []
    page = Page((), True)
    while page.has_more and len(found) < MOST_READ:
        after = found[-1].id if found else None
        if among:
            page = await jobs.list_marked(tenant, among, after, _PAGE, True)
        else:
            page = await jobs.list(tenant, after, _PAGE, True)
        if not page.jobs:
            break
        found += page.jobs
    return found


async def _meant(words: str, jobs: Sequence[Job], sentences: Sentences) -> list[Job]:
    prompts = list(dict.fromkeys(job.plan.written or job.plan.prompt for job in jobs))[:MOST_MEANT]
    if not prompts:
        return []
    try:
        vectors = await sentences.embed([words, *prompts])
    except ServiceUnavailable as error:
        log.info("Searched by words alone: %s", error)
        return []
    rank = {prompts[place]: number for number, place in enumerate(nearest(vectors[0], vectors[1:]))}
    meant = [job for job in jobs if (job.plan.written or job.plan.prompt) in rank]
    return sorted(meant, key=lambda job: rank[job.plan.written or job.plan.prompt])
