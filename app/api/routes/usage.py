"""What a tenant has used: days come in, figures by day, model and key go out, as JSON or CSV."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from app.access.scopes import require
from app.api.auth import StatsReader
from app.api.dependencies import Service
from app.api.openapi import ERRORS
from app.errors import InvalidRequest
from app.jobs.quotas import label
from app.service.usage_report import BY, as_csv, grouped, total
from app.types.words import OPERATE

router = APIRouter(prefix="/v1", tags=["operate"], responses=ERRORS)

MOST_DAYS: Final = 1000
USUAL_DAYS: Final = 30
CSV: Final = "text/csv"


class UsageRow(BaseModel):
    """What was used; of `day`, `tenant`, `model` and `key` those are there that rows are summed by."""

    day: str | None = Field(None, description="As UTC has it, such as 2026-11-28")
    tenant: str | None = Field(None, description="Whose it was")
    model: str | None = Field(None, description="The model")
    key: str | None = Field(None, description="The id of the key that asked; empty where nobody needs one")
    jobs: int = Field(description="Jobs that ended")
    completed: int = Field(description="Of these, with a video")
    failed: int = Field(description="Of these, without one, cancelled ones too")
    cache_hits: int = Field(description="Of these, answered with a video that was there or being made already")
    steps: int = Field(description="Steps walked, those forecast too")
    evaluations: int = Field(description="Runs of the denoiser")
    device_seconds: float = Field(description="Time of devices")
    money: float = Field(description="Their price, where KINORAY_PRICE_PER_DEVICE_HOUR says one")
    bytes: int = Field(description="Bytes stored")
    video_seconds: float = Field(description="Playing time of the completed videos")


class QuotaRow(BaseModel):
    """A quota, and how much of it is used."""

    limit: str = Field(description="Its name in KINORAY_LIMITS", examples=["limits.tenant.day.step_seconds"])
    most: float = Field(description="How much there is")
    used: float = Field(description="How much of it was used")
    resets_at: int = Field(description="When nothing of it will be used, Unix seconds")


class Usage(BaseModel):
    """Rows in order, their sum, and your own quotas."""

    object: Literal["list"] = "list"
    data: list[UsageRow]
    total: UsageRow = Field(description="The sums of all rows")
    quotas: list[QuotaRow] = Field(description="Your own, of today and of this month")


@router.get(
    "/usage",
    summary="What was used, by day, model and key",
    response_model=Usage,
    response_model_exclude_none=True,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}},
)
async def usage(
    service: Service,
    caller: StatsReader,
    first: Annotated[str | None, Query(alias="from", description="The first day, such as 2026-11-01")] = None,
    last: Annotated[str | None, Query(alias="to", description="The last day, which counts, too; today")] = None,
    group_by: Annotated[str, Query(description="Some of day, tenant, model and key, with commas")] = "day,model",
    tenant: Annotated[str | None, Query(description="For operators: another tenant, or * for all")] = None,
    as_: Annotated[Literal["json", "csv"] | None, Query(alias="format", description="Or by `Accept`")] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Jobs count on the day on which they end; days are those of UTC, and are told while they go on.

    Without `from`, the last thirty. In CSV no value begins as a formula does: such names have a `'` before them.
    """
    by = _by(group_by)
    begin, end = _days(first, last, service.now())
    if tenant is not None and tenant != caller.tenant:
        require(caller, (OPERATE,))
    rows = await service.used(None if tenant == "*" else tenant or caller.tenant, begin, end)
    data = grouped(rows, by)
    if as_ == "csv" or (as_ is None and _prefers_csv(accept)):
        return Response(as_csv(data, by), media_type=CSV, headers={"content-disposition": _named(begin, end)})
    quotas = [
        QuotaRow(limit=each.limit, most=each.most, used=round(each.used, 6), resets_at=round(each.resets_at))
        for each in await service.quotas(caller)
    ]
    told = Usage(
        data=[UsageRow.model_validate(row) for row in data],
        total=UsageRow.model_validate(total(rows)),
        quotas=quotas,
    )
    return JSONResponse(told.model_dump(exclude_none=True))


def _by(group_by: str) -> list[str]:
    """What rows are summed by. Raises InvalidRequest."""
    by = [each.strip() for each in group_by.split(",") if each.strip()]
    for each in by:
        if each not in BY:
            raise InvalidRequest(f"group_by takes {', '.join(BY)}, not {each[:40]!r}.", "group_by")
    return list(dict.fromkeys(by))


def _days(first: str | None, last: str | None, now: float) -> tuple[str, str]:
    """The first and the last day. Raises InvalidRequest."""
    end = _day(last, "to") if last else dt.date.fromisoformat(label("day", now))
    begin = _day(first, "from") if first else end - dt.timedelta(days=min(USUAL_DAYS - 1, (end - dt.date.min).days))
    if begin > end:
        raise InvalidRequest("from must not be after to.", "from")
    if (end - begin).days >= MOST_DAYS:
        raise InvalidRequest(f"from and to may be {MOST_DAYS} days apart at most.", "from")
    return begin.isoformat(), end.isoformat()


def _day(written: str, name: str) -> dt.date:
    try:
        if len(written) != len("2026-11-28"):
            raise ValueError(written)
        return dt.date.fromisoformat(written)
    except ValueError:
        raise InvalidRequest(f"{name} must be a day such as 2026-11-28.", name) from None


def _prefers_csv(accept: str) -> bool:
    """Whether CSV is asked for by name, and JSON is not."""
    kinds = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    return CSV in kinds and "application/json" not in kinds


def _named(begin: str, end: str) -> str:
    return f'attachment; filename="usage-{begin}-{end}.csv"'
