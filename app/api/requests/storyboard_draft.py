"""What may be asked of a draft: a request's fields come in, a text and what is wished of its scenes go out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.api.requests.fields import Fields
from app.api.requests.story_names import given
from app.api.requests.storyboard import language_of, plain_text, validated
from app.api.requests.storyboard_fields import MOST_TITLE
from app.api.requests.strict import Strict
from app.errors import InvalidRequest
from app.settings import Settings
from app.storyboards.drafting.options import MOST_BYTES, SCENE_S, DraftOptions
from app.types.storyboard import MOST_SCENES


class DraftStoryboard(Strict):
    """A text to make scenes of."""

    text: str = Field(description=f"An article, a script or one sentence, up to {MOST_BYTES:,} bytes of UTF-8")
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="The video model that it is for, see /v1/models; without it the server's default"
    )
    language: str | None = Field(None, description="Of the text, BCP 47, such as en; guessed, if not given")
    scenes: int | None = Field(
        None, ge=1, le=MOST_SCENES, description="How many; as many as the text needs, if not given"
    )
    seconds: float | None = Field(
        None, gt=0, description="Of the whole film, at the most what the server makes; as the text needs, if not given"
    )
    scene_seconds: float | None = Field(
        None, ge=1, le=60, description=f"About how long a scene is to be; {SCENE_S:g}, if not given"
    )
    speed: float | None = Field(None, ge=0.5, le=2.0, description="Of speech, 0.5 to 2.0; 1.0, if not given")
    narrate: bool | None = Field(
        None, description="The text is said; true, if not given. false: it is shown as captions alone"
    )
    title: Annotated[str, StringConstraints(max_length=MOST_TITLE)] | None = Field(
        None, description="Of the film; the text's own, if it has one and none is given"
    )
    style: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="A style's id, see /v1/styles, of all scenes; none, if not given"
    )
    tier: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = Field(
        None, description="auto, preview, standard, premium or ultra; auto, if not given"
    )
    by: Literal["auto", "rules"] | None = Field(
        None, description="auto, if not given: the server's language model, if it has one. rules: without it"
    )


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """A text, and what is wished of its scenes."""

    text: str
    options: DraftOptions


def draft_request(fields: Fields, settings: Settings) -> DraftRequest:
    """The draft that is asked for in those fields. Raises InvalidRequest; `param` names the field."""
    asked = validated(DraftStoryboard, given(fields.values, DraftStoryboard.model_fields))
    if asked.seconds is not None and asked.seconds > settings.storyboard_max_seconds:
        message = f"seconds must be at most {settings.storyboard_max_seconds:g}: a film is no longer here."
        raise InvalidRequest(message, "seconds")
    options = DraftOptions(
        model=asked.model,
        language=None if asked.language is None else language_of(asked.language),
        scenes=asked.scenes,
        max_scenes=settings.storyboard_max_scenes,
        seconds=asked.seconds,
        scene_seconds=float(asked.scene_seconds or SCENE_S),
        speed=float(asked.speed or 1.0),
        narrate=asked.narrate is not False,
        title=plain_text(asked.title, "title"),
        style=asked.style,
        tier=asked.tier or "auto",
        use_model=asked.by != "rules",
    )
    return DraftRequest(asked.text, options)
