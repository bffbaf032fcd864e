"""A request's fields come in; the picture that they name, however they name it, goes with the request."""

from __future__ import annotations

from dataclasses import replace

from app.api.requests.body import File
from app.api.requests.fields import PICTURE, Fields, settled
from app.api.requests.schemas import CreateVideo, video_request
from app.errors import InvalidRequest
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller, VideoRequest


async def request_with_image(
    fields: Fields, service: VideoService, settings: Settings, caller: Caller
) -> tuple[VideoRequest, bytes | None]:
    """The request in those fields, and its picture's content, if it has one. A picture is looked at last.

    Raises:
        InvalidRequest: as `video_request`, or the picture cannot be had or used; `param` is `input_reference`.
        PayloadTooLarge: the picture has too many bytes or pixels.
    """
    request = video_request(fields, settings.max_prompt_chars)
    reference = image_reference(fields)
    if reference is None:
        return request, None
    picture = await service.picture(reference, request.model, caller)
    return replace(request, image=picture.artifact), picture.content


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
