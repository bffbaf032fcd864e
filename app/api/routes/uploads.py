"""Large pictures in chunks, by tus 1.0: begun, gone on with at any Router, whatever has happened, and deleted."""

from __future__ import annotations

from email.utils import formatdate
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from app.api.auth import Uploader
from app.api.dependencies import Config, PublicUrl, Service
from app.api.openapi import ERRORS
from app.api.problems import shown
from app.api.requests import tus
from app.errors import InvalidRequest, KinorayError, UnsupportedMediaType
from app.service.file_uploads import Interrupted
from app.service.videos import VideoService
from app.types import Caller
from app.uploads.checksums import ALGORITHMS, checksum_of
from app.uploads.files import FileUpload

UPLOADS: Final = "/v1/uploads"

router = APIRouter(prefix=UPLOADS, tags=["uploads"], responses=ERRORS)

_BODY: Final = {
    "requestBody": {"required": False, "content": {tus.CHUNK: {"schema": {"type": "string", "format": "binary"}}}}
}


class Upload(BaseModel):
    """A picture that comes in chunks; once it is `completed`, `input_reference` takes `{"upload": id}`."""

    id: str
    object: Literal["upload"] = "upload"
    status: Literal["pending", "completed"] = Field(description="completed: all of its bytes are there")
    bytes: int = Field(description="Of the whole file")
    offset: int = Field(description="Bytes that are there: where the next chunk goes on")
    created_at: int
    expires_at: int = Field(description="Unix seconds after which it is gone; a chunk gives it more time")
    content_type: str | None = Field(description="What its first bytes say it is; null: too few are there to say")
    width: int | None = Field(description="Pixels, as its first bytes say")
    height: int | None = Field(description="Pixels, as its first bytes say")
    metadata: dict[str, str] = Field(description="What you wanted to be told again")


class UploadList(BaseModel):
    """All of your uploads, the oldest first."""

    object: Literal["list"] = "list"
    data: list[Upload]


@router.options("", include_in_schema=False)
async def abilities(settings: Config) -> Response:
    """What is known of tus here; asked without a key."""
    headers = {
        "tus-version": tus.VERSION,
        "tus-extension": tus.EXTENSIONS,
        "tus-max-size": str(settings.upload_max_bytes),
        "tus-checksum-algorithm": ",".join(ALGORITHMS),
        "allow": "GET, HEAD, OPTIONS, POST",
    }
    return Response(status_code=204, headers=headers)


@router.post("", summary="Begin an upload", status_code=201, response_model=Upload, openapi_extra=_BODY)
async def begin(
    request: Request,
    service: Service,
    base: PublicUrl,
    caller: Uploader,
    tus_resumable: tus.Tus = None,
    upload_length: tus.Length = None,
    upload_metadata: tus.Metadata = None,
    upload_checksum: tus.Check = None,
) -> Response:
    """`Location` is where its chunks go; the body may be the first one."""
    tus.check_version(tus_resumable)
    length, metadata = tus.length_of(upload_length), tus.checked_metadata(upload_metadata)
    with_chunk = tus.is_chunk(request)
    upload = await service.uploads.begin(length, metadata, caller)
    if with_chunk:
        try:
            upload = await _appended(request, service, caller, upload.id, 0, upload_checksum)
        except (KinorayError, ClientDisconnect):  # nobody has heard of it
            await service.uploads.forget(upload)
            raise
    request.state.resource = upload.id
    headers = {**_headers(upload), "location": f"{base}{UPLOADS}/{upload.id}"}
    return JSONResponse(upload_object(upload).model_dump(), 201, headers)


@router.get("", summary="List your uploads")
async def list_uploads(service: Service, caller: Uploader) -> UploadList:
    """Those under way, and those that are whole and not yet over."""
    return UploadList(data=[upload_object(each) for each in await service.uploads.own(caller)])


@router.get("/{upload_id}", summary="Where an upload stands")
async def standing(
    upload_id: str, response: Response, service: Service, caller: Uploader, tus_resumable: tus.Tus = None
) -> Upload:
    """Of HEAD, `Upload-Offset` is what tus asks for; GET has the same as JSON."""
    tus.check_version(tus_resumable, needed=False)
    upload = await service.uploads.get(upload_id, caller)
    response.headers.update({**_headers(upload), "upload-length": str(upload.length), "cache-control": "no-store"})
    if upload.metadata:
        response.headers["upload-metadata"] = upload.metadata
    return upload_object(upload)


@router.patch("/{upload_id}", summary="Send a chunk", status_code=204, response_class=Response, openapi_extra=_BODY)
async def append(
    upload_id: str,
    request: Request,
    service: Service,
    caller: Uploader,
    tus_resumable: tus.Tus = None,
    upload_offset: tus.Offset = None,
    upload_checksum: tus.Check = None,
) -> Response:
    """It goes on at `Upload-Offset`. What came of one that was cut off is kept, so ask by HEAD where to go on."""
    tus.check_version(tus_resumable)
    if not tus.is_chunk(request):
        raise UnsupportedMediaType(f"A chunk is sent as {tus.CHUNK}.", "content-type")
    offset = tus.offset_of(upload_offset)
    upload = await _appended(request, service, caller, upload_id, offset, upload_checksum)
    return Response(status_code=204, headers=_headers(upload))


@router.delete("/{upload_id}", summary="Delete an upload", status_code=204, response_class=Response)
async def delete(upload_id: str, service: Service, caller: Uploader, tus_resumable: tus.Tus = None) -> Response:
    """Whole or not; jobs that begin with it have what they need."""
    tus.check_version(tus_resumable, needed=False)
    await service.uploads.delete(upload_id, caller)
    return Response(status_code=204)


@router.post("/{upload_id}", include_in_schema=False)
async def overridden(
    upload_id: str,
    request: Request,
    service: Service,
    caller: Uploader,
    tus_resumable: tus.Tus = None,
    upload_offset: tus.Offset = None,
    upload_checksum: tus.Check = None,
) -> Response:
    """PATCH and DELETE of clients that cannot say so (tus' `X-HTTP-Method-Override`)."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await append(upload_id, request, service, caller, tus_resumable, upload_offset, upload_checksum)
    if method == "DELETE":
        return await delete(upload_id, service, caller, tus_resumable)
    message = f"X-HTTP-Method-Override is PATCH or DELETE here, not {shown(method)}."
    raise InvalidRequest(message, "x-http-method-override")


async def _appended(
    request: Request, service: VideoService, caller: Caller, upload_id: str, offset: int, checksum: str | None
) -> FileUpload:
    wanted = None if checksum is None else checksum_of(checksum)
    try:
        return await service.uploads.append(upload_id, caller, offset, tus.chunk_of(request), wanted)
    except Interrupted as left:
        raise ClientDisconnect from left


def _headers(upload: FileUpload) -> dict[str, str]:
    return {"upload-offset": str(upload.offset), "upload-expires": formatdate(upload.expires_at, usegmt=True)}


def upload_object(upload: FileUpload) -> Upload:
    """As clients see it."""
    head = upload.picture
    return Upload(
        id=upload.id,
        status="completed" if upload.whole else "pending",
        bytes=upload.length,
        offset=upload.offset,
        created_at=int(upload.created_at),
        expires_at=int(upload.expires_at),
        content_type=None if head is None else head.content_type,
        width=None if head is None or head.is_video else head.width,
        height=None if head is None or head.is_video else head.height,
        metadata=tus.read_metadata(upload.metadata),
    )
