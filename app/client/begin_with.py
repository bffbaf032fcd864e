"""The picture of `kinoray generate --image`: an address as it is, a small file at once, a large one in chunks."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import cast

import typer

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.options import CreateOptions
from app.client.records import Video

LARGE_BYTES = 6 * 2**20
"""A file above it is uploaded: base64 makes it a third larger, and a request has its limit."""


def picture_of(said: str) -> str | Path:
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
        raise typer.BadParameter(f"{said}: {error.strerror}", param_hint="--image") from error
    return f"data:image/any;base64,{b64encode(content).decode()}"


async def begun_with(client: Kinoray, picture: str | Path | None, prompt: str, asked: CreateOptions) -> Video:
    """The video that was asked for, with its picture; an upload is deleted when the job has what it needs."""
    if not isinstance(picture, Path):
        return await client.create(prompt, **cast(CreateOptions, {**asked, "input_reference": picture}))
    upload_id = str((await client.uploads.create(picture)).get("id"))
    try:
        return await client.create(prompt, **cast(CreateOptions, {**asked, "input_reference": {"upload": upload_id}}))
    finally:
        with suppress(KinorayClientError):  # it ends by itself
            await client.uploads.delete(upload_id)
