from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from app.uploads.picture_head import HEAD_BYTES, NoPicture, PictureHead, head_of


def saved(kind: str, size: tuple[int, int] = (300, 40), mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **options)
    return file.getvalue()


FILES = {
    "png": saved("PNG"),
    "palette": saved("PNG", mode="P"),
    "jpeg": saved("JPEG"),
    "progressive": saved("JPEG", progressive=True),
    "cmyk": saved("JPEG", mode="CMYK"),
    "with a profile": saved("JPEG", icc_profile=bytes(200_000)),
    "lossy": saved("WEBP"),
    "lossless": saved("WEBP", lossless=True),
    "extended": saved("WEBP", icc_profile=b"x" * 40),
    "animated": saved("WEBP", save_all=True, append_images=[Image.new("RGB", (300, 40), "red")]),
    "animated png": saved("PNG", save_all=True, append_images=[Image.new("RGB", (300, 40), "red")]),
}


@pytest.mark.parametrize("name", FILES)
def test_kind_and_size_are_those_that_pillow_reads(name: str) -> None:
    with Image.open(io.BytesIO(FILES[name])) as read:
        assert head_of(FILES[name]) == PictureHead(str(read.format).lower(), *read.size)


@pytest.mark.parametrize("name", FILES)
def test_as_long_as_bytes_are_missing_it_asks_for_more_and_never_says_another_size(name: str) -> None:
    whole = head_of(FILES[name])
    cuts = [*range(64), *range(64, len(FILES[name]), 997)]
    found = [head_of(FILES[name][:cut]) for cut in cuts]
    assert found[0] is None
    assert set(found) <= {None, whole}


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + bytes(20),
        b"<svg",
        b"%PDF-1.7",
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        b"RIFF\0\0\0\0WAVEfmt " + bytes(30),
        b"RIFF\0\0\0\0WEBPVP8 " + bytes(30),
        b"\xff\xd8\xff\xda" + bytes(9),
        b"\xff\xd8\xff\xe0\0\2" + b"nonsense",
        b"\xff\xd8\xff" + b"\xff" * HEAD_BYTES,
        b"\xff\xd8" + (b"\xff\xe1" + struct.pack(">H", 65535) + bytes(65533)) * 65,
    ],
)
def test_what_is_no_picture_or_hides_its_size_is_none(data: bytes) -> None:
    with pytest.raises(NoPicture):
        head_of(data[:HEAD_BYTES])
