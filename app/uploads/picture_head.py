"""The first bytes of a stranger's file come in; what picture or video it begins as goes out, or why it is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 4 * 2**20  # a JPEG may have profiles, previews and notes before it says its size
_VIDEOS: Final = ("mp4", "matroska")
_MATROSKA: Final = b"\x1a\x45\xdf\xa3"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG's markers that say a size
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # those without a length
_MOST_SEGMENTS: Final = 10_000
_ENDS: Final = (0xD9, 0xDA)  # the end, and the scan: a size comes before


class NoPicture(ValueError):
    """It is none that is read here; the message says why, in words for its sender."""


@dataclass(frozen=True, slots=True)
class PictureHead:
    """What a file says of itself: `png`, `jpeg` or `webp`, and its sides in pixels; of videos `mp4` or `matroska`."""

    format: str
    width: int
    height: int

    @property
    def content_type(self) -> str:
        return f"{'video' if self.is_video else 'image'}/{self.format}"

    @property
    def is_video(self) -> bool:
        return self.format in _VIDEOS


def head_of(data: bytes) -> PictureHead | None:
    """What the beginning of a file says; None: more of it is needed. `data` is all that is there, up to HEAD_BYTES.

    Raises:
        NoPicture: it begins as none of the kinds read here, or says no size where one has to be.
    """
    for beginning, read in ((_PNG, _png), (_JPEG, _jpeg), (b"RIFF", _webp)):
        if data.startswith(beginning):
            return read(data)
        if beginning.startswith(data):
            return None
    if data[4:8] == b"ftyp" or data.startswith(_MATROSKA):
        return PictureHead("mp4" if data[4:8] == b"ftyp" else "matroska", 0, 0)
    if _MATROSKA.startswith(data) or (len(data) < 8 and data.startswith(b"\0\0")):
        return None
    raise NoPicture("its first bytes are those of no PNG, JPEG or WebP, and of no video")


def _png(data: bytes) -> PictureHead | None:
    if len(data) < 24:
        return None
    if data[12:16] != b"IHDR":
        raise NoPicture("it begins as a PNG and has no header")
    return PictureHead("png", _big(data[16:20]), _big(data[20:24]))


def _webp(data: bytes) -> PictureHead | None:
    if data[8:12] != b"WEBP"[: len(data[8:12])]:
        raise NoPicture("it is a RIFF file, but no WebP")
    if len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return PictureHead("webp", 1 + _little(data[24:27]), 1 + _little(data[27:30]))
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return PictureHead("webp", _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = _little(data[21:25])
        return PictureHead("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    raise NoPicture("it begins as a WebP and has no size")


def _jpeg(data: bytes) -> PictureHead | None:
    place, segments = 2, 0
    while place + 4 <= len(data):
        segments += 1
        if segments > _MOST_SEGMENTS:
            raise NoPicture(f"it is a JPEG that says no size in its first {_MOST_SEGMENTS:,} segments")
        if data[place] != 0xFF:
            raise NoPicture("it begins as a JPEG, and something else stands where a marker has to be")
        marker = data[place + 1]
        if marker == 0xFF:  # filling
            place += 1
        elif marker in _BARE:
            place += 2
        elif marker in _ENDS:
            raise NoPicture("it is a JPEG without a size")
        elif marker in _FRAMES:
            if len(data) < place + 9:
                return None
            return PictureHead("jpeg", _big(data[place + 7 : place + 9]), _big(data[place + 5 : place + 7]))
        else:
            place += 2 + max(2, _big(data[place + 2 : place + 4]))
    if len(data) >= HEAD_BYTES:
        raise NoPicture(f"it is a JPEG that says no size in its first {HEAD_BYTES:,} bytes")
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
