"""A request's fields come in; the request and the picture that it names, however it does, go out: nobody looks yet."""

from __future__ import annotations

from app.api.requests.body import File
from app.api.requests.fields import PICTURE, Fields, settled
from app.api.requests.schemas import CreateVideo, video_request
from app.errors import InvalidRequest
from app.types import VideoRequest


def request_with_reference(fields: Fields, max_prompt_chars: int) -> tuple[VideoRequest, bytes | str | None]:
    """The request in those fields, and its picture's bytes or address, if it has one.

    Raises:
        UnsupportedParameter: a field that this server cannot honour.
        InvalidRequest: anything else that is wrong; `param` names the field.
    """
    return video_request(fields, max_prompt_chars), image_reference(fields)


def image_reference(fields: Fields) -> bytes | str | None:
    """The picture's bytes or address. Raises InvalidRequest when it is named in no way that is known here."""
    value = settled(fields, CreateVideo.model_fields).values.get(PICTURE)
    if isinstance(value, dict):
        if value.get("file_id"):
            raise InvalidRequest(
                "There are no stored files: send the picture itself.", PICTURE, "unsupported_parameter"
            )
        if set(value) - {"image_url", "file_id"}:
            raise InvalidRequest(f"{PICTURE} is an object with an image_url alone.", PICTURE)
        value = value.get("image_url")
        if isinstance(value, dict):  # as chat messages spell it
            value = value.get("url")
    if value in (None, ""):
        return None
    if isinstance(value, File) and value.content:
        return value.content
    if isinstance(value, str):
        return value.strip()
    raise InvalidRequest(f"{PICTURE} must be a file, a data URL or an http URL.", PICTURE, "invalid_image")
