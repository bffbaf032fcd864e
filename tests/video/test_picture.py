from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.errors import InvalidRequest, PayloadTooLarge
from app.video.picture import KEPT_SIDE, cleaned, fitted

MOST = (10_000_000, 20_000_000)  # bytes, pixels


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_it_is_follows_from_its_bytes_and_it_comes_out_as_plain_rgb(kind: str) -> None:
    clean = opened(cleaned(saved(Image.new("RGB", (32, 20), "blue"), kind), *MOST))
    assert (clean.format, clean.mode, clean.size, clean.info) == ("PNG", "RGB", (32, 20), {})
    assert np.abs(np.asarray(clean).astype(int) - [0, 0, 255]).max() < 6


def test_it_is_turned_as_its_exif_says_and_the_exif_is_gone() -> None:
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    exif[0x010F] = "a camera"
    clean = opened(cleaned(saved(picture, "PNG", exif=exif), *MOST))
    assert clean.size == (20, 40)
    assert (clean.getpixel((10, 2)), clean.getpixel((10, 38))) == ((255, 0, 0), (255, 255, 255))
    assert not clean.getexif()


def test_what_is_transparent_is_white() -> None:
    clean = opened(cleaned(saved(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"), *MOST))
    assert clean.getpixel((5, 5)) == (255, 255, 255)


def test_a_larger_one_is_made_as_large_as_any_model_takes() -> None:
    clean = opened(cleaned(saved(Image.new("RGB", (4000, 1000)), "PNG"), *MOST))
    assert clean.size == (KEPT_SIDE, KEPT_SIDE // 4)


@pytest.mark.parametrize(("grey", "seen"), [(0, 0), (128, 0), (32896, 128), (65535, 255)])
def test_greys_of_sixteen_bits_keep_their_brightness(grey: int, seen: int) -> None:
    picture = Image.fromarray(np.full((20, 20), grey, np.uint16))
    assert opened(cleaned(saved(picture, "PNG"), *MOST)).getpixel((5, 5)) == (seen,) * 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_those_that_the_profile_means(mode: str) -> None:
    exchanged = ImageCms.ImageCmsProfile(io.BytesIO(swapped_profile())).tobytes()
    picture = Image.new(mode, (20, 20), (255, 0, 0, 255)[: len(mode)])
    plain = opened(cleaned(saved(picture, "PNG"), *MOST)).getpixel((5, 5))
    red, _, blue = np.asarray(opened(cleaned(saved(picture, "PNG", icc_profile=exchanged), *MOST)))[5, 5]
    assert plain == (255, 0, 0)
    assert blue > 200 > 60 > red


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and blue exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ", 128), profile.index(b"bXYZ", 128)
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("profile", [b"none", b"\0" * 200])
def test_a_profile_that_is_none_is_passed_over(profile: bytes) -> None:
    picture = Image.new("RGB", (20, 20), "red")
    assert opened(cleaned(saved(picture, "PNG", icc_profile=profile), *MOST)).getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_a_jpeg_of_other_colours_is_read(mode: str) -> None:
    picture = Image.new("RGB", (32, 32), (200, 200, 200)).convert(mode)
    seen = np.asarray(opened(cleaned(saved(picture, "JPEG"), *MOST)))
    assert np.abs(seen.astype(int) - 200).max() < 8


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b"GIF89a...", "a GIF"),
        (b"\0\0\0\x1cftypavif", "an AVIF"),
        (b"\0\0\0\x1cftypisom", "an MP4 or other video"),
        (b" <!doctype html>", "a page of HTML or XML"),
        (b"\x89PNG\r\n\x1a\n", "a damaged or cut-off PNG of 8 bytes"),
        (b"hello", "nothing known as a picture"),
    ],
)
def test_a_refusal_says_what_it_is_instead(data: bytes, what: str) -> None:
    with pytest.raises(InvalidRequest, match=f"it is {what}; it has to be"):
        cleaned(data, *MOST)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(bytes(1000))
    return head + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


@pytest.mark.parametrize("size", [(50_000, 50_000), (16_000, 16_000), (100_000, 20)])
def test_a_bomb_is_refused_by_what_it_says_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises((PayloadTooLarge, InvalidRequest)):
        cleaned(bomb(*size), *MOST)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(InvalidRequest, match="whole PNG, JPEG, WEBP"):
        cleaned(saved(Image.new("RGB", (32, 32)), kind), *MOST)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damaged_ones_are_refused_and_never_more(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    whole = saved(Image.fromarray(noise), kind)
    for cut in range(1, len(whole), max(1, len(whole) // 40)):
        for broken in (whole[:cut], whole[:cut] + b"\xff\x00" + whole[cut + 2 :]):
            with suppress(InvalidRequest):  # and anything else would come out
                cleaned(broken, *MOST)


def test_it_is_scaled_to_cover_the_video_and_cut_evenly() -> None:
    picture = Image.new("RGB", (60, 20), "white")
    picture.paste("red", (20, 0, 40, 20))
    found = fitted(cleaned(saved(picture, "PNG"), *MOST), 16, 16)
    assert found.shape == (1, 16, 16, 3)
    assert np.all(found[0, :, 2:14] == [255, 0, 0])
