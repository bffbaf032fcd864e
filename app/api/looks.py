"""A look at one video: its record comes in, its body goes out with a tag, or word that it is what the client has."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

from app.api.compression import LEAST_BYTES, LEVEL, takes_gzip
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
    """JSON of a Video object, and its tag: strong, quoted. `gzipped`: the same compressed, of what is kept."""

    content: bytes
    etag: str
    gzipped: bytes | None = None


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
        if len(body.content) >= LEAST_BYTES:
            body = replace(body, gzipped=gzip.compress(body.content, LEVEL, mtime=0))
        self._kept[job.id, base, has_file] = (job, body)
        self._kept.move_to_end((job.id, base, has_file))
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


async def look(
    job: Job, service: VideoService, settings: Settings, base: str, bodies: EndedBodies, headers: Headers
) -> Response:
    """The answer to a request with these headers: 200 with the Video object, or 304 where they name its tag."""
    there = has_file(job, settings, time.time())
    body = bodies.find(job, base, there)
    if body is None:
        content = (await video_of(job, service, settings, base)).model_dump_json().encode()
        body = Body(content, f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"')
        bodies.keep(job, base, there, body)
    told = {**job_headers(job, settings), "etag": body.etag, "cache-control": "private, no-cache"}
    if matches(headers.get("if-none-match", ""), body.etag):
        return Response(status_code=304, headers=told)
    if body.gzipped is not None and takes_gzip(headers.get("accept-encoding", "")):
        told |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        return Response(body.gzipped, headers=told, media_type="application/json")
    return Response(body.content, headers=told, media_type="application/json")
