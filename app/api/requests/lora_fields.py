"""LoRA adapters as clients name them, one or several, come in; a plain list of names and strengths goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StringConstraints

from app.api.problems import shown
from app.api.requests.json_text import json_value
from app.api.requests.strict import Strict
from app.errors import InvalidRequest, UnsupportedParameter

FIELD: Final = "loras"
_NAMES: Final = ("name", "lora_name", "adapter_name")
_STRENGTHS: Final = ("strength", "scale", "weight", "lora_scale", "lora_strength", "lora_weight")
_PATHS: Final = ("path", "local_path", "lora_path", "lora_local_path")
_NOTHING: Final = ("int_id", "lora_int_id")  # numbers that other servers give them


class LoraWish(Strict):
    """A LoRA adapter that is to act."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="One of the model's, see /v1/models, or of your own, by name or id, see /v1/loras"
    )
    strength: float = Field(
        1.0, ge=-4, le=4, description="1: as its operator has set it; 0: not at all. Also `scale`, `weight`"
    )


def listed(value: object) -> object:
    """One adapter or several, as objects, names, `name:0.8`, or JSON in a form's text, as a list of objects.

    What is none of these stays as it is, for the schema to refuse.

    Raises:
        InvalidRequest: text that begins like JSON and is none, or an object with fields that an adapter does not have.
        UnsupportedParameter: a path, which a server of many does not read.
    """
    if isinstance(value, str):
        value = _of_text(value)
    if value is False or value == {}:  # as others say that there is none
        return []
    if isinstance(value, Mapping):
        value = [value]
    return [_item(each, place) for place, each in enumerate(value)] if isinstance(value, list) else value


Loras = Annotated[list[LoraWish], BeforeValidator(listed)]


def with_strength(wishes: list[LoraWish], strength: float | None) -> tuple[tuple[str, float], ...]:
    """Names and strengths; `strength` stands beside a single adapter that says none itself. Raises InvalidRequest."""
    if strength is None:
        return tuple((each.name, float(each.strength)) for each in wishes)
    if len(wishes) != 1 or "strength" in wishes[0].model_fields_set:
        message = "lora_strength stands beside one LoRA by its name; in loras each has a strength of its own."
        raise InvalidRequest(message, "lora_strength", "conflicting_parameters")
    return ((wishes[0].name, float(strength)),)


def _of_text(text: str) -> object:
    if text.lstrip()[:1] not in ("[", "{"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return json_value(text, FIELD, FIELD)


def _item(value: object, place: int) -> object:
    if isinstance(value, str):
        name, colon, strength = value.rpartition(":")
        return {"name": name.strip(), "strength": _number(strength)} if colon else {"name": value}
    if not isinstance(value, Mapping):
        return value
    found: dict[str, object] = {}
    for key, each in value.items():
        if key in _NOTHING or each is None:
            continue
        if key in _PATHS:
            message = "Paths on the server are never read: name one of the model's LoRAs, see /v1/models."
            raise UnsupportedParameter(message, f"{FIELD}.{place}.{key}")
        own = "name" if key in _NAMES else "strength" if key in _STRENGTHS else key
        if found.setdefault(own, each) != each:
            raise InvalidRequest(
                f"{shown(key)} says something else than {own}.", f"{FIELD}.{place}.{own}", "conflicting_parameters"
            )
    return found


def _number(text: str) -> object:
    try:
        return float(text) if text.strip() else text
    except ValueError:
        return text
