"""A request's fields come in; the request and the picture that it names, however it does, go out: nobody looks yet."""

from __future__ import annotations

from app.api.requests.fields import PICTURE, Fields, settled
from app.api.requests.picture_values import picture_reference
from app.api.requests.schemas import CreateVideo, video_request
from app.types import Reference, VideoRequest


def request_with_reference(fields: Fields, max_prompt_chars: int) -> tuple[VideoRequest, Reference | None]:
    """The request in those fields, and its picture's bytes or address, if it has one.

    Raises:
        UnsupportedParameter: a field that this server cannot honour.
        InvalidRequest: anything else that is wrong; `param` names the field.
    """
    return video_request(fields, max_prompt_chars), image_reference(fields)


def image_reference(fields: Fields) -> Reference | None:
    """The picture's bytes or text. Raises InvalidRequest when it is named in no way that is known here."""
    return picture_reference(settled(fields, CreateVideo.model_fields).values.get(PICTURE), PICTURE)
