"""A storyboard as a client asks for it: the fields of a body come in, what is wished and its pictures go out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from app.api.problems import shown
from app.api.requests.fields import Fields
from app.api.requests.picture_values import picture_reference
from app.api.requests.reference_fields import pictures_alone
from app.api.requests.story_names import given, inside, named_at
from app.api.requests.storyboard_fields import (
    STORY_EVENTS,
    ChangeScene,
    CreateScene,
    CreateStoryboard,
    SceneFields,
    StoryWebhook,
)
from app.api.requests.strict import Strict
from app.api.requests.video_request import MOST_SECONDS, seconds_of, shape_of
from app.errors import InvalidRequest
from app.settings import Settings
from app.types import NORMAL, Reference, Webhook, WishedInput
from app.types.storyboard import MOST_SCENES, CaptionMode, Fit, Narrator, SceneWish, StoryWish, Transition

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
_WORDS: Final = {"transition": Transition, "fit": Fit, "captions": CaptionMode}
_BREAKS: Final = "\t\n\r"  # the control characters that plain text has

M = TypeVar("M", bound=Strict)


@dataclass(frozen=True, slots=True)
class StoryRequest:
    """What is wished, and the pictures that scenes begin with, by number from 1: nobody has looked at them yet."""

    wish: StoryWish
    pictures: Mapping[int, Reference]
    references: Mapping[int, tuple[WishedInput, ...]]  # all that scenes show, by the same


@dataclass(frozen=True, slots=True)
class SceneChange:
    """What is to be another way in a scene; `revision`: the one that the client has seen."""

    values: Mapping[str, Any]  # of a SceneWish
    revision: int | None
    picture: Reference | None
    references: tuple[WishedInput, ...] = ()

    def __call__(self, scene: SceneWish) -> SceneWish:
        """The scene with the change."""
        return replace(scene, **self.values)


def refuse_many(body: object, most: int = MOST_SCENES) -> None:
    """Refuse a body with more scenes than a storyboard has, before anything is made of them. Raises InvalidRequest."""
    scenes = body.get("scenes") if isinstance(body, Mapping) else None
    if isinstance(scenes, list) and len(scenes) > most:
        message = f"There are {len(scenes):,} scenes; a storyboard has at most {most}."
        raise InvalidRequest(message, "scenes", "too_many_scenes")


def story_request(fields: Fields, settings: Settings) -> StoryRequest:
    """The storyboard in those fields. Raises InvalidRequest, NotSupported; `param` is the field: `scenes[2].seed`."""
    values = given(fields.values, CreateStoryboard.model_fields)
    refuse_many(values, settings.storyboard_max_scenes)
    if isinstance(values.get("scenes"), list):
        scenes = values["scenes"]
        assert isinstance(scenes, list)
        values["scenes"] = [given(each, CreateScene.model_fields, _place(at)) for at, each in enumerate(scenes)]
    elif "scenes" in values:
        raise InvalidRequest("scenes must be a list of objects.", "scenes")
    if "webhook" in values:
        values["webhook"] = given(values["webhook"], StoryWebhook.model_fields, "webhook")
    asked = validated(CreateStoryboard, values)
    pictures: dict[int, Reference] = {}
    references: dict[int, tuple[WishedInput, ...]] = {}
    for at, scene in enumerate(asked.scenes):
        picture = picture_reference(scene.image, f"{_place(at)}.image")
        if picture is not None:
            pictures[at + 1] = picture
        if listed := pictures_alone(scene.input_references, _place(at), picture):
            references[at + 1] = listed
    return StoryRequest(_story_wish(asked, settings), pictures, references)


def scene_change(fields: Fields, revision: int | None, settings: Settings) -> SceneChange:
    """The change in those fields; `revision`: that of the header. Raises InvalidRequest; `param` is the field."""
    sent = given(fields.values, ChangeScene.model_fields, keeps_nulls=True)
    asked = validated(ChangeScene, sent)
    if asked.revision is not None and revision not in (None, asked.revision):
        raise InvalidRequest("If-Match says another revision than the body.", "revision", "conflicting_parameters")
    if "prompt" in sent and asked.prompt is None:
        raise InvalidRequest("A scene has a prompt: leave it out, or say another.", "prompt")
    picture = picture_reference(asked.image, "image")
    references = pictures_alone(asked.input_references, "", picture)
    values = {name: value for name, value in _scene_values(asked, "", settings).items() if name in sent}
    if "image" in sent and picture is None:
        values["image"] = None
    if "input_references" in sent and not references:  # it has none any more
        values.update({"references": (), **({} if picture is not None else {"image": None})})
    if not values and picture is None and not references:
        raise InvalidRequest("Say what is to change: any of the fields of a scene.")
    return SceneChange(values, asked.revision or revision, picture, references)


def plain_text(text: str | None, name: str) -> str | None:
    """A text as it is, None of a blank one. Raises InvalidRequest for control characters: nobody means them."""
    if text is None or not text.strip():
        return None
    for at, char in enumerate(text):
        if char not in _BREAKS and unicodedata.category(char) in ("Cc", "Cs"):
            message = f"{name} has a control character, U+{ord(char):04X}, at {at:,}: only plain text is read."
            raise InvalidRequest(message, name)
    return text


def narration_within(text: str | None, name: str, most: int) -> str | None:
    """What is to be spoken. Raises InvalidRequest (`narration_too_long`)."""
    if text is not None and len(text) > most:
        message = f"{name} has {len(text):,} characters; at most {most:,} are spoken."
        raise InvalidRequest(message, name, "narration_too_long")
    return plain_text(text, name)


def prompt_within(text: str, name: str, most: int) -> str:
    """What is to be seen. Raises InvalidRequest: empty, or `prompt_too_long`."""
    if not text.strip():
        raise InvalidRequest(f"{name} is empty: say what is to be seen.", name)
    if len(text) > most:
        message = f"{name} has {len(text):,} characters; at most {most:,} are read."
        raise InvalidRequest(message, name, "prompt_too_long")
    return text


def language_of(text: str | None) -> str:
    """A language's tag; English without one. Raises InvalidRequest."""
    if text is None:
        return Narrator().language
    if not _LANGUAGE.fullmatch(text):
        raise InvalidRequest(f"language must be a BCP 47 tag such as en or pt-BR, not {shown(text)}.", "language")
    return text


def _place(at: int) -> str:
    """How a scene is named in refusals: as the list of the body counts."""
    return f"scenes[{at}]"


def validated(model: type[M], values: Mapping[str, object]) -> M:
    """The values as that record. Raises InvalidRequest; `param` names the field, as `scenes[2].seed`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        message, name = named_at(error.errors(include_url=False, include_input=False)[0])
        raise InvalidRequest(message, name or None) from error


def _story_wish(asked: CreateStoryboard, settings: Settings) -> StoryWish:
    usual = StoryWish(())
    width, height = shape_of(asked.size)
    return StoryWish(
        scenes=tuple(SceneWish(**_scene_values(each, _place(at), settings)) for at, each in enumerate(asked.scenes)),
        title=_one_line(asked.title, "title") or "",
        model=asked.model,
        style=asked.style,
        tier=asked.tier or usual.tier,
        negative_prompt=_negative(asked.negative_prompt, settings),
        seed=asked.seed,
        width=width,
        height=height,
        fps=asked.fps,
        narrator=Narrator(plain_text(asked.voice, "voice"), language_of(asked.language), float(asked.speed or 1.0)),
        captions=CaptionMode(asked.captions or usual.captions),
        transition=Transition(asked.transition or usual.transition),
        transition_s=float(asked.transition_seconds or usual.transition_s),
        fit=Fit(asked.fit or usual.fit),
        music_level=float(asked.music_level or 0.0),
        priority=asked.priority or NORMAL,
        deadline_s=asked.deadline_s,
        webhook=_webhook(asked.webhook),
        user=asked.user,
        deterministic=bool(asked.deterministic),
        preview=bool(asked.preview),
    )


def _scene_values(asked: SceneFields, place: str, settings: Settings) -> dict[str, Any]:
    """The values of a SceneWish, all but its pictures."""
    prompt, narration, caption = (inside(place, name) for name in ("prompt", "narration", "caption"))
    return {
        "prompt": None if asked.prompt is None else prompt_within(asked.prompt, prompt, settings.max_prompt_chars),
        "title": _one_line(asked.title, inside(place, "title")),
        "seconds": _seconds(asked.seconds, inside(place, "seconds")),
        "narration": narration_within(asked.narration, narration, settings.storyboard_narration_chars),
        "caption": plain_text(asked.caption, caption),
        "style": asked.style,
        "tier": asked.tier,
        "seed": asked.seed,
        "transition": None if asked.transition is None else Transition(asked.transition),
        "fit": None if asked.fit is None else Fit(asked.fit),
    }


def _one_line(text: str | None, name: str) -> str | None:
    found = plain_text(text, name)
    return None if found is None else " ".join(found.split())


def _seconds(asked: int | float | str | None, name: str) -> float | None:
    try:
        return seconds_of(asked)
    except InvalidRequest:
        message = f"{name} must be a number above 0 and up to {MOST_SECONDS:g}, or a string of one."
        raise InvalidRequest(message, name) from None


def _negative(text: str | None, settings: Settings) -> str:
    return prompt_within(text, "negative_prompt", settings.max_prompt_chars) if text and text.strip() else ""


def _webhook(wish: StoryWebhook | None) -> Webhook | None:
    return None if wish is None else Webhook(wish.url, tuple(dict.fromkeys(wish.events or STORY_EVENTS)))
