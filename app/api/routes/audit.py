"""The audit log for operators: filters come in, a page of what was done by whom goes out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.access.audit.entry import AuditEntry, AuditFilter
from app.api.auth import Operator
from app.api.dependencies import Entry
from app.api.openapi import ERRORS

router = APIRouter(prefix="/v1/audit", tags=["keys"], responses=ERRORS)
MOST_LISTED = 500


class AuditRecord(BaseModel):
    """One thing that was done, or refused."""

    id: str = Field(description="What `after` names")
    object: Literal["audit.entry"] = "audit.entry"
    at: float = Field(description="Unix seconds")
    action: str = Field(description="Method and route", examples=["DELETE /v1/videos/{video_id}"])
    resource: str | None = Field(description="The id of what it was done to, or of what was made")
    outcome: str = Field(description="done, refused or failed")
    status: int = Field(description="Of HTTP")
    code: str | None = Field(description="Why it was refused")
    tenant: str | None = Field(description="null: nobody with a valid key")
    key_id: str | None = Field(description="null: without a key")
    address: str = Field(description="The client's, as far as `KINORAY_TRUSTED_PROXIES` lets it be known")
    request_id: str = Field(description="As in `x-request-id`")
    untold: int = Field(description="Refusals of strangers before this one that were too many to be written")


class AuditList(BaseModel):
    """A page of the log; `last_id` is the `after` of the next, which a page without entries may have, too."""

    object: Literal["list"] = "list"
    data: list[AuditRecord]
    first_id: str | None
    last_id: str | None
    has_more: bool


Word = Annotated[str | None, Query(max_length=100)]


@router.get("", summary="What was done by whom")
async def entries(
    access: Entry,
    caller: Operator,
    after: Annotated[str | None, Query(description="The last id of the page before; empty: the first page")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    order: Annotated[Literal["asc", "desc"], Query(description="By time")] = "desc",
    tenant: Annotated[Word, Query(description="Only what this tenant did")] = None,
    key_id: Annotated[Word, Query(description="Only what was done with this key")] = None,
    action: Annotated[Word, Query(description="Only actions with this in them, such as `DELETE` or `/keys`")] = None,
    outcome: Annotated[Literal["done", "refused", "failed"] | None, Query(description="Only these")] = None,
    resource: Annotated[Word, Query(description="Only what was done to this id")] = None,
    since: Annotated[float | None, Query(ge=0, description="Unix seconds; from then on")] = None,
    until: Annotated[float | None, Query(ge=0, description="Unix seconds; before then")] = None,
) -> AuditList:
    """All requests that change something, and those that were turned away; newest first. Never a prompt or a key.

    An entry appears within a second of the answer. With filters a page may have fewer entries than asked for, and more
    behind it: `has_more` says so.
    """
    wanted = AuditFilter(tenant, key_id, action, outcome, resource, since, until)
    await access.writer.flush()
    page = await access.audit.page(wanted, after or None, limit, order == "desc")
    data = [_record(entry_id, entry) for entry_id, entry in page.entries]
    last = page.after or (data[-1].id if data else None)
    return AuditList(data=data, first_id=data[0].id if data else None, last_id=last, has_more=page.after is not None)


def _record(entry_id: str, entry: AuditEntry) -> AuditRecord:
    return AuditRecord(
        id=entry_id,
        at=entry.at,
        action=entry.action,
        resource=entry.resource,
        outcome=entry.outcome,
        status=entry.status,
        code=entry.code,
        tenant=entry.tenant,
        key_id=entry.key_id,
        address=entry.address,
        request_id=entry.request_id,
        untold=entry.untold,
    )
