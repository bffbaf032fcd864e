"""The pictures and videos of `kinoray generate`: an address as it is, a small file at once, a large one in chunks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import typer

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.options import CreateOptions
from app.client.records import Video

LARGE_BYTES = 6 * 2**20
"""A file above it is uploaded: base64 makes it a third larger, and a request has its limit."""


def picture_of(said: str, option: str = "--image", kind: str = "image") -> str | Path:
    """An address or a data URL of a small file; the path of a large one. Raises typer.BadParameter."""
    if said.startswith(("http://", "https://", "data:")):
        return said
    try:
        file = Path(said)
        if file.stat().st_size > LARGE_BYTES:
            file.open("rb").close()
            return file
        content = file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{said}: {error.strerror}", param_hint=option) from error
    return f"data:{kind}/any;base64,{b64encode(content).decode()}"


@dataclass(frozen=True, slots=True)
class Input:
    """One that the video is made with: an address, a data URL or the path of a large file, and what it is for."""

    role: str
    said: str | Path
    kind: str = "image"
    frame: int | None = None


VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".m4v")


def input_of(role: str, said: str, option: str) -> Input:
    """FILE, URL or FILE@FRAME as an input; what it is follows from the name's end. Raises typer.BadParameter."""
    name, at, number = said.rpartition("@")
    frame = int(number) if at and number.isdigit() and len(number) < 7 else None
    named = name if frame is not None else said
    kind = "video" if named.lower().partition("?")[0].endswith(VIDEOS) else "image"
    return Input(role, picture_of(named, option, kind), kind, frame)


async def begun_with(
    client: Kinoray, picture: str | Path | None, prompt: str, asked: CreateOptions, inputs: Sequence[Input] = ()
) -> Video:
    """The video that was asked for, with its inputs; uploads are deleted when the job has what it needs."""
    async with AsyncExitStack() as uploads:
        given: dict[str, object] = {}
        if picture is not None:
            given["input_reference"] = await _named(client, picture, uploads)
        if inputs:
            given["input_references"] = [await _object(client, each, uploads) for each in inputs]
        return await client.create(prompt, **cast(CreateOptions, {**asked, **given}))


async def _object(client: Kinoray, each: Input, uploads: AsyncExitStack) -> dict[str, object]:
    """An input as the API has it."""
    named = await _named(client, each.said, uploads)
    found: dict[str, object] = {each.kind: named} if isinstance(named, str) else dict(named)
    return {**found, "role": each.role} | ({} if each.frame is None else {"frame": each.frame})


async def _named(client: Kinoray, said: str | Path, uploads: AsyncExitStack) -> str | dict[str, str]:
    """The text as it is, or the upload of a large file, which goes when the stack is left."""
    if isinstance(said, str):
        return said
    upload_id = str((await client.uploads.create(said)).get("id"))
    uploads.push_async_callback(_deleted, client, upload_id)
    return {"upload": upload_id}


async def _deleted(client: Kinoray, upload_id: str) -> None:
    with suppress(KinorayClientError):  # it ends by itself
        await client.uploads.delete(upload_id)
