"""Large pictures in chunks (tus 1.0): begun, gone on with where the server has them, whatever happened in between."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from itertools import count
from pathlib import Path
from urllib.parse import quote

import anyio
import httpx

from app.client.errors import UNEXPECTED_ANSWER, KinorayClientError
from app.client.records import JsonObject, expect_mapping
from app.client.transport import Transport, read_json

UPLOADS = "/v1/uploads"
CHUNK_BYTES = 8 * 2**20
MOVED = "upload_offset_mismatch"
_TUS = {"tus-resumable": "1.0.0"}


class Uploads:
    """`Kinoray.uploads`; every method raises KinorayClientError, also where the key lacks the scope `uploads`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def create(
        self, path: str | Path, chunk_bytes: int = CHUNK_BYTES, on_sent: Callable[[int], object] | None = None
    ) -> JsonObject:
        """Send a picture; `input_reference` then takes `{"upload": id}`. Raises OSError too.

        A chunk that is lost is sent again, `retries` times in a row; after that `resume` goes on with the upload that
        the error's `upload_id` names.
        """
        file = Path(path)
        name = b64encode(file.name.encode()).decode()
        headers = {**_TUS, "upload-length": str(file.stat().st_size), "upload-metadata": f"filename {name}"}
        answer = await self._transport.raw("POST", UPLOADS, headers)
        upload_id = str(expect_mapping(read_json(answer), "upload").get("id"))
        try:
            return await self.resume(upload_id, file, chunk_bytes, on_sent)
        except KinorayClientError as failure:
            failure.upload_id = upload_id
            raise

    async def resume(
        self,
        upload_id: str,
        path: str | Path,
        chunk_bytes: int = CHUNK_BYTES,
        on_sent: Callable[[int], object] | None = None,
    ) -> JsonObject:
        """Go on with an upload of that file where the server has it. `on_sent` is told how many bytes are there."""
        offset, length = await self._standing(upload_id)
        async with await anyio.open_file(Path(path), "rb") as file:
            while offset < length:
                await file.seek(offset)
                chunk = await file.read(chunk_bytes)
                if not chunk:
                    message = f"{path} ends at {offset:,} of the {length:,} bytes that were announced"
                    raise KinorayClientError(0, UNEXPECTED_ANSWER, message)
                offset = await self._sent(upload_id, offset, chunk)
                if on_sent is not None:
                    on_sent(offset)
        return await self.retrieve(upload_id)

    async def retrieve(self, upload_id: str) -> JsonObject:
        """Where an upload stands."""
        return expect_mapping(read_json(await self._transport.send("GET", _place(upload_id))), "upload")

    async def list(self) -> tuple[JsonObject, ...]:
        """All of your uploads, the oldest first."""
        found = expect_mapping(read_json(await self._transport.send("GET", UPLOADS)), "list")
        return tuple(expect_mapping(each, "upload") for each in found.get("data") or ())

    async def delete(self, upload_id: str) -> None:
        """Delete an upload, whole or not; jobs that begin with it have what they need."""
        await self._transport.send("DELETE", _place(upload_id))

    async def _standing(self, upload_id: str) -> tuple[int, int]:
        headers = (await self._transport.send("HEAD", _place(upload_id))).headers
        return _number(headers, "upload-offset"), _number(headers, "upload-length")

    async def _sent(self, upload_id: str, offset: int, chunk: bytes) -> int:
        """Where the upload stands after the chunk, or after as much of it as came."""
        for attempt in count():
            headers = {**_TUS, "upload-offset": str(offset), "content-type": "application/offset+octet-stream"}
            try:
                answer = await self._transport.raw("PATCH", _place(upload_id), headers, chunk)
                return _number(answer.headers, "upload-offset")
            except KinorayClientError as failure:
                if failure.code != MOVED:
                    await self._transport.pause(failure, attempt)
                elif attempt >= self._transport.retries:
                    raise
            stands, _ = await self._standing(upload_id)
            if stands != offset:
                return stands
        raise AssertionError  # count() does not end


def _number(headers: httpx.Headers, name: str) -> int:
    text = headers.get(name, "")
    if not text.isdigit():
        raise KinorayClientError(0, UNEXPECTED_ANSWER, f"The answer has no {name}; is that a Kinoray?")
    return int(text)


def _place(upload_id: str) -> str:
    return f"{UPLOADS}/{quote(upload_id, safe='')}"
