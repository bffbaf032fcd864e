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
from app.api.requests.fields import ALIASES, PICTURE, Fields, names_of
from app.errors import InvalidRequest, KinorayError

_BRACKETS = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")  # seed[]=1, cache[mode]=off
_OBJECTS = ("cache", "webhook", "extra_body", "extra_params", "video_params")


class UnsupportedMediaType(KinorayError):
    """The body is in a form that is not read here."""

    status = 415
    code = "unsupported_media_type"


class File:
    """An uploaded file; only that of a picture to begin with is read."""

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
    return File(await value.read()) if ALIASES.get(name, name) == PICTURE else File()


def _of_text(pairs: Iterable[tuple[str, object]]) -> Fields:
    """Named values with their brackets undone and their objects read."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name.lstrip().startswith("{"):
            message = "This looks like JSON sent as a form: add the header 'content-type: application/json'."
            raise UnsupportedMediaType(message, "content-type")
        bracketed = _BRACKETS.fullmatch(name)
        outer, inner = bracketed.groups() if bracketed else (name, None)
        if inner is None:
            _put(found, name, _read(name, value), name)
        elif inner == "":
            _list_at(found, outer, name).append(value)
        else:
            _put(_object_at(found, outer, name), inner, value, name)
    return Fields(found, text=True)


def _list_at(found: dict[str, object], outer: str, name: str) -> list[object]:
    inside = found.setdefault(outer, [])
    if not isinstance(inside, list):
        raise _twice(name)
    return inside


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
