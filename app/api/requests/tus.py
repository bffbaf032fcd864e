"""The headers of tus 1.0, resumable uploads: a request comes in, what it announces goes out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import Header
from starlette.requests import ClientDisconnect, Request

from app.errors import InvalidRequest, TusVersion, UnsupportedMediaType
from app.service.file_uploads import Interrupted

VERSION: Final = "1.0.0"
CHUNK: Final = "application/offset+octet-stream"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
MOST_METADATA: Final = 4096  # characters
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_KEY: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,100}")

Tus = Annotated[str | None, Header(description=f"{VERSION}, the version of tus")]
Length = Annotated[str | None, Header(description="Bytes of the whole file")]
Metadata = Annotated[
    str | None, Header(description="Names and base64 of what you want to be told again, as `filename YS5wbmc=`")
]
Offset = Annotated[str | None, Header(description="Bytes that are there already")]
Check = Annotated[
    str | None,
    Header(description="`sha1`, `sha256` or `md5` of the chunk, and base64 of it: nothing of another is kept"),
]


def check_version(given: str | None, needed: bool = True) -> None:
    """Raises TusVersion for another version of tus; also for none, where one is needed."""
    if given != VERSION and (needed or given is not None):
        raise TusVersion(f"This is tus {VERSION}: say so in the header Tus-Resumable.", "tus-resumable")


def length_of(given: str | None) -> int:
    """Raises InvalidRequest."""
    length = _number(given, "upload-length", "Say how many bytes there will be")
    if not length:
        raise InvalidRequest("There is no picture of no bytes.", "upload-length")
    return length


def offset_of(given: str | None) -> int:
    """Raises InvalidRequest."""
    return _number(given, "upload-offset", "Say how many bytes are there already")


def checked_metadata(given: str | None) -> str:
    """The header as it was sent, if it is well-formed. Raises InvalidRequest."""
    said = (given or "").strip()
    if len(said) > MOST_METADATA:
        raise InvalidRequest(f"The metadata is longer than {MOST_METADATA:,} characters.", "upload-metadata")
    read_metadata(said)
    return said


def read_metadata(said: str) -> dict[str, str]:
    """Names and texts; what is no text has its odd bytes replaced. Raises InvalidRequest."""
    found: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in said.split(","))):
        name, _, value = pair.partition(" ")
        if _KEY.fullmatch(name) is None or name in found:
            raise InvalidRequest("The metadata has a name twice, or one that is none.", "upload-metadata")
        try:
            found[name] = base64.b64decode(value, validate=True).decode(errors="replace")
        except (binascii.Error, ValueError) as error:
            raise InvalidRequest(f"The metadata's {name} is no base64.", "upload-metadata") from error
    return found


def is_chunk(request: Request) -> bool:
    """Whether the body is a chunk; it may be none at all. Raises UnsupportedMediaType for any other."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == CHUNK:
        return True
    if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
        raise UnsupportedMediaType(f"A chunk is sent as {CHUNK}.", "content-type")
    return False


async def chunk_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Interrupted when the client leaves before its end."""
    try:
        async for piece in request.stream():
            if piece:
                yield piece
    except ClientDisconnect as left:
        raise Interrupted from left


def _number(given: str | None, name: str, wanted: str) -> int:
    if given is None or _NUMBER.fullmatch(given.strip()) is None:
        raise InvalidRequest(f"{wanted}: a number in the header {name}.", name)
    return int(given)
