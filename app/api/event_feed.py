"""A job's story as every stream tells it: the record as it is, then what happened, then what happens, until the end."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from app.api.responses import video
from app.jobs.record import check_id
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller

_EVENT_ID = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is told: `snapshot` (the whole video), `phase`, `step`, `queue`, `preview` or `end`.

    A preview's data is `{"step", "total_steps", "width", "height", "image"}`, the image a data URL of a small WebP.
    """

    kind: str
    data: dict[str, Any]
    id: str | None = None  # what a client names to go on behind it; a snapshot has none


async def story(
    service: VideoService, settings: Settings, video_id: str, caller: Caller, after: str | None
) -> AsyncGenerator[Told, None]:
    """The story behind the event `after`; all of it when that is no event's id. Raises JobNotFound at once."""
    job = await service.get(check_id(video_id), caller)
    snapshot = video(job, await service.outlook(job), settings).model_dump(mode="json")
    return _told(service, job.id, caller, snapshot, after if after and _EVENT_ID.fullmatch(after) else None)


async def _told(
    service: VideoService, job_id: str, caller: Caller, snapshot: dict[str, Any], after: str | None
) -> AsyncGenerator[Told, None]:
    yield Told("snapshot", snapshot)
    async for event in service.follow(job_id, caller, after):
        yield Told(event.kind, {**event.data, "at": event.at}, event.id)
