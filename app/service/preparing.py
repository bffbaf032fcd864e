"""A picture and a wish come in; its subject is found, or remembered, and the picture that was wished for goes out."""

from __future__ import annotations

import hashlib
import logging
import time
from functools import cache, partial
from pathlib import Path
from typing import Final

from PIL import Image

from app.cache.store import ByteCache
from app.errors import InvalidRequest, KinorayError
from app.service.decoding import Decoding
from app.settings import Settings
from app.types import Prepare, Prepared, VideoSpec
from app.types.prepare import PERSON
from app.video.picture import as_png, pixels_of
from app.video.prepared import prepared
from app.video.subjects.finder import Finder, Pixels, box_of, coverage_of
from app.video.subjects.foreground import Foreground
from app.video.subjects.onnx import OnnxFinder
from app.video.subjects.person import Person

log = logging.getLogger(__name__)

LEVEL: Final = "subjects"  # of the cache
NONE: Final = b"none"  # is remembered, too
_WHAT: Final = {True: "no person who stands or walks", False: "nothing that stands out from its ground"}


class Preparing:
    """What a Router does to pictures; the work is done in turns, one at a time for a tenant."""

    def __init__(self, remembered: ByteCache, decoding: Decoding, settings: Settings) -> None:
        self._remembered = remembered
        self._decoding = decoding
        self._settings = settings

    async def prepare(self, png: bytes, wish: Prepare, spec: VideoSpec, tenant: str) -> tuple[bytes, Prepared]:
        """The cleaned picture as wished, in the shape of the video, as a PNG; and what was seen.

        Raises:
            InvalidRequest: there is no such subject (`no_subject`).
            ServiceUnavailable: the operator's model cannot be used.
            Overloaded: too many pictures of that tenant, or of all, wait.
        """
        if wish.sought is None:
            content, (height, width) = await self._decoding.run(tenant, partial(_made, png, None, wish, spec))
            return content, Prepared(wish, "", width, height)
        finder = await self._decoding.run(tenant, partial(self._finder, wish.sought))
        key = _key(png, wish.sought, finder.mark, tenant)
        kept = await self._remembered.get(LEVEL, key)
        cover = None if kept is None or kept == NONE else _readable(kept)
        cached = kept == NONE or cover is not None
        if not cached:
            began = time.monotonic()
            cover = await self._decoding.run(tenant, partial(_found, png, finder))
            value = NONE if cover is None else as_png(Image.fromarray(cover))
            worth = time.monotonic() - began
            await self._remembered.put(LEVEL, key, value, self._settings.prepare_kept_s, worth=worth)
        if cover is None:
            what = _WHAT[wish.sought == PERSON]
            raise InvalidRequest(
                f"The picture shows {what}: send another, or without prepare.", "prepare", "no_subject"
            )
        content, (height, width) = await self._decoding.run(tenant, partial(_made, png, cover, wish, spec))
        box, coverage = box_of(cover), round(coverage_of(cover), 4)
        return content, Prepared(wish, finder.mark, width, height, box, coverage, cached)

    def _finder(self, subject: str) -> Finder:
        own = self._settings.prepare_person_model if subject == PERSON else self._settings.prepare_foreground_model
        if own is not None:
            return _of_model(own)
        return _person() if subject == PERSON else _foreground()


@cache
def _of_model(path: Path) -> Finder:
    return OnnxFinder(path.expanduser())


@cache
def _person() -> Finder:
    return Person()


@cache
def _foreground() -> Finder:
    return Foreground()


def _key(png: bytes, subject: str, mark: str, tenant: str) -> str:
    """Whose picture it is belongs to it: to find out whether another has looked at one would tell that they had it."""
    picture = hashlib.sha256(png).hexdigest()
    return hashlib.sha256(f"1\0{tenant}\0{picture}\0{subject}\0{mark}".encode()).hexdigest()


def _found(png: bytes, finder: Finder) -> Pixels | None:
    return finder.find(pixels_of(png))


def _made(png: bytes, cover: Pixels | None, wish: Prepare, spec: VideoSpec) -> tuple[bytes, tuple[int, int]]:
    pixels = pixels_of(png)
    made = prepared(pixels, cover, wish, spec.width, spec.height)
    return as_png(Image.fromarray(made)), (pixels.shape[0], pixels.shape[1])


def _readable(kept: bytes) -> Pixels | None:
    """A remembered cover; one that is damaged is looked for anew."""
    try:
        return pixels_of(kept)
    except KinorayError:
        log.warning("A remembered subject is damaged; it is looked for anew")
        return None
