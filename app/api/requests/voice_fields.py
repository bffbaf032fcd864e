"""What may be asked of a voice before it is used: a request's fields come in, a text and its narrator go out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from app.api.requests.fields import Fields
from app.api.requests.story_names import given
from app.api.requests.storyboard import language_of, plain_text, validated
from app.api.requests.strict import Strict
from app.errors import InvalidRequest
from app.types.storyboard import Narrator

MOST_PREVIEW: Final = 300  # characters: some twenty seconds of speech


class PreviewVoice(Strict):
    """A few words to hear."""

    text: Annotated[str, StringConstraints(max_length=MOST_PREVIEW)] = Field(
        description=f"What is said, as plain text, up to {MOST_PREVIEW} characters"
    )
    voice: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        None, description="Who speaks, an id of /v1/voices; the voice's own for the language, if not given"
    )
    language: str | None = Field(None, description="BCP 47, such as en or pt-BR; en, if not given")
    speed: float | None = Field(None, ge=0.5, le=2.0, description="Of speech, 0.5 to 2.0; 1.0, if not given")


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """A text, and who is to say it."""

    text: str
    narrator: Narrator


def preview_request(fields: Fields) -> PreviewRequest:
    """The words in those fields. Raises InvalidRequest; `param` names the field."""
    asked = validated(PreviewVoice, given(fields.values, PreviewVoice.model_fields))
    text = plain_text(asked.text, "text")
    if text is None:
        raise InvalidRequest("text is empty: say what is to be heard.", "text")
    narrator = Narrator(plain_text(asked.voice, "voice"), language_of(asked.language), float(asked.speed or 1.0))
    return PreviewRequest(text, narrator)
