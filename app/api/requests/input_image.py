"""A request's fields come in; the picture that they name, however they name it, goes with the request."""

from __future__ import annotations

from dataclasses import replace

from app.api.requests.fields import PICTURE, Fields, settled
from app.api.requests.picture_values import picture_reference
from app.api.requests.schemas import CreateVideo, video_request
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
    """The picture's bytes or text. Raises InvalidRequest when it is named in no way that is known here."""
    return picture_reference(settled(fields, CreateVideo.model_fields).values.get(PICTURE), PICTURE)
