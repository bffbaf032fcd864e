"""What may be changed of a video that there is: the fields of PATCH come in, what is asked goes out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from app.api.problems import sentence
from app.api.requests.fields import Fields, settled
from app.api.requests.strict import Strict
from app.errors import InvalidRequest
from app.jobs.marks import MOST_TAG_CHARS, MOST_TAGS, checked_tags


class ChangeVideo(Strict):
    """What is to be otherwise; a field that is left out stays as it is."""

    priority: Literal["low", "normal", "high"] | None = Field(
        None, description="Counts from the next decision on; of a video that has not ended"
    )
    favourite: bool | None = Field(None, description="Whether it is one of your favourites")
    tags: list[str] | None = Field(
        None,
        max_length=MOST_TAGS,
        description=f"All of its tags, {MOST_TAG_CHARS} characters each at most; an empty list takes them away",
    )


def change_of(fields: Fields) -> ChangeVideo:
    """The change in those fields, its tags as they are kept. Raises InvalidRequest."""
    values = dict(settled(fields, ChangeVideo.model_fields, {}).values)
    if fields.text:
        values = {name: _typed(name, value) for name, value in values.items()}
    try:
        asked = ChangeVideo.model_validate(values)
    except ValidationError as error:
        message, name = sentence(error.errors(include_url=False, include_input=False)[0])
        raise InvalidRequest(message, name) from error
    if not (given := {name: value for name, value in asked.model_dump().items() if value is not None}):
        raise InvalidRequest(f"Nothing is to be changed: give {' or '.join(ChangeVideo.model_fields)}.", "priority")
    if asked.tags is not None:
        given["tags"] = list(checked_tags(asked.tags))
    return ChangeVideo(**given)


def _typed(name: str, value: object) -> object:
    """A form's text as what the field takes; what does not fit stays text and is refused for it."""
    if not isinstance(value, str):
        return value
    if name == "favourite" and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return [each.strip() for each in value.split(",") if each.strip()] if name == "tags" else value
