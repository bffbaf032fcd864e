"""A request's body or query comes in, as JSON, multipart or urlencoded; its fields go out, each of them once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message
from typing import Final

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.api.limits import MAX_FORM_FIELDS, MAX_FORM_FILES
from app.api.problems import shown
from app.api.requests.fields import ALIASES, PICTURE, Fields
from app.api.requests.json_text import json_value, twice
from app.api.requests.picture_values import File, file_of_text
from app.errors import InvalidRequest, UnsupportedMediaType

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\]){1,4})")  # seed[]=1, cache[mode]=off, image[image_url][url]=…
_INNER = re.compile(r"\[([^\[\]]*)\]")
_OBJECTS: Final = ("cache", "webhook", "extra_body", "extra_params", "video_params")
_MARKS: Final = ("\ufeff", "\xef\xbb\xbf")  # a byte order mark before a form, as its parser decodes it
_JSON: Final = "application/json"
_MULTIPART: Final = "multipart/form-data"
_FORM: Final = "application/x-www-form-urlencoded"


async def body_fields(request: Request) -> Fields:
    """The fields of the body.

    Raises:
        InvalidRequest: not well-formed (`invalid_json`, `invalid_form`), or a field given twice.
        UnsupportedMediaType: neither JSON nor a form.
        PayloadTooLarge: from the layer that counts.
    """
    header = request.headers.get("content-type", _JSON)
    kind = header.partition(";")[0].strip().lower()
    if kind == _JSON or kind.endswith("+json"):
        return Fields(_json_object(await request.body(), _charset(header)))
    if kind in (_MULTIPART, _FORM):
        return _of_text(await _form(request))
    message = f"{shown(kind)} is not read here: send {_JSON} or {_MULTIPART}."
    raise UnsupportedMediaType(message, "content-type")


def query_fields(request: Request) -> Fields:
    """The fields of the address. Raises InvalidRequest when one is given twice."""
    return _of_text(request.query_params.multi_items())


def _charset(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    return header.get_content_charset() or "utf-8"


def _json_object(body: bytes, charset: str) -> dict[str, object]:
    found = json_value(body, "The body", charset=charset)
    if not isinstance(found, dict):
        raise InvalidRequest('The body must be a JSON object, such as {"prompt": "a red ball"}.')
    return found


async def _form(request: Request) -> list[tuple[str, object]]:
    most_bytes: int = request.app.state.settings.max_body_bytes  # a picture may come as text
    try:
        async with request.form(max_files=MAX_FORM_FILES, max_fields=MAX_FORM_FIELDS, max_part_size=most_bytes) as form:
            return [(name, await _value(name, value)) for name, value in form.multi_items()]
    except HTTPException as error:
        raise InvalidRequest(f"The form is not well-formed: {error.detail}", code="invalid_form") from error
    except (FormParserError, ValueError) as error:
        raise InvalidRequest("The form is not well-formed.", code="invalid_form") from error


async def _value(name: str, value: UploadFile | str) -> File | str:
    """A picture's file is read, and found where a part without a name for its file was taken for text."""
    if not isinstance(value, UploadFile):
        return (file_of_text(value) if _is_picture(name) else None) or value
    return File(await value.read()) if _is_picture(name) else File()


def _is_picture(name: str) -> bool:
    outer = name.partition("[")[0]
    return ALIASES.get(outer, outer) == PICTURE


def _of_text(pairs: Iterable[tuple[str, object]]) -> Fields:
    """Named values with their brackets undone and their objects read."""
    found: dict[str, object] = {}
    for number, (name, value) in enumerate(pairs):
        if number == 0:
            for mark in _MARKS:
                name = name.removeprefix(mark)
        if name.lstrip().startswith("{"):
            message = f"This looks like JSON sent as a form: add the header 'content-type: {_JSON}'."
            raise UnsupportedMediaType(message, "content-type")
        bracketed = _NAME.fullmatch(name)
        if bracketed is not None:
            found[bracketed[1]] = _into(found.get(bracketed[1]), _INNER.findall(bracketed[2]), value, name)
        elif name in found and _is_picture(name):  # several: refused by what they are for
            found[name] = [*_as_list(found[name]), value]
        else:
            _put(found, name, _read(name, value), name)
    return Fields(found, text=True)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _into(there: object, keys: list[str], value: object, name: str) -> object:
    """What is there already, with the value at the place that the keys in brackets name."""
    if not keys:
        if there is not None:
            raise twice(name)
        return value
    key, *rest = keys
    if key == "" or key.isdigit():  # a list's next element
        if not isinstance(there, (list, type(None))):
            raise twice(name)
        return [*(there or ()), _into(None, rest, value, name)]
    if not isinstance(there, (dict, type(None))):
        raise twice(name)
    inside = dict(there or {})
    inside[key] = _into(inside.get(key), rest, value, name)
    return inside


def _put(into: dict[str, object], key: str, value: object, name: str) -> None:
    if key in into:
        raise twice(name)
    into[key] = value


def _read(name: str, value: object) -> object:
    """A form's text, or the object that the text of such a field holds."""
    if isinstance(value, str) and name in _OBJECTS:
        return json_value(value, name, name) if value.strip() else None
    if isinstance(value, str) and _is_picture(name) and value.lstrip()[:1] in ("{", "["):
        return json_value(value, name, name)
    return value
