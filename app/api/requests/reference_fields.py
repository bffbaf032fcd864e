"""A request's pictures and videos, in whichever fields they came; the first picture and the other inputs go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from app.api.problems import shown
from app.api.requests.fields import LAST_PICTURE, PICTURE, REFERENCE_PICTURES, REFERENCES, Fields
from app.api.requests.picture_values import File, picture_reference
from app.errors import InvalidRequest
from app.plan.suggest import did_you_mean
from app.types import (
    AUDIO,
    CONTROL,
    FIRST,
    IMAGE,
    INPUT_KINDS,
    LAST,
    MASK,
    REFERENCE,
    ROLES,
    VIDEO,
    InputSource,
    OwnVideo,
    Reference,
    UploadedPicture,
    WishedInput,
)

MOST_INPUTS: Final = 16
MOST_FRAME: Final = 100_000
_JOB, _UPLOAD = "job", "upload"
_SOURCES: Final = {
    **dict.fromkeys((IMAGE, "image_url", "url", "b64_json"), IMAGE),
    **dict.fromkeys((VIDEO, "video_url"), VIDEO),
    **dict.fromkeys((AUDIO, "audio_url"), AUDIO),
    _JOB: _JOB,
    _UPLOAD: _UPLOAD,
}
"""Where an input may have its content -> what it is then."""
_BESIDE: Final = ("role", "frame", "strength", "type", "detail", "frame_type", "weight")
_FRAME_TYPES: Final = {"first_frame": FIRST, "last_frame": LAST}  # of OpenRouter's `frame_images`
_TYPES: Final = {"image_url": IMAGE, "video_url": VIDEO, "audio_url": AUDIO, **{kind: kind for kind in INPUT_KINDS}}

SCHEMA: Final[dict[str, object]] = {
    "type": "array",
    "maxItems": MOST_INPUTS,
    "items": {
        "type": "object",
        "properties": {
            "image": {"description": "A picture, as `input_reference` has it"},
            "video": {"description": "A video: a file, a data URL or an http URL of an MP4, MOV, WebM or Matroska"},
            "audio": {"description": "A sound"},
            "upload": {"type": "string", "description": "The id of an upload, see /v1/uploads"},
            "job": {"type": "string", "description": "The id of a completed video of yours"},
            "role": {"type": "string", "enum": list(ROLES), "description": "reference, if not given"},
            "frame": {"type": "integer", "minimum": 0, "maximum": MOST_FRAME, "description": "Where it stands"},
            "strength": {"type": "number", "minimum": 0, "maximum": 1, "description": "How strongly it holds"},
        },
    },
}
"""As the API's document has `input_references`."""


class Given(NamedTuple):
    """The picture that the video begins with, as it is named, and the inputs beside it."""

    picture: Reference | None
    others: tuple[WishedInput, ...]


def given_inputs(fields: Fields) -> Given:
    """The inputs in settled fields. Nothing is looked at.

    Raises:
        InvalidRequest: not well-formed, or the short forms stand beside `input_references` (`conflicting_parameters`).
        NotSupported: several pictures under the short form of one.
    """
    values = fields.values
    first = picture_reference(values.get(PICTURE), PICTURE)
    last = picture_reference(values.get(LAST_PICTURE), LAST_PICTURE)
    shown_ones = list(_several(values.get(REFERENCE_PICTURES)))
    listed = _listed(values.get(REFERENCES))
    if listed and (first is not None or last is not None or shown_ones):
        name = PICTURE if first is not None else LAST_PICTURE if last is not None else REFERENCE_PICTURES
        message = f"{name} is a short form of what input_references says: send one of the two."
        raise InvalidRequest(message, REFERENCES, "conflicting_parameters")
    if not listed:
        ends = [] if last is None else [WishedInput(LAST, _kind_of(last, IMAGE), last, LAST_PICTURE)]
        return Given(first, (*ends, *shown_ones))
    wishes = listed_inputs(listed, fields.text)
    plain = [each for each in wishes if _is_plain_first(each)]
    if len(plain) != 1:
        return Given(None, tuple(wishes))
    source = plain[0].source
    assert isinstance(source, (bytes, str, UploadedPicture))
    return Given(source, tuple(each for each in wishes if each is not plain[0]))


def listed_inputs(value: object, text: bool = False) -> list[WishedInput]:
    """All of a list of inputs, in its order; `text`: numbers may be texts. Raises InvalidRequest."""
    return [_wish(each, f"{REFERENCES}[{at}]", text) for at, each in enumerate(_listed(value))]


def pictures_alone(value: object, place: str, beside: object) -> tuple[WishedInput, ...]:
    """The pictures of a scene that stands at `place`; `beside`: its `image`, the short form of one to begin with.

    Raises InvalidRequest: not well-formed, one is no picture, or both are there.
    """
    try:
        wishes = listed_inputs(value)
        moving = next((each for each in wishes if each.kind not in (IMAGE, "")), None)
        if moving is not None:
            message = f"A scene takes pictures, no {moving.kind}: its clip is planned anew whenever the film changes."
            raise InvalidRequest(message, moving.place, "reference_not_taken")
        if wishes and beside is not None:
            message = "image is a short form of what input_references says: send one of the two."
            raise InvalidRequest(message, REFERENCES, "conflicting_parameters")
        return tuple(wishes)
    except InvalidRequest as error:
        param = f"{place}.{error.param}" if place else error.param
        raise InvalidRequest(error.message, param, error.error_code) from error


def first_place(values: Mapping[str, object]) -> str | None:
    """Where in `input_references` the picture to begin with stands, for refusals that name it."""
    found = values.get(REFERENCES)
    for at, each in enumerate(found if isinstance(found, list) else ()):
        if isinstance(each, Mapping) and FIRST in (each.get("role"), _FRAME_TYPES.get(str(each.get("frame_type")))):
            return f"{REFERENCES}[{at}]"
    return None


def _is_plain_first(wish: WishedInput) -> bool:
    """Whether it is what `input_reference` says, too."""
    plain = wish.role == FIRST and wish.frame in (None, 0) and wish.strength is None
    return plain and wish.kind in (IMAGE, "") and isinstance(wish.source, (bytes, str, UploadedPicture))


def _listed(value: object) -> list[object]:
    if isinstance(value, Mapping):
        value = [value] if value else []
    if value in (None, ""):
        return []
    if not isinstance(value, (list, tuple)):
        raise InvalidRequest(f"{REFERENCES} is a list of objects.", REFERENCES)
    found = [each for each in value if each not in (None, "", {})]
    if len(found) > MOST_INPUTS:
        raise InvalidRequest(f"There are {len(found)} inputs; at most {MOST_INPUTS} are taken.", REFERENCES)
    return found


def _several(value: object) -> Iterator[WishedInput]:
    """Pictures of who or what is to be seen, one or several."""
    found = value if isinstance(value, (list, tuple)) else [value]
    for each in found:
        picture = picture_reference(each, REFERENCE_PICTURES)
        if picture is not None:
            yield WishedInput(REFERENCE, _kind_of(picture, IMAGE), picture, REFERENCE_PICTURES)


def _wish(value: object, place: str, text: bool) -> WishedInput:
    """One of the list. Raises InvalidRequest."""
    if isinstance(value, (str, File)):  # OpenRouter and others: an address alone is a reference
        value = {IMAGE: value}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{place} is an object with an image, a video, an upload or a job.", place)
    strange = next((str(key) for key in value if key not in (*_SOURCES, *_BESIDE)), None)
    if strange is not None:
        hint = did_you_mean(strange, (*INPUT_KINDS, _UPLOAD, _JOB, "role", "frame", "strength"))
        message = f"An input has no field {shown(strange)}.{hint}"
        raise InvalidRequest(message, f"{place}.{strange[:80]}", "unknown_parameter")
    kind, source = _source(value, place)
    role = _role(value, place)
    if role in (CONTROL, MASK) and kind == "" and isinstance(source, OwnVideo):
        kind = VIDEO
    elif isinstance(source, OwnVideo):
        kind = IMAGE  # the frame of it that is next to what is made
    frame = _number(value.get("frame"), f"{place}.frame", MOST_FRAME, text, whole=True)
    strength = _number(value.get("strength", value.get("weight")), f"{place}.strength", 1, text)
    return WishedInput(role, kind, source, place, None if frame is None else int(frame), strength)


def _source(value: Mapping[str, object], place: str) -> tuple[str, InputSource]:
    """What it is, and how it is named."""
    given = [key for key in _SOURCES if value.get(key) not in (None, "")]
    if not given:
        raise InvalidRequest(f"{place} names neither a picture nor a video.", place)
    if len(given) > 1:
        message = f"{place} is named by {given[0]} and by {given[1]}: one of them."
        raise InvalidRequest(message, f"{place}.{given[1]}", "conflicting_parameters")
    key, kind, found = given[0], _SOURCES[given[0]], value[given[0]]
    if kind in (_JOB, _UPLOAD):
        if not isinstance(found, str) or not 0 < len(found.strip()) <= 100:
            raise InvalidRequest(f"{key} is an id, a text.", f"{place}.{key}")
        return "", OwnVideo(found.strip()) if kind == _JOB else UploadedPicture(found.strip())
    said = str(value.get("type") or "")
    kind = _TYPES.get(said, kind) if key == "url" else kind
    picture = picture_reference(found, f"{place}.{key}")
    if picture is None:
        raise InvalidRequest(f"{place} names neither a picture nor a video.", f"{place}.{key}")
    return _kind_of(picture, kind), picture


def _kind_of(source: Reference, kind: str) -> str:
    """What an upload is, it says itself."""
    return "" if isinstance(source, UploadedPicture) else kind


def _role(value: Mapping[str, object], place: str) -> str:
    said, type_ = value.get("role"), value.get("frame_type")
    if type_ not in (None, ""):
        role = _FRAME_TYPES.get(str(type_))
        if role is None or said not in (None, "", role):
            raise InvalidRequest("frame_type is first_frame or last_frame.", f"{place}.frame_type")
        return role
    if said in (None, ""):
        return REFERENCE
    if said not in ROLES:
        hint = did_you_mean(str(said), ROLES)
        raise InvalidRequest(
            f"There is no role {shown(str(said))}.{hint} Roles are {', '.join(ROLES)}.", f"{place}.role"
        )
    return str(said)


def _number(value: object, name: str, most: int, text: bool, whole: bool = False) -> float | None:
    """A number from 0 to `most`; in a form it is text. Raises InvalidRequest."""
    if value in (None, ""):
        return None
    if text and isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    sound = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most
    if not sound or (whole and float(value) % 1):  # type: ignore[arg-type]
        raise InvalidRequest(f"{name} is a {'whole ' if whole else ''}number from 0 to {most}.", name)
    return float(value)  # type: ignore[arg-type]
