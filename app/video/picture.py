"""A picture from a stranger comes in, looked at before it is decoded; plain pixels go out, and fitted to a video."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from app.errors import InvalidRequest, PayloadTooLarge

FORMATS: Final = ("PNG", "JPEG", "WEBP")
LEAST_SIDE, MOST_SIDE = 16, 16384
KEPT_SIDE: Final = 2048  # longer sides are made so long: no model takes more
SMALL_SIDE: Final = 320
STRIPS: Final = 64  # in which deep greys are worked on, so that what that takes stays small
CONTENT_TYPE: Final = "image/png"
PARAM: Final = "input_reference"
BEGINNINGS: Final = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"<svg", "an SVG"),
    (b"<?xml", "XML"),
    (b"<", "a page of HTML or XML"),
    (b"{", "JSON"),
    (b"PK\x03\x04", "a ZIP"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
)
"""How files begin that people send instead."""


@dataclass(frozen=True, slots=True)
class Clean:
    """A picture without anything that nobody asked for, as a PNG; `animated`: there were more frames than this one."""

    content: bytes
    animated: bool


def cleaned(data: bytes, most_bytes: int, most_pixels: int) -> bytes:
    """What `clean` makes of it."""
    return clean(data, most_bytes, most_pixels).content


def clean(source: bytes | Path, most_bytes: int, most_pixels: int) -> Clean:
    """A PNG, JPEG or WebP as a plain RGB PNG: turned as its EXIF says, on white, without any of its other data.

    What it is follows from its first bytes, not from what it is called. The sizes that it says it has are checked
    before a pixel is decoded. Of an animation the first frame is taken.

    Raises:
        PayloadTooLarge: more bytes or pixels than that.
        InvalidRequest: no such picture, damaged, or too narrow.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > most_bytes:
        raise PayloadTooLarge(f"The picture is too large: at most {most_bytes:,} bytes.", PARAM, "image_too_large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = io.BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(file, formats=FORMATS) as picture:
                check_sides(picture.width, picture.height, most_pixels)
                animated = bool(getattr(picture, "is_animated", False))
                plain = _plain(picture)
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        MemoryError,
        Image.DecompressionBombError,
    ) as error:
        found = what_it_is(*_beginning(source))
        message = f"The picture cannot be read: it is {found}; it has to be a whole {', '.join(FORMATS)}."
        raise InvalidRequest(message, PARAM, "invalid_image") from error
    return Clean(as_png(plain), animated)


def small(png: bytes) -> bytes:
    """One of `clean`'s pictures as a WebP of SMALL_SIDE pixels at most, to be looked at."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        picture.thumbnail((SMALL_SIDE, SMALL_SIDE))
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=80)
    return file.getvalue()


def as_png(picture: Image.Image) -> bytes:
    """Quickly, not small."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def pixels_of(png: bytes) -> NDArray[np.uint8]:
    """A cleaned picture as (height, width, 3), or a cover as (height, width). Raises InvalidRequest: it is damaged."""
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            return np.array(picture if picture.mode == "L" else picture.convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidRequest("The stored picture is damaged.", PARAM, "invalid_image") from error


def _beginning(source: bytes | Path) -> tuple[bytes, int]:
    if isinstance(source, bytes):
        return source[:64], len(source)
    with source.open("rb") as file:
        return file.read(64), source.stat().st_size


def what_it_is(data: bytes, size: int | None = None) -> str:
    """What bytes that are no good picture seem to be, in words for whoever sent them; `size`: of all of them."""
    if not data:
        return "empty"
    for beginning, format_ in ((b"\x89PNG", "PNG"), (b"\xff\xd8", "JPEG"), (b"RIFF", "WebP")):
        if data.startswith(beginning):
            return f"a damaged or cut-off {format_} of {len(data) if size is None else size:,} bytes"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return {b"avif": "an AVIF", b"heic": "a HEIC", b"mif1": "a HEIC"}.get(brand, "an MP4 or other video")
    head = data[:64].lstrip()
    return next((name for beginning, name in BEGINNINGS if head.startswith(beginning)), "nothing known as a picture")


def fitted(png: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """A cleaned picture as (1, height, width, 3): scaled until it covers the video, the rest cut off evenly.

    Raises:
        InvalidRequest: the bytes are no PNG.
    """
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            covered = ImageOps.fit(picture.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidRequest("The stored picture is damaged.", PARAM, "invalid_image") from error
    return np.asarray(covered, np.uint8)[None]


def check_sides(width: int, height: int, most_pixels: int) -> None:
    """Raises PayloadTooLarge, InvalidRequest: a picture of those sides is not taken."""
    if width * height > most_pixels or max(width, height) > MOST_SIDE:
        message = f"The picture has {width}x{height} pixels: at most {most_pixels:,}, no side above {MOST_SIDE:,}."
        raise PayloadTooLarge(message, PARAM, "image_too_large")
    if min(width, height) < LEAST_SIDE:
        raise InvalidRequest(f"The picture's sides must have {LEAST_SIDE} pixels or more.", PARAM, "invalid_image")


def _plain(picture: Image.Image) -> Image.Image:
    picture.draft("RGB", (KEPT_SIDE, KEPT_SIDE))  # of a JPEG no more is decoded than that
    picture.load()
    # In place, and made small first: there are never two of the size that it came in.
    if picture.mode.startswith("I"):
        ImageOps.exif_transpose(picture, in_place=True)
        upright = _eight_bits(picture)
        upright.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    else:
        upright = picture
        upright.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
        ImageOps.exif_transpose(upright, in_place=True)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        seen = upright.convert("RGBA")
        alpha = seen.getchannel("A")
        seen = _in_srgb(seen.convert("RGB"), upright.info.get("icc_profile")).convert("RGBA")
        seen.putalpha(alpha)
        upright = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    else:
        upright = _in_srgb(upright, upright.info.get("icc_profile"))
    plain = Image.new("RGB", upright.size)
    plain.paste(upright.convert("RGB"))
    return plain


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Greys of 16 bits as greys of 8: `convert` would cut off what is above 255 instead."""
    if not picture.mode.startswith("I"):
        return picture
    greys = np.asarray(picture)
    plain = Image.fromarray(np.concatenate([_eight(rows) for rows in np.array_split(greys, STRIPS)]))
    if "icc_profile" in picture.info:
        plain.info["icc_profile"] = picture.info["icc_profile"]
    return plain


def _eight(greys: NDArray[Any]) -> NDArray[np.uint8]:
    return ((np.clip(greys.astype(np.int32), 0, 65535) + 128) // 257).astype(np.uint8)


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that its profile means, in sRGB; as they stand where it has none, or one that does not fit."""
    if not profile:
        return picture
    coloured = picture if picture.mode in ("RGB", "CMYK", "L") else picture.convert("RGB")
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(coloured, theirs, ImageCms.createProfile("sRGB"), outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
