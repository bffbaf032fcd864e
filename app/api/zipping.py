"""Files come in one after the other, an archive that is never whole in memory goes out."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import AsyncIterator, Sequence
from typing import Final

from app.service.ports import Ports
from app.types import Artifact, Job

MOST_VIDEOS: Final = 100
MOST_BYTES: Final = 2 * 2**30
_BLANK = re.compile(r"[^\w]+")
_STORED_AT: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: the same videos, the same bytes


class _Sink(io.RawIOBase):
    """What `zipfile` writes, until it is taken; it is told that there is no going back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def names_of(jobs: Sequence[Job]) -> list[str]:
    """A name for each file, after its prompt, and each another one."""
    found: list[str] = []
    for job in jobs:
        words = _BLANK.sub("-", (job.plan.written or job.plan.prompt).lower()).strip("-")[:60].strip("-")
        found.append(f"{words or 'video'}-{job.id[-8:]}.mp4")
    return found


async def zipped(files: Sequence[tuple[str, Artifact]], ports: Ports) -> AsyncIterator[bytes]:
    """An archive of them, not compressed again. What cannot be read breaks it off."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, artifact in files:
            entry = zipfile.ZipInfo(name, _STORED_AT)
            with archive.open(entry, "w", force_zip64=artifact.size_bytes >= 2**31) as file:
                async for part in ports.artifacts.read(artifact, 0, None):
                    file.write(part)
                    yield sink.taken()
    yield sink.taken()
