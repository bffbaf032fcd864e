"""What may be asked of an extension: a request's fields come in, the video to go on from and the request go out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from app.api.requests.fields import ALIASES, PICTURE, PICTURES, VIDEO, Fields, settled
from app.api.requests.picture_values import File
from app.api.requests.schemas import CreateVideo
from app.api.requests.strict import Strict
from app.api.requests.video_request import video_request
from app.errors import InvalidRequest
from app.types import VideoRequest


class VideoReference(Strict):
    """A completed video of yours."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class ExtendVideo(CreateVideo):
    """What happens next. Model, tier, style, negative prompt, LoRAs, guidance, sampler and shift are as in the source,
    unless they are given."""

    prompt: str = Field(description="What the video should show from now on")
    seconds: int | float | str | None = Field(None, description="Playing time of what is new")


class ExtendReferenced(ExtendVideo):
    """The same, with the video to go on from, as OpenAI's `videos.extend` sends it."""

    video: VideoReference | str = Field(
        description="The completed video: an object with its id, the id, or in a form the file as it was downloaded"
    )


def extension_request(fields: Fields, max_prompt_chars: int) -> VideoRequest:
    """The request for what is new. Raises InvalidRequest; `param` names the field."""
    values = settled(fields, CreateVideo.model_fields).values
    if values.get(PICTURE):
        raise InvalidRequest("An extension begins with the last frame of its video; leave the picture out.", PICTURE)
    if other := next((name for name in sorted(PICTURES) if values.get(name)), None):
        raise InvalidRequest(f"An extension begins with the last frame of its video, and {other} is not taken.", other)
    return video_request(fields, max_prompt_chars)


def referenced(fields: Fields) -> tuple[str | bytes, Fields]:
    """The id of the video to go on from, or its content, and the other fields. Raises InvalidRequest: there is none."""
    values = settled(fields, (*CreateVideo.model_fields, VIDEO), ALIASES | {"video_id": VIDEO}).values
    found = values.get(VIDEO)
    rest = Fields({name: value for name, value in values.items() if name != VIDEO}, fields.text)
    if isinstance(found, File) and found.content:
        return found.content, rest
    if isinstance(found, Mapping):
        if set(found) - {"id"}:
            raise InvalidRequest("video is an object with an id alone.", VIDEO)
        found = found.get("id")
    if not isinstance(found, str) or not found.strip():
        raise InvalidRequest("Say which completed video is to go on: video is an object with its id.", VIDEO)
    return found.strip(), rest
