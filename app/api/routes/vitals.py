"""Web Vitals of the page: a browser's measurements come in, one observation each goes to the histograms."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Who
from app.api.dependencies import Config, Service
from app.api.openapi import ERRORS
from app.api.problems import sentence
from app.errors import InvalidRequest, NotFound, PayloadTooLarge
from app.telemetry import VITAL_RATINGS, VITAL_SECONDS, VITAL_SHIFT, figure, observed
from app.telemetry.table import RATINGS

router = APIRouter(tags=["operate"], responses=ERRORS)
MOST_BYTES = 4096
MOST_MS, MOST_SHIFT = 600_000.0, 100.0
THRESHOLDS: Final = {
    "CLS": (0.1, 0.25),
    "FCP": (1800, 3000),
    "INP": (200, 500),
    "LCP": (2500, 4000),
    "TTFB": (800, 1800),
}
"""Up to the first it is good, above the second poor. https://web.dev/articles/vitals"""


class Vitals(BaseModel):
    """What a page measured of itself, as the `web-vitals` package names it; what is left out was not measured."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    CLS: float | None = Field(None, ge=0, le=MOST_SHIFT, description="Cumulative Layout Shift, a score")
    FCP: float | None = Field(None, ge=0, le=MOST_MS, description="First Contentful Paint, in milliseconds")
    INP: float | None = Field(None, ge=0, le=MOST_MS, description="Interaction to Next Paint, in milliseconds")
    LCP: float | None = Field(None, ge=0, le=MOST_MS, description="Largest Contentful Paint, in milliseconds")
    TTFB: float | None = Field(None, ge=0, le=MOST_MS, description="Time to First Byte, in milliseconds")


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Vitals.model_json_schema()}}}}


@router.post("/api/vitals", summary="Report Web Vitals", status_code=204, openapi_extra=_BODY, response_class=Response)
async def report(request: Request, service: Service, settings: Config, _: Who) -> Response:
    """The page reports what it measured; only sums are kept. 404 where `KINORAY_WEB_VITALS` is off."""
    if not settings.web_vitals:
        raise NotFound("This service keeps no Web Vitals.")
    await service.ports.meter.add(figures_of(_parsed(await _body(request))))
    return Response(status_code=204)


def figures_of(vitals: Vitals) -> dict[str, float]:
    """What one report adds. The rating is ours: a browser's word for it would be whatever it likes."""
    found: dict[str, float] = {}
    for name, value in vitals.model_dump(exclude_none=True).items():
        good, poor = THRESHOLDS[name]
        rating = RATINGS[(value > good) + (value > poor)]
        found |= {figure(VITAL_RATINGS, name, rating): 1.0}
        found |= observed(VITAL_SHIFT, value) if name == "CLS" else observed(VITAL_SECONDS, value / 1000, name)
    return found


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise PayloadTooLarge(f"A report has at most {MOST_BYTES:,} bytes.")
    return bytes(body)


def _parsed(body: bytes) -> Vitals:
    try:
        return Vitals.model_validate_json(body)
    except ValidationError as error:
        message, name = sentence(error.errors(include_url=False, include_input=False)[0])
        raise InvalidRequest(message, name) from error
