"""What may be asked of storyboards, as pydantic models: fields of the wire with their meanings, units and bounds."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from app.api.requests.reference_fields import SCHEMA as REFERENCES_SCHEMA
from app.api.requests.seed_values import Seed
from app.api.requests.strict import Strict
from app.types.storyboard import MOST_SCENES

MOST_TITLE: Final = 200  # characters
MOST_CAPTION: Final = 500
MOST_TRANSITION_S: Final = 5.0
STORY_EVENTS: Final = ("storyboard.completed", "storyboard.failed")

_Transition = Literal["cut", "crossfade", "fade"]
_Fit = Literal["hold", "loop", "slow", "extend"]
_Style = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_Tier = Annotated[str, StringConstraints(min_length=1, max_length=40)]
_Title = Annotated[str, StringConstraints(max_length=MOST_TITLE)]


class SceneFields(Strict):
    """The fields of a scene."""

    prompt: str | None = Field(None, description="What the scene should show")
    title: _Title | None = Field(
        None, description=f"Of its chapter in the film, up to {MOST_TITLE} characters; none, if not given"
    )
    seconds: int | float | str | None = Field(
        None,
        description="Playing time, seconds: a number above 0, or a string of one; as long as its narration, or the "
        "model's own length, if not given. It is longer where the narration is",
    )
    narration: str | None = Field(
        None,
        description="What is said, as plain text: markup and SSML are not read as such. Up to 5,000 characters, unless "
        "the server is set up otherwise; none, if not given",
    )
    caption: Annotated[str, StringConstraints(max_length=MOST_CAPTION)] | None = Field(
        None,
        description=f"What is shown as text, up to {MOST_CAPTION} characters, to the letter; the narration, "
        "or else the prompt, if not given",
    )
    image: object = Field(
        None,
        description="A picture to begin with, for models that take one: a data URL, base64, an http URL, or an object "
        "with an image_url",
    )
    input_references: Annotated[object, WithJsonSchema(REFERENCES_SCHEMA)] = Field(
        None,
        description="All its pictures, each with its role, as of a video, instead of `image`; `inputs` in /v1/models "
        "says which a model takes. No videos",
    )
    style: _Style | None = Field(None, description="A style's id; the storyboard's, if not given")
    tier: _Tier | None = Field(
        None, description="auto, preview, standard, premium or ultra; the storyboard's, if not given"
    )
    seed: Seed = None
    transition: _Transition | None = Field(
        None,
        description="How it begins: cut, crossfade (both scenes are seen) or fade (through black); the storyboard's, "
        "if not given. The first scene has none",
    )
    fit: _Fit | None = Field(
        None,
        description="What fills a scene whose narration is longer than its clip: hold (its last frame stands), loop, "
        "slow, or extend (another clip goes on, for models that take a picture); the storyboard's, if not given",
    )


class CreateScene(SceneFields):
    """One scene of a storyboard."""

    prompt: str = Field(description="What the scene should show")


class ChangeScene(SceneFields):
    """What is to be another way in a scene. What is not named stays; null is as if it had never been given."""

    revision: int | None = Field(
        None,
        ge=1,
        le=2**53,
        description="The storyboard's revision that you have seen, or the header If-Match; where it is another by now "
        "the answer is 409. Without either it is changed as it stands",
    )


class StoryWebhook(Strict):
    """Who is to be told of a storyboard's end."""

    url: str = Field(max_length=2048, description="An https:// address that takes a signed POST")
    events: (
        Annotated[list[Literal["storyboard.completed", "storyboard.failed"]], Field(min_length=1, max_length=2)] | None
    ) = Field(None, description="Both, if not given")


class CreateStoryboard(Strict):
    """A film of scenes to make."""

    scenes: list[CreateScene] = Field(
        min_length=1, max_length=MOST_SCENES, description=f"In the order of the film, 1 to {MOST_SCENES}"
    )
    title: _Title | None = Field(None, description=f"Of the film, up to {MOST_TITLE} characters; none, if not given")
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="See /v1/models; without it the server's default"
    )
    style: _Style | None = Field(None, description="A style's id, see /v1/styles, of scenes that say none")
    tier: _Tier | None = Field(
        None, description="auto, preview, standard, premium or ultra, of scenes that say none; auto, if not given"
    )
    negative_prompt: str | None = Field(None, description="What no scene should show")
    seed: Seed = Field(
        None,
        description="An integer from -1 to 2^63-1 that those of scenes follow from which say none; -1: fresh ones",
    )
    size: str | None = Field(None, description="WIDTHxHEIGHT in pixels; the model's own, if not given")
    fps: int | None = Field(None, ge=1, le=240, description="Frames per second of the film; the model's, if not given")
    voice: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        None, description="Who speaks, a name that the server's voice knows; its own for the language, if not given"
    )
    language: str | None = Field(None, description="Of narration and captions, BCP 47, such as en or pt-BR; en, if not")
    speed: float | None = Field(None, ge=0.5, le=2.0, description="Of speech, 0.5 to 2.0; 1.0, if not given")
    captions: Literal["off", "track", "burnt"] | None = Field(
        None,
        description="off (in the files srt and vtt alone), track (players switch it on), or burnt (drawn into the "
        "picture); track, if not given",
    )
    transition: _Transition | None = Field(
        None, description="Of scenes that say none: cut, crossfade or fade; cut, if not given"
    )
    transition_seconds: float | None = Field(
        None, gt=0, le=MOST_TRANSITION_S, description="How long crossfades and fades last, seconds; 0.5, if not given"
    )
    fit: _Fit | None = Field(
        None, description="Of scenes that say none: hold, loop, slow or extend; hold, if not given"
    )
    music_level: float | None = Field(
        None, ge=0, le=1, description="Of a quiet bed of music, 0 (none) to 1; 0, if not given"
    )
    deterministic: bool | None = Field(None, description="The same bits in whatever company; false, if not given")
    preview: bool | None = Field(
        None, description="Small pictures of its unfinished scenes, in the events of their videos; none, if not given"
    )
    priority: Literal["low", "normal", "high"] | None = Field(None, description="normal, if not given")
    deadline_s: float | None = Field(
        None, gt=0, le=7 * 86400.0, description="Give it up when it is not done so many seconds from now"
    )
    webhook: StoryWebhook | None = Field(
        None, description="Told of the storyboard's end, instead of the server's own URL"
    )
    user: Annotated[str, StringConstraints(max_length=256)] | None = Field(None, description="Your own end user's name")
