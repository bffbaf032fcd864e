"""Records of ended jobs that were read lately: the same bytes again are the same job, and are not taken apart again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from app.jobs.record import job_from_fields
from app.types import Job, Plan

KEPT: Final = 512  # records of some six kilobytes each


class EndedRecords:
    """Each beside the fields that it was read from. What is kept is never older than what was just read."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[Mapping[bytes, bytes], Job]] = OrderedDict()

    def read(self, job_id: str, kept: Mapping[bytes, bytes], masked: Callable[[Plan], Plan] | None = None) -> Job:
        """As `job_from_fields`; the very same object as last time where the fields are those of last time."""
        known = self._kept.get(job_id)
        if known is not None and known[0] == kept:
            self._kept.move_to_end(job_id)
            return known[1]
        job = job_from_fields(kept, masked)
        if job.phase.ended:
            self._kept[job_id] = (kept, job)
            self._kept.move_to_end(job_id)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return job
