"""LoRAs as a resource: one's own are uploaded, listed, looked at and deleted; the operator's are listed beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from app.api.auth import Uploader
from app.api.dependencies import Config, Service
from app.api.openapi import ERRORS, upload_form
from app.api.requests.lora_upload import UploadLora, received
from app.api.requests.page_query import PageAfter, PageLimit, PageOrder
from app.service.lora_uploads import OperatorLora, Row

LORAS: Final = "/v1/loras"
router = APIRouter(prefix=LORAS, tags=["loras"], responses=ERRORS)


class Lora(BaseModel):
    """A LoRA that requests may name in `loras`, by name or id."""

    id: str
    object: Literal["lora"] = "lora"
    name: str
    model: str = Field(description="The model that it is for")
    owner: Literal["you", "operator"]
    description: str
    created_at: int = Field(description="Unix seconds; 0 for the operator's")
    expires_at: int | None = Field(None, description="Unix seconds; null: it is kept until you delete it")
    bytes: int = Field(0, description="Of its file; 0 for the operator's")
    sha256: str | None = Field(None, description="Of its file")
    layers: int = Field(0, description="How many of the model's layers it changes")
    lost_layers: list[str] = Field([], description="Layers without a place in the model, at most 20 of them")
    ranks: list[int] = Field([], description="Those that occur")
    alphas: list[float] = Field([], description="Those that it states; empty: as the ranks")
    dora: bool = Field(False, description="Whether it has magnitudes")
    dtypes: list[str] = Field([], description="Of its tensors")
    expert: str | None = Field(None, description="Of two transformers, which it is for")
    metadata: dict[str, str] = Field({}, description="What its file's header says beside, shortened")


class LoraList(BaseModel):
    """A page of LoRAs; `last_id` is the `after` of the next."""

    object: Literal["list"] = "list"
    data: list[Lora]
    first_id: str | None
    last_id: str | None
    has_more: bool


class LoraDeleted(BaseModel):
    """What is said of a deleted LoRA."""

    id: str
    object: Literal["lora.deleted"] = "lora.deleted"
    deleted: Literal[True] = True


@router.post("", summary="Upload a LoRA", openapi_extra=upload_form(UploadLora, "file"))
async def upload(request: Request, service: Service, settings: Config, caller: Uploader) -> Lora:
    """Keep a LoRA of your own for one model. When this answers, it was read as the model would, and fits its layers."""
    await service.loras.expect(caller)
    with service.loras.turn():
        async with received(request, settings.lora_upload_max_bytes) as sent:
            return lora_object(await service.loras.keep(sent, caller))


@router.get("", summary="List the LoRAs")
async def list_loras(
    service: Service,
    caller: Uploader,
    after: PageAfter = None,
    limit: PageLimit = 20,
    order: PageOrder = "desc",
) -> LoraList:
    """A page of your own LoRAs, newest first unless told otherwise, and of those of the operator behind them."""
    rows, more = await service.loras.page(caller, after, limit, order == "desc")
    return _listed(rows, more)


@router.get("/{lora}", summary="Look at a LoRA")
async def retrieve(lora: str, service: Service, caller: Uploader) -> Lora:
    """By id or name, your own first."""
    return lora_object(await service.loras.get(lora, caller))


@router.delete("/{lora}", summary="Delete a LoRA")
async def delete(lora: str, service: Service, caller: Uploader) -> LoraDeleted:
    """Only your own. No request can name it any more; jobs that wear it already are made, and then its file goes."""
    return LoraDeleted(id=(await service.loras.delete(lora, caller)).id)


def lora_object(row: Row) -> Lora:
    """As clients see it."""
    if isinstance(row, OperatorLora):
        return Lora(
            id=row.id, name=row.name, model=row.model, owner="operator", description=row.description, created_at=0
        )
    return Lora(
        id=row.id,
        name=row.lora.name,
        model=row.lora.model,
        owner="you",
        description=row.description,
        created_at=int(row.created_at),
        expires_at=None if row.expires_at is None else int(row.expires_at),
        bytes=row.size_bytes,
        sha256=row.lora.sha256,
        layers=row.layers,
        lost_layers=list(row.lost),
        ranks=list(row.ranks),
        alphas=list(row.alphas),
        dora=row.dora,
        dtypes=list(row.dtypes),
        expert=row.lora.expert or None,
        metadata=dict(row.metadata),
    )


def _listed(rows: Sequence[Row], more: bool) -> LoraList:
    data = [lora_object(row) for row in rows]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return LoraList(data=data, first_id=first, last_id=last, has_more=more)
