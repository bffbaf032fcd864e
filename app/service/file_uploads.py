"""The story of a file that comes in parts: begun, gone on with at any Router, looked at as it comes, read, deleted."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from app.artifacts.store import ArtifactStore
from app.errors import Conflict, InvalidRequest, KinorayError, NotFound, Overloaded, PayloadTooLarge
from app.settings import Settings
from app.types import Artifact, Caller
from app.uploads.checksums import Checksum
from app.uploads.files import FileUpload, FileUploads, MostFiles, is_id, new_id, no_such_upload
from app.uploads.picture_head import HEAD_BYTES, NoPicture, head_of
from app.video.picture import check_sides

PART_BYTES: Final = 4 * 2**20  # what a Router that is killed has lost of an upload, and what it holds of one
LEAST_PART_BYTES: Final = 2**20  # a shorter last part is written anew with what comes: an upload has few parts
AT_ONCE: Final = 16  # chunks that one process takes in
READ_AT_ONCE: Final = 4  # uploads that lie on this machine's disk, to be decoded
RETRY_AFTER_S: Final = 5.0
CONTENT_TYPE: Final = "application/octet-stream"
PARAM: Final = "upload-offset"


class Interrupted(Exception):
    """A chunk ended before its end: its client has left."""


class FileShelf:
    """What a Router does about uploads. Between two requests it holds nothing of them: any takes the next chunk."""

    def __init__(
        self, uploads: FileUploads, artifacts: ArtifactStore, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._uploads = uploads
        self._artifacts = artifacts
        self._settings = settings
        self._clock = clock
        self._coming = self._read = 0

    async def begin(self, length: int, metadata: str, caller: Caller) -> FileUpload:
        """A new upload of so many bytes.

        Raises:
            PayloadTooLarge: more than one may have.
            Conflict: the tenant would have too many, or too much.
        """
        if length > self._settings.upload_max_bytes:
            message = f"The file is too large: at most {self._settings.upload_max_bytes:,} bytes."
            raise PayloadTooLarge(message, "upload-length", "upload_too_large")
        now = self._clock()
        upload = FileUpload(
            new_id(now), caller.tenant, length, now, now + self._settings.upload_idle_s, metadata=metadata
        )
        await self._uploads.create(upload, MostFiles(self._settings.uploads_most, self._settings.uploads_bytes))
        return upload

    async def get(self, upload_id: str, caller: Caller) -> FileUpload:
        """One's own. Raises NotFound."""
        if not is_id(upload_id):
            raise no_such_upload()
        return await self._uploads.get(upload_id, caller.tenant, self._clock())

    async def own(self, caller: Caller) -> tuple[FileUpload, ...]:
        """The caller's, the oldest first."""
        return await self._uploads.own(caller.tenant, self._clock())

    async def delete(self, upload_id: str, caller: Caller) -> None:
        """Forget one's own, whole or not. Raises NotFound."""
        await self._remove(await self.get(upload_id, caller))

    async def forget(self, upload: FileUpload) -> None:
        """Remove one that nobody can ask for."""
        await self._remove(upload)

    async def append(
        self, upload_id: str, caller: Caller, offset: int, chunk: AsyncIterator[bytes], checksum: Checksum | None = None
    ) -> FileUpload:
        """The upload with the chunk behind what is there. What came of one that is cut off is kept, unless it has a
        checksum.

        Raises:
            NotFound: there is none.
            Conflict: it stands at another offset, also because another chunk was quicker (`upload_offset_mismatch`).
            PayloadTooLarge: more bytes than were announced, or the picture has too many pixels.
            InvalidRequest: it is no picture; then the upload is gone.
            ChecksumMismatch: nothing of the chunk is kept.
            Interrupted: as `chunk` raised it.
            Overloaded: this process takes in too many.
        """
        upload = await self.get(upload_id, caller)
        if offset != upload.offset:
            raise _elsewhere(upload.offset)
        with self._seat():
            try:
                return await (self._whole if checksum else self._as_it_comes)(upload, chunk, checksum)
            except (_Unfit, NoPicture) as error:
                await self._remove(upload)
                refusal = error.refusal if isinstance(error, _Unfit) else _no_picture(error)
                raise refusal from error

    async def _as_it_comes(
        self, upload: FileUpload, chunk: AsyncIterator[bytes], _: Checksum | None = None
    ) -> FileUpload:
        """Each part counts as soon as it is stored."""
        async for part in _parts(chunk, upload.length - upload.offset):
            upload = await self._advanced(upload, await self._with(upload, part))
        return upload

    async def _whole(self, upload: FileUpload, chunk: AsyncIterator[bytes], checksum: Checksum | None) -> FileUpload:
        """All of it counts at once, if its checksum is right."""
        after = upload
        try:
            async for part in _parts(chunk, upload.length - upload.offset, checksum, cut_off=False):
                after = await self._with(after, part, before=upload)
            if checksum is not None:
                checksum.check()
        except (KinorayError, Interrupted):
            await self._forget(after.parts, upload.parts)
            raise
        return upload if after is upload else await self._advanced(upload, after)

    async def _with(self, upload: FileUpload, data: bytes, before: FileUpload | None = None) -> FileUpload:
        """The upload with what is stored now; on record it is not yet."""
        parts = upload.parts
        if parts and parts[-1].size_bytes < LEAST_PART_BYTES:
            data = await self._bytes(parts[-1]) + data
            if before is not None and parts[-1] not in before.parts:
                await self._artifacts.delete(parts[-1])
            parts = parts[:-1]
        at = sum(part.size_bytes for part in parts)
        key = f"{upload.id}/{at:015d}-{secrets.token_hex(8)}"
        stored = await self._artifacts.put(key, data, CONTENT_TYPE)
        now, left = self._clock(), upload.length - at - len(data)
        expires = now + (self._settings.upload_idle_s if left else self._settings.uploads_kept_s)
        return replace(upload, parts=(*parts, stored), expires_at=expires)

    async def _advanced(self, before: FileUpload, after: FileUpload) -> FileUpload:
        """On record, once it is seen to be a picture or too short to say. Raises NoPicture, _Unfit, Conflict."""
        after = await self._looked_at(after)
        if not await self._uploads.advance(before, after):
            await self._forget(after.parts, before.parts)
            raise _elsewhere(None)
        await self._forget(before.parts, after.parts)
        return after

    async def _forget(self, parts: tuple[Artifact, ...], but: tuple[Artifact, ...]) -> None:
        """Remove parts that no record names; what cannot be removed now goes with the upload."""
        for part in set(parts) - set(but):
            with suppress(KinorayError):
                await self._artifacts.delete(part)

    async def _looked_at(self, upload: FileUpload) -> FileUpload:
        """With what its first bytes say it is."""
        if upload.picture is not None:
            return upload
        head = bytearray()
        for part in upload.parts:
            if len(head) < HEAD_BYTES:
                head += await self._bytes(part)
        found = await asyncio.to_thread(head_of, bytes(head[:HEAD_BYTES]))
        if found is None:
            if upload.whole:
                raise NoPicture("it ends before it says its size")
            return upload
        try:
            check_sides(found.width, found.height, self._settings.max_image_pixels)
        except KinorayError as error:
            raise _Unfit(error) from error
        return replace(upload, picture=found)

    async def _bytes(self, part: Artifact) -> bytes:
        return b"".join([piece async for piece in self._artifacts.read(part)])

    async def _remove(self, upload: FileUpload) -> None:
        with suppress(NotFound):
            await self._uploads.delete(upload.id, upload.tenant)
        await self._artifacts.clear(upload.id)

    @asynccontextmanager
    async def file(self, upload_id: str, caller: Caller) -> AsyncIterator[Path]:
        """A whole upload as a file of this machine, for as long as it lasts.

        Raises:
            NotFound: there is none.
            Conflict: it is not whole (`upload_incomplete`).
            Overloaded: too many are being read here.
        """
        upload = await self.get(upload_id, caller)
        if not upload.whole:
            message = f"{upload.id} has {upload.offset:,} of {upload.length:,} bytes: send the others first."
            raise Conflict(message, "input_reference", "upload_incomplete")
        if self._read >= READ_AT_ONCE:
            raise Overloaded("Too many uploads are being read; come again soon.", retry_after_s=RETRY_AFTER_S)
        self._read += 1
        try:
            with tempfile.NamedTemporaryFile(prefix="kinoray-upload-") as file:
                await self._copy(upload, file)
                yield Path(file.name)
        finally:
            self._read -= 1

    async def _copy(self, upload: FileUpload, file: IO[bytes]) -> None:
        for part in upload.parts:
            async for piece in self._artifacts.read(part):
                await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.flush)

    @contextmanager
    def _seat(self) -> Iterator[None]:
        if self._coming >= AT_ONCE:
            raise Overloaded("Too many uploads are coming in; come again soon.", retry_after_s=RETRY_AFTER_S)
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1


class _Unfit(Exception):
    """A picture that would be refused when it is used."""

    def __init__(self, refusal: KinorayError) -> None:
        super().__init__(refusal)
        self.refusal = refusal


async def _parts(
    chunk: AsyncIterator[bytes], room: int, checksum: Checksum | None = None, cut_off: bool = True
) -> AsyncIterator[bytes]:
    """The chunk in parts to store; with `cut_off` also what came of one whose client has left.

    Raises PayloadTooLarge, and Interrupted as `chunk` does.
    """
    held = bytearray()
    try:
        async for piece in chunk:
            room -= len(piece)
            if room < 0:
                raise PayloadTooLarge("There are more bytes than were announced.", "upload-length", "upload_too_large")
            if checksum is not None:
                checksum.update(piece)
            held += piece
            while len(held) >= PART_BYTES:
                yield bytes(held[:PART_BYTES])
                del held[:PART_BYTES]
    except Interrupted:
        if held and cut_off:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _elsewhere(offset: int | None) -> Conflict:
    where = "another chunk was quicker" if offset is None else f"it stands at {offset}"
    return Conflict(f"The chunk does not go on where the upload is: {where}.", PARAM, "upload_offset_mismatch")


def _no_picture(error: NoPicture) -> InvalidRequest:
    message = f"The file is no picture that is read here: {error}. The upload is gone."
    return InvalidRequest(message, code="invalid_image")
