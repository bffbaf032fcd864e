"""A request's fields come in; the request and the picture that it names, however it does, go out: nobody looks yet."""

from __future__ import annotations

from dataclasses import replace

from app.api.requests.fields import Fields, settled
from app.api.requests.reference_fields import given_inputs
from app.api.requests.schemas import CreateVideo
from app.api.requests.video_request import video_request
from app.types import Reference, VideoRequest


def request_with_reference(fields: Fields, max_prompt_chars: int) -> tuple[VideoRequest, Reference | None]:
    """The request in those fields, with its other inputs, and the bytes or address of the picture to begin with.

    Raises:
        UnsupportedParameter: a field that this server cannot honour.
        InvalidRequest: anything else that is wrong; `param` names the field.
        NotSupported: several pictures to begin with.
    """
    given = given_inputs(settled(fields, CreateVideo.model_fields))
    return replace(video_request(fields, max_prompt_chars), references=given.others), given.picture
