"""A picture that is written as text: base64, bare or in a data URL, comes in; its bytes go out."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote

from app.errors import InvalidRequest, PayloadTooLarge
from app.video.picture import PARAM, what_it_is

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_SHORTEST: Final = 60  # characters: no picture is less
_UNNAMED: Final = ("", "application/octet-stream")
_NO: Final = {
    "image": "no picture: it must begin like data:image/png",
    "video": "no video: it must begin like data:video/mp4",
}
_TOO_LARGE: Final = {"image": ("picture", "image_too_large"), "video": ("video", "video_input_too_large")}
_PICTURES: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"RIFF")


def from_data_url(address: str, most_bytes: int, wanted: str = "image") -> bytes:
    """The bytes in a base64 data URL of a picture, or of what else is `wanted`.

    Raises InvalidRequest, PayloadTooLarge before it decodes.
    """
    head, comma, body = address.partition(",")
    if not comma:
        raise _bad("The data URL has no comma: it must begin like data:image/png;base64,", wanted)
    kind, *parameters = (part.strip().lower() for part in head[5:].split(";"))
    if "base64" not in parameters:
        raise _bad("The data URL is not in base64: it must begin like data:image/png;base64,", wanted)
    if not kind.startswith(f"{wanted}/") and kind not in _UNNAMED:
        raise _bad(f"The data URL is of {kind[:40]!r}, {_NO[wanted]};base64,", wanted)
    return _decoded(unquote(body) if "%" in body else body, most_bytes, "The data URL", wanted)


def from_base64(text: str | bytes, most_bytes: int) -> bytes | None:
    """The bytes in bare base64, wrapped in lines or not; None for what is none.

    Raises:
        InvalidRequest: it is base64, but not of a picture.
        PayloadTooLarge: of too large a one.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("ascii")
        except UnicodeDecodeError:
            return None
    if text[:5].lower() == "data:":
        return from_data_url(text, most_bytes)
    if len(text) < _SHORTEST or not _BASE64.fullmatch(_joined(text)):
        return None
    content = _decoded(text, most_bytes, "The text")
    if not content.startswith(_PICTURES):
        raise _bad(f"The text is base64, but not of a picture: it is of {what_it_is(content)}.")
    return content


def _joined(text: str) -> str:
    """In one line. A blank inside a line was a plus, which a form turns into one."""
    return "".join(line.strip().replace(" ", "+") for line in text.splitlines()).replace("\t", "")


def _decoded(text: str, most_bytes: int, what: str, wanted: str = "image") -> bytes:
    if len(text) > 2 * most_bytes + 100:  # even with line ends
        named, code = _TOO_LARGE[wanted]
        raise PayloadTooLarge(f"The {named} is too large: at most {most_bytes:,} bytes.", PARAM, code)
    joined = _joined(text).rstrip("=").translate(str.maketrans("-_", "+/"))
    if not joined:
        raise _bad(f"{what} is empty.", wanted)
    try:
        return base64.b64decode(joined + "=" * (-len(joined) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(f"{what} is not valid base64: {str(error)[:80].lower()}.", wanted) from error


def _bad(message: str, wanted: str = "image") -> InvalidRequest:
    return InvalidRequest(message, PARAM, f"invalid_{wanted}")
