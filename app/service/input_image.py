"""The picture that a video begins with: bytes, a data URL or an address come in, a checked artifact goes out."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import anyio
import httpcore
import httpx

from app.artifacts.store import ArtifactStore
from app.errors import InvalidRequest, NotFound, PayloadTooLarge, StoreUnavailable
from app.jobs.board import Board
from app.outbound.addresses import AddressRefused, web_address
from app.outbound.connect import BROKEN, Forbidden, Outbound, Resolve, Resolver
from app.service.decoding import Decoding
from app.service.picture_text import from_base64
from app.service.removal import remove_retired
from app.settings import Settings
from app.types import Artifact, Job
from app.video.picture import CONTENT_TYPE, PARAM, clean

REDIRECTS: Final = 3
MOVED: Final = (301, 302, 303, 307, 308)
WANTED: Final = {
    "accept-encoding": "identity",  # unpacking could make much of little
    "user-agent": "kinoray-pictures/1",
}
FETCH_TIMEOUT_S: Final = 10.0
LOOK_S: Final = 0.1  # between two looks whether what is being removed is gone, and
LOOKS: Final = 30  # how many of them
REFUSALS_S: Final = 0.5  # hosts are refused at whole multiples of it after their name was looked up

Contents: TypeAlias = Mapping[str, bytes]
"""What is to be stored of a job's inputs, by their keys; those that are not in it are stored already."""

PENDING: Final = Artifact("inputs/pending", CONTENT_TYPE, 0)  # stands for a picture that is not looked at yet

decoding = Decoding()
_names = Resolver("picture-names")


@dataclass(frozen=True, slots=True)
class Picture:
    """A clean picture and the place it will have in the artifact store."""

    artifact: Artifact
    content: bytes
    animated: bool = False  # it is the first of several frames


async def picture_of(reference: bytes | str | Path, tenant: str, settings: Settings) -> Picture:
    """The picture that a request names: its bytes, base64, a data URL, an http address that is fetched, or a file.

    Raises:
        InvalidRequest: no picture that can be read, or an address that is refused or does not answer with one.
        PayloadTooLarge: too many bytes or pixels.
        Overloaded: too many pictures of that tenant, or of all, wait to be decoded.
    """
    source: bytes | Path | None = reference if isinstance(reference, Path) else None
    most_bytes = settings.max_image_bytes if source is None else settings.upload_max_bytes
    if not isinstance(reference, Path):
        source = from_base64(reference, settings.max_image_bytes)
        if source is None:
            source = reference if isinstance(reference, bytes) else await fetched(reference, settings)
    assert source is not None
    found = await decoding.run(tenant, partial(clean, source, most_bytes, settings.max_image_pixels))
    artifact = Artifact(key_of(found.content, tenant), CONTENT_TYPE, len(found.content))
    return Picture(artifact, found.content, found.animated)


def key_of(content: bytes, tenant: str, form: str = "png") -> str:
    """Where a tenant's picture, or other input, lies: equal ones in one place, and those of two tenants apart."""
    whose = hashlib.sha256(tenant.encode()).hexdigest()[:16]
    return f"inputs/{whose}/{hashlib.sha256(content).hexdigest()}.{form}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address has to answer with."""

    kind: str = "image"
    noun: str = "picture"
    most_bytes: int | None = None  # None: as the setting for pictures says
    not_fetched: str = "image_not_fetched"
    too_large: str = "image_too_large"


A_PICTURE: Final = Wanted()


async def fetched(address: str, settings: Settings, resolve: Resolve = _names, wanted: Wanted = A_PICTURE) -> bytes:
    """What an address answers with, after at most three redirects, each of them checked. `resolve` looks names up.

    Raises:
        AddressRefused: it is not a public http address, or fetching is switched off.
        InvalidRequest: it does not answer with a picture in time.
        PayloadTooLarge: with too large a one.
    """
    if not settings.fetch_images:
        raise AddressRefused(f"This server fetches no {wanted.noun}s: send the file or a data URL.", PARAM)
    try:
        with anyio.fail_after(FETCH_TIMEOUT_S):
            return await _followed(address, settings, Outbound(settings.fetch_private, resolve), wanted)
    except BROKEN as error:
        raise InvalidRequest(
            f"The {wanted.noun}'s address does not answer in time.", PARAM, wanted.not_fetched
        ) from error


async def _followed(address: str, settings: Settings, outbound: Outbound, wanted: Wanted) -> bytes:
    url, headers_sent = web_address(address, PARAM), {**WANTED, "accept": f"{wanted.kind}/*"}
    for _ in range(REDIRECTS + 1):
        began = time.monotonic()
        try:
            async with outbound.request("GET", url, headers_sent, FETCH_TIMEOUT_S) as answer:
                headers = httpx.Headers(answer.headers)
                if answer.status not in MOVED or "location" not in headers:
                    return await _body(answer, headers, wanted.most_bytes or settings.max_image_bytes, wanted)
        except (Forbidden, socket.gaierror):
            pass
        else:
            url = _moved(url, headers["location"], wanted)
            continue
        # Which names our own network has is not told: not in words, and not by how long looking one up took.
        await anyio.sleep(-(time.monotonic() - began) % REFUSALS_S)
        raise AddressRefused(f"{url.host[:80]!r} is not a public host.", PARAM)
    raise InvalidRequest(f"The {wanted.noun}'s address leads on too often.", PARAM, wanted.not_fetched)


def _moved(url: httpx.URL, location: str, wanted: Wanted) -> httpx.URL:
    """Where a redirect leads. Raises AddressRefused."""
    try:
        return web_address(str(url.join(location)), PARAM)
    except httpx.InvalidURL:
        raise AddressRefused(f"The {wanted.noun}'s address leads on to what is no address.", PARAM) from None


async def _body(answer: httpcore.Response, headers: httpx.Headers, most_bytes: int, wanted: Wanted) -> bytes:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200 or not kind.startswith(f"{wanted.kind}/"):
        message = f"The {wanted.noun}'s address answers with {answer.status} {kind[:40] or 'of no type'}."
        raise InvalidRequest(message, PARAM, wanted.not_fetched)
    read = bytearray()
    async for chunk in answer.aiter_stream():
        read += chunk
        if len(read) > most_bytes:
            message = f"The {wanted.noun} is too large: at most {most_bytes:,} bytes."
            raise PayloadTooLarge(message, PARAM, wanted.too_large)
    return bytes(read)


async def hold_soon(key: str, holder: str, board: Board) -> None:
    """Hold what is stored by the digest of its content, once what went by that name is gone.

    Raises StoreUnavailable: it is being removed for so long that whoever does has probably died.
    """
    for _ in range(LOOKS):
        if await board.hold(key, holder):
            return
        await anyio.sleep(LOOK_S)
    raise StoreUnavailable("The same content is just being removed; try again soon.", retry_after_s=LOOK_S * LOOKS)


def maker_of(artifact: Artifact) -> str:
    """The id of the job that made it: what its files are held by."""
    return artifact.key.partition("/")[0]


async def keep(job: Job, contents: Contents, board: Board, artifacts: ArtifactStore) -> None:
    """Have a job's inputs stored until it is forgotten; held first, so that no other job's end can remove them.

    So is the video that it extends, which is stored already.

    Raises:
        NotFound: an earlier job's picture or video is wanted, and is gone.
        StoreUnavailable: it cannot be stored.
    """
    before = job.plan.extends
    if before is not None:
        held = await board.hold(maker_of(before.video), job.id)
        if not held or not await artifacts.exists(before.video):
            await board.release(maker_of(before.video), job.id)
            raise NotFound(f"The file of {before.source} is no longer stored.", "video", "content_gone")
    for place, given in enumerate(job.plan.inputs):
        await hold_soon(given.key, job.id, board)
        if given.key in contents:
            await artifacts.put(given.key, contents[given.key], given.content_type)
        elif not await artifacts.exists(given):
            await forget_inputs(job.plan.inputs[: place + 1], job.id, board, artifacts)
            said = "picture" if given.content_type == CONTENT_TYPE else "video"
            raise NotFound(f"The {said} is no longer stored.", PARAM, "content_gone")


async def let_go(job: Job, board: Board, artifacts: ArtifactStore) -> None:
    """The job needs its inputs no more: they go, unless others need them. One that it extended is left to `tidy`."""
    before = job.plan.extends
    for upload in job.plan.uploads:
        await board.release(upload.id, job.id)
    if before is not None:
        await board.release(maker_of(before.video), job.id)
    await forget_inputs(job.plan.inputs, job.id, board, artifacts)


async def forget_inputs(inputs: Iterable[Artifact], holder: str, board: Board, artifacts: ArtifactStore) -> None:
    """Remove those that nobody but the holder needs. Raises StoreUnavailable."""
    for given in inputs:
        if await board.retire(given.key, holder):
            await remove_retired(given.key, [given], board, artifacts)
