"""The port to the records of files that come in parts: each belongs to a tenant and ends; and it in this process."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from app.errors import Conflict, NotFound
from app.types import Artifact
from app.uploads.picture_head import PictureHead

_ID: Final = re.compile(r"upload_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A file under way, or whole. Times are Unix seconds."""

    id: str
    tenant: str
    length: int  # bytes, when it is whole
    created_at: float
    expires_at: float
    metadata: str = ""  # tus' `Upload-Metadata`, as it was sent
    parts: tuple[Artifact, ...] = ()  # one behind the other
    picture: PictureHead | None = None  # None: not enough of it is there to say

    @property
    def offset(self) -> int:
        """Bytes that are there."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return self.offset == self.length

    def lives(self, now: float) -> bool:
        """Whether its time is not over."""
        return now < self.expires_at


class MostFiles(NamedTuple):
    """What a tenant may have at a time, by the lengths that were announced."""

    files: int
    bytes: int


class FileUploads(Protocol):
    """Keeps the records. Every method raises StoreUnavailable when the store is away."""

    async def create(self, upload: FileUpload, most: MostFiles) -> None:
        """Keep a new one. Raises Conflict: the tenant would have too many or too much."""
        ...

    async def own(self, tenant: str, now: float) -> tuple[FileUpload, ...]:
        """A tenant's, the oldest first, but for those whose time is over."""
        ...

    async def get(self, upload_id: str, tenant: str, now: float) -> FileUpload:
        """One's own. Raises NotFound, also when its time is over."""
        ...

    async def advance(self, before: FileUpload, after: FileUpload) -> bool:
        """Put `after` in the place of `before`; False, and nothing done: it is gone, or stands at another offset."""
        ...

    async def delete(self, upload_id: str, tenant: str) -> None:
        """Forget one's own. Raises NotFound."""
        ...

    async def expired(self, now: float, most: int) -> Sequence[FileUpload]:
        """Some whose time is over."""
        ...

    async def known(self, upload_id: str) -> bool:
        """Whether there is a record of it, whosever it is."""
        ...


def new_id(now: float) -> str:
    """An id that nobody can guess, and that sorts by the time."""
    return f"upload_{int(now * 1000):012x}{secrets.token_hex(10)}"


def is_id(text: str) -> bool:
    """Whether it may be an id."""
    return _ID.fullmatch(text) is not None


def no_such_upload() -> NotFound:
    """The same words for what is not there, for what is another tenant's, and for what is over."""
    return NotFound("There is no such upload of yours; it may have expired.", code="upload_not_found")


def refusal(upload: FileUpload, own: Sequence[FileUpload], most: MostFiles) -> Conflict | None:
    """Why a tenant who has these cannot begin one more; None: it can."""
    if len(own) >= most.files:
        message = f"You have {len(own)} uploads, of at most {most.files}; delete one first."
        return Conflict(message, code="too_many_uploads")
    held = sum(each.length for each in own) + upload.length
    if held > most.bytes:
        message = f"With this one your uploads would have {held:,} bytes, of at most {most.bytes:,}."
        return Conflict(message, code="too_many_uploads")
    return None


class MemoryFileUploads:
    """The FileUploads port in this process."""

    def __init__(self) -> None:
        self._kept: dict[str, FileUpload] = {}

    async def create(self, upload: FileUpload, most: MostFiles) -> None:
        refused = refusal(upload, await self.own(upload.tenant, upload.created_at), most)
        if refused is not None:
            raise refused
        self._kept[upload.id] = upload

    async def own(self, tenant: str, now: float) -> tuple[FileUpload, ...]:
        mine = (each for each in self._kept.values() if each.tenant == tenant and each.lives(now))
        return tuple(sorted(mine, key=lambda each: each.id))

    async def get(self, upload_id: str, tenant: str, now: float) -> FileUpload:
        kept = self._kept.get(upload_id)
        if kept is None or kept.tenant != tenant or not kept.lives(now):
            raise no_such_upload()
        return kept

    async def advance(self, before: FileUpload, after: FileUpload) -> bool:
        kept = self._kept.get(before.id)
        if kept is None or kept.offset != before.offset:
            return False
        self._kept[before.id] = after
        return True

    async def delete(self, upload_id: str, tenant: str) -> None:
        kept = self._kept.get(upload_id)
        if kept is None or kept.tenant != tenant:
            raise no_such_upload()
        del self._kept[upload_id]

    async def expired(self, now: float, most: int) -> Sequence[FileUpload]:
        return [each for each in self._kept.values() if not each.lives(now)][:most]

    async def known(self, upload_id: str) -> bool:
        return upload_id in self._kept
