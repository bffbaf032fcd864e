"""A look at one video: its record comes in, its body goes out with a tag, or word that it is what the client has."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from app.api.requests.conditional import matches
from app.api.responses import has_file, job_headers
from app.api.video_answers import video_of
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Job

KEPT: Final = 512  # bodies of some two kilobytes each
LONGEST_WAIT_S: Final = 60.0  # less than what stands between usually lets an answer take


@dataclass(frozen=True, slots=True)
class Body:
    """JSON of a Video object, and its tag: strong, quoted."""

    content: bytes
    etag: str


class EndedBodies:
    """Bodies of ended videos that were looked at lately. One is used only for the very record that it was made of."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str, bool], tuple[Job, Body]] = OrderedDict()

    def find(self, job: Job, base: str, has_file: bool) -> Body | None:
        """What was made of this record, for who comes by that address, while it had a file or not."""
        kept = self._kept.get((job.id, base, has_file))
        if kept is None or kept[0] is not job:
            return None
        self._kept.move_to_end((job.id, base, has_file))
        return kept[1]

    def keep(self, job: Job, base: str, has_file: bool, body: Body) -> None:
        """Only of a job that has ended: what others show may change without their record."""
        if not job.phase.ended:
            return
        self._kept[job.id, base, has_file] = (job, body)
        self._kept.move_to_end((job.id, base, has_file))
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


async def look(
    job: Job, service: VideoService, settings: Settings, base: str, bodies: EndedBodies, if_none_match: str | None
) -> Response:
    """The answer: 200 with the Video object, or 304 where `if_none_match` names its tag."""
    there = has_file(job, settings, time.time())
    body = bodies.find(job, base, there)
    if body is None:
        content = (await video_of(job, service, settings, base)).model_dump_json().encode()
        body = Body(content, f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"')
        bodies.keep(job, base, there, body)
    headers = {**job_headers(job, settings), "etag": body.etag, "cache-control": "private, no-cache"}
    if if_none_match is not None and matches(if_none_match, body.etag):
        return Response(status_code=304, headers=headers)
    return Response(body.content, headers=headers, media_type="application/json")
