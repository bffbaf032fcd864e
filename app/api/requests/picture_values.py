"""The ways in which clients write one picture: a field's value comes in, its bytes, text or address goes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from app.errors import InvalidRequest, NotSupported
from app.types import Reference, UploadedPicture

_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")  # how files of pictures begin
_NO_TEXT: Final = re.compile(rb"\A\s*[<%]|[\x00-\x08\x0e-\x1f]")  # in no address, base64 or JSON
_HEAD: Final = 256  # bytes of a file that say what it is
_UPLOAD: Final = "upload"
_PLACES: Final = ("image_url", "url", "b64_json", _UPLOAD)  # where an object has its picture
_BESIDE: Final = ("type", "detail", "file_id")  # what may stand beside it
ONE_ONLY: Final = (
    "a video begins with one picture, input_reference. Others are sent in input_references, where each has a role: "
    "first, last, reference, control or mask"
)


class File:
    """An uploaded file; only that of a picture to begin with, or of a video to go on from, is read."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content

    def __repr__(self) -> str:
        return "a file"


def file_of_text(text: str) -> File | None:
    """The file of a form's part that was taken for text, having no file name (or `filename*` alone); else None."""
    try:
        content = text.encode("latin-1")  # how bytes come out that are no UTF-8
        content.decode()
    except UnicodeDecodeError:
        pass
    except UnicodeEncodeError:
        content = text.encode("utf-8", "surrogatepass")
    else:
        content = text.encode()
    return File(content) if content.startswith(_PICTURES) or _NO_TEXT.search(content[:_HEAD]) else None


def picture_reference(value: object, name: str) -> Reference | None:
    """The bytes of a file, or the text that is a data URL, base64 or an address; None for nothing.

    Understood are a file, a text, `{"image_url": …}`, `{"type": "image_url", "image_url": {"url": …}}`,
    `{"url": …}`, `{"b64_json": …}`, `{"upload": id}`, and a list of one of these.

    Raises:
        InvalidRequest: none of them; the sentence says what it is.
        NotSupported: several pictures.
    """
    if isinstance(value, (list, tuple)):
        given = [one for each in value if (one := picture_reference(each, name)) is not None]
        if len(given) > 1:
            raise NotSupported(f"{len(given)} pictures are not supported: {ONE_ONLY}.", name)
        return given[0] if given else None
    if isinstance(value, Mapping):
        found = _inside(value, name)
        return _upload(found, name) if value.get(_UPLOAD) else picture_reference(found, name)
    if isinstance(value, File):
        if not value.content:
            raise InvalidRequest(f"The file in {name} is empty.", name, "invalid_image")
        return value.content
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    said = f"{'true or false' if isinstance(value, bool) else 'a number'}"
    message = f"{name} is {said}; it must be a file, a data URL, base64 or an http URL of a picture."
    raise InvalidRequest(message, name, "invalid_image")


def _upload(found: object, name: str) -> UploadedPicture:
    if not isinstance(found, str) or not found.strip():
        raise InvalidRequest(f"{name} names an upload by its id, a text.", name, "invalid_image")
    return UploadedPicture(found.strip())


def _inside(value: Mapping[str, object], name: str) -> object:
    """What an object has as its picture."""
    if value.get("file_id"):
        raise InvalidRequest(
            "There are no stored files: send the picture itself, or its upload.", name, "unsupported_parameter"
        )
    if strange := [key for key in value if key not in (*_PLACES, *_BESIDE)]:
        message = f"{name} has {strange[0][:40]!r}, which is not read: it is an object with an image_url alone."
        raise InvalidRequest(message, name)
    given = [value[key] for key in _PLACES if value.get(key) not in (None, "")]
    if len(given) > 1:
        raise InvalidRequest(f"{name} names its picture in more than one way.", name, "conflicting_parameters")
    if not given and value:
        raise InvalidRequest(f"{name} is an object without a picture: its image_url is missing.", name, "invalid_image")
    return given[0] if given else None
