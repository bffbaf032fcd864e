"""A request's body or query comes in, as JSON, multipart or urlencoded; its fields go out, each of them once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from email.message import Message
from typing import Final

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.api.limits import MAX_FORM_FIELDS, MAX_FORM_FILES
from app.api.problems import shown
from app.api.requests.as_sent import Sent
from app.api.requests.fields import ALIASES, PICTURES, VIDEO, Fields, names_of
from app.api.requests.json_text import json_value, twice
from app.api.requests.picture_values import File, file_of_text
from app.api.requests.reference_fields import first_place
from app.errors import InvalidRequest, UnsupportedMediaType

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\]){1,4})")  # seed[]=1, cache[mode]=off, image[image_url][url]=…
_INNER = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"[0-9]{0,3}")  # in a list: loras[][name]=a, loras[0][name]=a
_OBJECTS: Final = ("cache", "webhook", "prepare", "extra_body", "extra_params", "video_params")
_MARKS: Final = ("\ufeff", "\xef\xbb\xbf")  # a byte order mark before a form, as its parser decodes it
_JSON: Final = "application/json"
_MULTIPART: Final = "multipart/form-data"
_FORM: Final = "application/x-www-form-urlencoded"


async def body_fields(request: Request) -> Fields:
    """The fields of the body, whose names the request then remembers, for refusals.

    Raises:
        InvalidRequest: not well-formed (`invalid_json`, `invalid_form`), or a field given twice.
        UnsupportedMediaType: neither JSON nor a form.
        PayloadTooLarge: from the layer that counts.
    """
    fields = await _read_body(request)
    request.state.sent = Sent(names_of(fields), first_place(fields.values))
    return fields


async def json_fields(request: Request, glance: Callable[[object], None] | None = None) -> Fields:
    """The fields of a body that can only be JSON; `glance` may refuse it for its size. Raises as `body_fields`."""
    header, kind = _content_type(request)
    if not _is_json(kind):
        raise UnsupportedMediaType(f"{shown(kind)} is not read here: send {_JSON}.", "content-type")
    fields = Fields(_json_object(await request.body(), _charset(header), glance))
    request.state.sent = Sent(names_of(fields))
    return fields


def _content_type(request: Request) -> tuple[str, str]:
    """The header, and the type that it names."""
    header = request.headers.get("content-type", _JSON)
    return header, header.partition(";")[0].strip().lower()


def _is_json(kind: str) -> bool:
    return kind == _JSON or kind.endswith("+json")


async def _read_body(request: Request) -> Fields:
    header, kind = _content_type(request)
    if _is_json(kind):
        return Fields(_json_object(await request.body(), _charset(header)))
    if kind in (_MULTIPART, _FORM):
        return _of_text(await _form(request))
    message = f"{shown(kind)} is not read here: send {_JSON} or {_MULTIPART}."
    raise UnsupportedMediaType(message, "content-type")


def query_fields(request: Request) -> Fields:
    """The fields of the address. Raises InvalidRequest when one is given twice."""
    fields = _of_text(request.query_params.multi_items())
    request.state.sent = Sent(names_of(fields))
    return fields


def _charset(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    return header.get_content_charset() or "utf-8"


def _json_object(body: bytes, charset: str, glance: Callable[[object], None] | None = None) -> dict[str, object]:
    found = json_value(body, "The body", charset=charset, glance=glance)
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
        return (file_of_text(value) if _is_file(name) else None) or value
    return File(await value.read()) if _is_file(name) else File()


def _is_file(name: str) -> bool:
    return _is_picture(name) or name == VIDEO


def _is_picture(name: str) -> bool:
    outer = name.partition("[")[0]
    return ALIASES.get(outer, outer) in PICTURES


def _of_text(pairs: Iterable[tuple[str, object]]) -> Fields:
    """Named values with their brackets undone and their objects read."""
    found: dict[str, object] = {}
    unnumbered: set[str] = set()  # lists of objects in which a place is only told by order
    for number, (name, value) in enumerate(pairs):
        if number == 0:
            for mark in _MARKS:
                name = name.removeprefix(mark)
        if name.lstrip().startswith("{"):
            message = f"This looks like JSON sent as a form: add the header 'content-type: {_JSON}'."
            raise UnsupportedMediaType(message, "content-type")
        bracketed = _NAME.fullmatch(name)
        if bracketed is not None:
            outer, keys = bracketed[1], _INNER.findall(bracketed[2])
            found[outer] = _into(found.get(outer), keys, value, name)
            if keys[0] == "" and len(keys) > 1 and not _is_picture(outer):
                unnumbered.add(outer)
        elif name in found and _is_picture(name):  # several: refused by what they are for
            found[name] = [*_as_list(found[name]), value]
        else:
            _put(found, name, _read(name, value), name)
    for outer in unnumbered:
        _check_whole(found[outer], outer)
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
    if _PLACE.fullmatch(key):
        if not isinstance(there, (list, type(None))):
            raise twice(name)
        return _into_list(there or [], key, rest, value, name)
    if not isinstance(there, (dict, type(None))):
        raise twice(name)
    inside = dict(there or {})
    inside[key] = _into(inside.get(key), rest, value, name)
    return inside


def _into_list(there: list[object], number: str, rest: list[str], value: object, name: str) -> list[object]:
    """The list with one value more, or with the value in the object that `loras[0][name]` means.

    Without a number, a key's n-th value is the n-th object's.
    """
    if not rest:
        return [*there, value]
    place = int(number) if number else sum(_has(item, rest) for item in there)
    if place > len(there):
        raise InvalidRequest(f"{shown(name)} comes before the objects with lower numbers.", name[:80])
    before = there[place] if place < len(there) else None
    return [*there[:place], _into(before, rest, value, name), *there[place + 1 :]]


def _has(item: object, keys: list[str]) -> bool:
    return not keys or (isinstance(item, dict) and keys[0] in item and _has(item[keys[0]], keys[1:]))


def _check_whole(items: object, outer: str) -> None:
    """Refuse objects without numbers of which not all have the same fields: whose each is nobody can say."""
    keys = {tuple(sorted(item)) for item in items if isinstance(item, dict)} if isinstance(items, list) else set()
    if len(keys) > 1:
        message = f"In a form, give each object of {outer} a number, as in {outer}[0][name], or all the same fields."
        raise InvalidRequest(message, outer[:80], "invalid_form")


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
