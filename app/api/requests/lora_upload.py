"""An uploaded LoRA comes in, as a form or bare with its facts in the address; a file of this machine goes out."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final, Literal

import anyio
from pydantic import Field
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.api.limits import FORM_BYTES
from app.api.problems import shown
from app.api.requests.strict import Strict
from app.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from app.service.lora_uploads import Sent

_CHUNK: Final = 2**20
_MULTIPART: Final = "multipart/form-data"
_BARE: Final = ("application/octet-stream", "application/x-safetensors", "binary/octet-stream")
_FACTS: Final = ("name", "model", "description", "expert", "partial")
_YES: Final = ("true", "1", "yes", "on")
_NO: Final = ("false", "0", "no", "off", "")


class UploadLora(Strict):
    """A LoRA of your own."""

    name: str = Field(max_length=64, description="What requests will call it: letters, digits, `.`, `_` and `-`")
    file: str = Field(description="The adapter, as safetensors")
    model: str | None = Field(None, max_length=100, description="The model that it is for; without one, the default")
    description: str = Field("", max_length=500, description="For yourself")
    expert: Literal["high", "low"] | None = Field(
        None, description="Of a model of two transformers: the one for much noise (without it), or for little"
    )
    partial: bool = Field(False, description="Take it though some of its layers find no place in the model")


@asynccontextmanager
async def received(request: Request, most_bytes: int) -> AsyncIterator[Sent]:
    """What was sent, its file on this machine for as long as it lasts.

    Raises:
        InvalidRequest: not well-formed, a field that is unknown, missing or given twice, or no file.
        UnsupportedMediaType: neither a form nor bare bytes.
        PayloadTooLarge: the file is.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_MULTIPART, *_BARE):
        message = f"{shown(kind)} is not read here: send {_MULTIPART}, or the bare file as {_BARE[0]}."
        raise UnsupportedMediaType(message, "content-type")
    with tempfile.NamedTemporaryFile(prefix="kinoray-lora-", suffix=".safetensors") as file:
        into = _Into(file.file, most_bytes)
        facts = await (_form(request, into) if kind == _MULTIPART else _bare(request, into))
        await anyio.to_thread.run_sync(file.flush)
        yield _sent(facts, Path(file.name), into.digest.hexdigest())


class _Into:
    """Writes to a file what comes, up to so many bytes."""

    def __init__(self, file: IO[bytes], most_bytes: int) -> None:
        self.digest = hashlib.sha256()
        self._file = file
        self._most_bytes = most_bytes
        self._seen = 0

    async def write(self, chunk: bytes) -> None:
        self._seen += len(chunk)
        if self._seen > self._most_bytes:
            raise PayloadTooLarge(
                f"The file is too large: at most {self._most_bytes:,} bytes.", "file", "lora_too_large"
            )
        await anyio.to_thread.run_sync(self._write, chunk)

    def _write(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self._file.write(chunk)


async def _form(request: Request, into: _Into) -> Mapping[str, str]:
    facts: dict[str, str] = {}
    files = 0
    try:
        async with request.form(max_files=1, max_fields=10, max_part_size=FORM_BYTES) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    if name != "file":
                        raise _unknown(name)
                    files += 1
                    while chunk := await value.read(_CHUNK):
                        await into.write(chunk)
                else:
                    _put(facts, name, value)
    except HTTPException as error:
        raise InvalidRequest(f"The form is not well-formed: {error.detail}", code="invalid_form") from error
    except (FormParserError, ValueError) as error:
        raise InvalidRequest("The form is not well-formed.", code="invalid_form") from error
    if not files:
        raise InvalidRequest("There is no file: send the adapter as a part named `file`, with a file name.", "file")
    return facts


async def _bare(request: Request, into: _Into) -> Mapping[str, str]:
    facts: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        _put(facts, name, value)
    async for chunk in request.stream():
        if chunk:
            await into.write(chunk)
    return facts


def _put(facts: dict[str, str], name: str, value: str) -> None:
    if name not in _FACTS:
        raise _unknown(name)
    if name in facts:
        raise InvalidRequest(f"{name} is given twice.", name, "duplicate_parameter")
    facts[name] = value


def _unknown(name: str) -> InvalidRequest:
    message = f"There is no field {shown(name)}; there are {', '.join(_FACTS)}, and file."
    return InvalidRequest(message, name[:80], "unknown_parameter")


def _sent(facts: Mapping[str, str], path: Path, sha256: str) -> Sent:
    if not facts.get("name"):
        raise InvalidRequest("A LoRA needs a name, by which requests will call it.", "name")
    if len(description := facts.get("description", "")) > 500:
        raise InvalidRequest("The description is longer than 500 characters.", "description")
    partial = facts.get("partial", "").strip().lower()
    if partial not in (*_YES, *_NO):
        raise InvalidRequest(f"partial is true or false, not {shown(partial)}.", "partial")
    return Sent(
        path=path,
        sha256=sha256,
        name=facts["name"].strip(),
        model=facts.get("model") or None,
        description=description,
        expert=facts.get("expert") or None,
        partial=partial in _YES,
    )
