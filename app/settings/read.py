"""Settings for a command line: what cannot be is one sentence each (which variable, which value, what is allowed)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from app.settings.masking import masked
from app.settings.model_entry import ModelEntry
from app.settings.secret_values import FILE, LiteralSecret, is_secret
from app.settings.settings import PREFIX, Settings
from app.settings.strict_yaml import loaded

CLIENTS = frozenset({"KINORAY_URL", "KINORAY_API_KEY"})
"""Variables that are the client's, not the service's."""
LONGEST = 80  # characters of a value that are repeated
MADE_OF = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a JSON list",
    "object": "a JSON map",
}


BOUNDS = {
    "minimum": "of at least",
    "exclusiveMinimum": "of more than",
    "maximum": "of at most",
    "exclusiveMaximum": "of less than",
}


class BadSettings(ValueError):
    """Settings that cannot be; the message has a line for each."""


def read_settings(args: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the environment, under the `args` of a config file. Raises BadSettings."""
    given = dict(args or {})
    try:
        return Settings.from_args(given)
    except ValidationError as error:
        problems = error.errors()
        said = [_sentence(each, given) for each in problems if not _is_echo(each, problems)]
        raise BadSettings("\n".join(dict.fromkeys(said))) from None
    except SettingsError as error:
        raise BadSettings(_unreadable(error)) from None
    except LiteralSecret as error:
        raise BadSettings(str(error)) from None


def _is_echo(problem: ErrorDetails, problems: Sequence[ErrorDetails]) -> bool:
    """Whether it only says that something inside of it is wrong, which is told by itself."""
    size = len(problem["loc"])
    return any(len(each["loc"]) > size and each["loc"][:size] == problem["loc"] for each in problems)


def args_of(config: Path) -> dict[str, Any]:
    """The arguments of the application in a Serve config. Raises BadSettings."""
    try:
        told = loaded(config.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{config} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        raise BadSettings(f"{config} is not YAML: {' '.join(str(error).split())}.") from None
    applications = told.get("applications") if isinstance(told, dict) else None
    if not (isinstance(applications, list) and applications and isinstance(applications[0], dict)):
        raise BadSettings(f"{config} is no Serve config: it must have a list `applications` with one of Kinoray's.")
    args = applications[0].get("args") or {}
    if not isinstance(args, dict):
        raise BadSettings(f"{config}: `args` must be a map of settings, not {_shown(args)}.")
    return args


def unknown(environment: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each variable that looks like a setting and is none."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | CLIENTS
    known |= {f"{PREFIX}{name.upper()}{FILE}" for name, field in Settings.model_fields.items() if is_secret(field)}
    said = []
    for name in sorted(name for name in environment if name.startswith(PREFIX) and name not in known):
        near = get_close_matches(name, known, 1)
        said.append(f"{name} is not a setting and changes nothing{f'; did you mean {near[0]}?' if near else '.'}")
    return tuple(said)


def _sentence(problem: ErrorDetails, given: Mapping[str, Any]) -> str:
    """What is wrong with one value, in our words where pydantic's are not for operators."""
    place, kind = problem["loc"], problem["type"]
    why = problem["msg"].removeprefix("Value error, ").rstrip(".")
    if not place:
        return f"The settings do not go together: {why}."
    name = str(place[0])
    field = Settings.model_fields.get(name)
    if field is None:
        near = get_close_matches(name, Settings.model_fields, 1)
        return f"There is no setting {name}{f'; did you mean {near[0]}?' if near else '.'}"
    where = _where(place, name in given)
    if kind == "missing":
        return f"{where} is missing: it must be given."
    if kind == "extra_forbidden":
        near = get_close_matches(str(place[-1]), ModelEntry.model_fields if name == "models" else (), 1)
        return f"{where} cannot be used: there is no such field{f'; did you mean {near[0]}?' if near else '.'}"
    value = "" if _is_hidden(name, field) else f"={_shown(problem['input'])}"
    own_type = len(place) == 1 and kind not in ("value_error", "too_short")
    return f"{where}{value} cannot be used: {allowed_of(name, field) if own_type else _must(why)}."


def _where(place: Sequence[int | str], given: bool) -> str:
    """A place within a setting: `KINORAY_MODELS[0].sizes`, or `models[0].sizes` of a config file."""
    inside = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place[1:])
    return f"{place[0]}{inside}" if given else f"{PREFIX}{str(place[0]).upper()}{inside}"


def _is_hidden(name: str, field: FieldInfo) -> bool:
    """Whether a value is shown to nobody; an address is shown without what is secret in it."""
    return is_secret(field) and not name.endswith("_url")


def _must(why: str) -> str:
    """Pydantic's words as a demand."""
    words = re.sub(r"^(Input|Value|Tuple|List|Dictionary|String|Number) should", "it must", why)
    return words.replace(" after validation", "")


def allowed_of(name: str, field: FieldInfo) -> str:
    """What a setting may be, from its type and bounds."""
    schema: dict[str, Any] = Settings.model_json_schema()["properties"][name]
    kinds = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    told = {**schema, **(kinds[0] if kinds else {})}
    if "pattern" in told:
        return f"it must be one of {', '.join(told['pattern'].strip('^()$').split('|'))}"
    made_of = "object" if told.keys() & {"$ref", "allOf"} else str(told.get("type"))  # a map with named parts
    said = f"it must be {MADE_OF.get(made_of, 'another value')}"
    limits = [f"{words} {told[key]:.12g}" for key, words in BOUNDS.items() if key in told]
    if "minimum" in told and "maximum" in told:
        limits = [f"from {told['minimum']:.12g} to {told['maximum']:.12g}"]
    unit = f", in {schema['unit']}" if schema.get("unit") and limits else ""
    return f"{said} {' and '.join(limits)}".rstrip() + unit


def _unreadable(error: SettingsError) -> str:
    """What is wrong with a variable that has to be JSON and is not."""
    for name, field in Settings.model_fields.items():
        if f'"{name}"' not in str(error):
            continue
        said = os.environ.get(PREFIX + name.upper(), "")
        value = "" if _is_hidden(name, field) else f"={_shown(said)}"
        return f"{PREFIX}{name.upper()}{value} cannot be used: {allowed_of(name, field)}{_json_fault(said)}."
    return f"The settings cannot be read: {error}."


def _json_fault(text: str) -> str:
    """Where a text stops being JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f", and is not JSON at character {error.pos + 1} ({error.msg})"
    return ""


def _shown(value: object) -> str:
    """A value as a person would have written it, the beginning of a long one."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    line = masked("".join(each if each.isprintable() else " " for each in text))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
