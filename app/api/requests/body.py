"""A request's body or query comes in, as JSON, multipart or urlencoded; its fields go out, each of them once."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.api.limits import MAX_FIELD_BYTES, MAX_FORM_FIELDS, MAX_FORM_FILES
from app.api.problems import shown
from app.api.requests.as_sent import Sent
from app.api.requests.fields import ALIASES, PICTURE, VIDEO, Fields, names_of
from app.errors import InvalidRequest, KinorayError

_BRACKETS = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")  # seed[]=1, cache[mode]=off
_NESTED = re.compile(r"([^\[\]]+)\[([0-9]{0,3})\]\[([^\[\]]+)\]")  # loras[][name]=a, loras[0][name]=a
_OBJECTS = ("cache", "webhook", "extra_body", "extra_params", "video_params")


class UnsupportedMediaType(KinorayError):
    """The body is in a form that is not read here."""

    status = 415
    code = "unsupported_media_type"


class File:
    """An uploaded file; only that of a picture to begin with, or of a video to go on from, is read."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content

    def __repr__(self) -> str:
        return "a file"


async def body_fields(request: Request) -> Fields:
    """The fields of the body, whose names the request then remembers, for refusals.

    Raises:
        InvalidRequest: not well-formed (`invalid_json`, `invalid_form`), or a field given twice.
        UnsupportedMediaType: neither JSON nor a form.
        PayloadTooLarge: from the layer that counts.
    """
    fields = await _read_body(request)
    request.state.sent = Sent(names_of(fields))
    return fields


async def _read_body(request: Request) -> Fields:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return Fields(_json_object(await request.body()))
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return _of_text(await _form(request))
    message = f"{shown(kind)} is not read here: send application/json or multipart/form-data."
    raise UnsupportedMediaType(message, "content-type")


def query_fields(request: Request) -> Fields:
    """The fields of the address. Raises InvalidRequest when one is given twice."""
    fields = _of_text(request.query_params.multi_items())
    request.state.sent = Sent(names_of(fields))
    return fields


def _json_object(body: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        why = "it is empty" if not body.strip() else str(error)[:200]
        raise InvalidRequest(f"The body is not valid JSON: {why}.", code="invalid_json") from error
    if not isinstance(found, dict):
        raise InvalidRequest('The body must be a JSON object, such as {"prompt": "a red ball"}.')
    return found


async def _form(request: Request) -> list[tuple[str, object]]:
    try:
        async with request.form(
            max_files=MAX_FORM_FILES, max_fields=MAX_FORM_FIELDS, max_part_size=MAX_FIELD_BYTES
        ) as form:
            return [(name, await _value(name, value)) for name, value in form.multi_items()]
    except HTTPException as error:
        raise InvalidRequest(f"The form is not well-formed: {error.detail}", code="invalid_form") from error
    except (FormParserError, ValueError) as error:
        raise InvalidRequest("The form is not well-formed.", code="invalid_form") from error


async def _value(name: str, value: UploadFile | str) -> File | str:
    if not isinstance(value, UploadFile):
        return value
    return File(await value.read()) if ALIASES.get(name, name) in (PICTURE, VIDEO) else File()


def _of_text(pairs: Iterable[tuple[str, object]]) -> Fields:
    """Named values with their brackets undone and their objects read."""
    found: dict[str, object] = {}
    listed = list(pairs)
    for name, value in listed:
        if name.lstrip().startswith("{"):
            message = "This looks like JSON sent as a form: add the header 'content-type: application/json'."
            raise UnsupportedMediaType(message, "content-type")
        if (nested := _NESTED.fullmatch(name)) is not None:
            _put(_item_at(_list_at(found, nested[1], name), nested[2], nested[3], name), nested[3], value, name)
            continue
        bracketed = _BRACKETS.fullmatch(name)
        outer, inner = bracketed.groups() if bracketed else (name, None)
        if inner is None:
            _put(found, name, _read(name, value), name)
        elif inner == "":
            _list_at(found, outer, name).append(value)
        else:
            _put(_object_at(found, outer, name), inner, value, name)
    for outer in {nested[1] for name, _ in listed if (nested := _NESTED.fullmatch(name)) and not nested[2]}:
        _check_whole(found[outer], outer)
    return Fields(found, text=True)


def _list_at(found: dict[str, object], outer: str, name: str) -> list[object]:
    inside = found.setdefault(outer, [])
    if not isinstance(inside, list):
        raise _twice(name)
    return inside


def _item_at(items: list[object], number: str, key: str, name: str) -> dict[str, object]:
    """The object that `loras[0][name]` means; without a number, a key's n-th value is the n-th object's."""
    place = int(number) if number else sum(isinstance(item, dict) and key in item for item in items)
    if place > len(items):
        raise InvalidRequest(f"{shown(name)} comes before the objects with lower numbers.", name[:80])
    if place == len(items):
        items.append({})
    item = items[place]
    if not isinstance(item, dict):
        raise _twice(name)
    return item


def _check_whole(items: object, outer: str) -> None:
    """Refuse objects without numbers of which not all have the same fields: whose each is nobody can say."""
    keys = {tuple(sorted(item)) for item in items if isinstance(item, dict)} if isinstance(items, list) else set()
    if len(keys) > 1:
        message = f"In a form, give each object of {outer} a number, as in {outer}[0][name], or all the same fields."
        raise InvalidRequest(message, outer[:80], "invalid_form")


def _object_at(found: dict[str, object], outer: str, name: str) -> dict[str, object]:
    inside = found.setdefault(outer, {})
    if not isinstance(inside, dict):
        raise _twice(name)
    return inside


def _put(into: dict[str, object], key: str, value: object, name: str) -> None:
    if key in into:
        raise _twice(name)
    into[key] = value


def _twice(name: str) -> InvalidRequest:
    return InvalidRequest(f"{shown(name)} is given more than once.", name[:80], "duplicate_parameter")


def _read(name: str, value: object) -> object:
    """A form's text, or the object that the text of such a field holds."""
    if name not in _OBJECTS or not isinstance(value, str) or not value.strip():
        return value if name not in _OBJECTS or value else None
    try:
        read: object = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{name} is not valid JSON.", name, "invalid_json") from error
    return read
