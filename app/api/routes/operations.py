"""For those who run the service: is it well, what has it done, and what would it do with a prompt."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.auth import Reader, StatsReader
from app.api.dependencies import Config, Service
from app.api.health import HealthBody, LiveBody, ReadyBody, health, readiness
from app.api.metrics import metrics
from app.api.openapi import ERRORS, EXAMPLES, form_or_json, query_of
from app.api.plan_schemas import PlannedVideo
from app.api.prepared_schema import planned_picture
from app.api.requests.body import body_fields, query_fields
from app.api.requests.fields import ALIASES, PICTURE, Fields
from app.api.requests.input_image import request_with_reference
from app.api.requests.schemas import CreateVideo
from app.api.standing import completed, statuses_of
from app.api.stats import Stats, stats
from app.plan.explain import describe
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller

router = APIRouter(tags=["operate"], responses=ERRORS)


@router.get(
    "/health",
    summary="How the service is, by component",
    responses={200: {"model": HealthBody}, 503: {"model": HealthBody}},
)
async def is_well(
    request: Request,
    pool: Annotated[str | None, Query(description="Be 503 unless this pool takes jobs")] = None,
) -> Response:
    """200 when videos can be made; else 503 with the components that are not well, since when, and why; and a score.

    Where some models can be made and others not, it is 200 with status `degraded`, and says which pools, and why.
    """
    status, body = await health(request.app.state.checks, pool=pool)
    body = await completed(body, request.app.state.since)
    return JSONResponse(body, status, {"cache-control": "no-store"})


@router.get("/health/live", summary="Whether it answers")
async def is_alive(response: Response) -> LiveBody:
    """Always 200: requests reach a Router. It looks at nothing else, and costs nothing."""
    response.headers["cache-control"] = "no-store"
    return LiveBody(status="ok")


@router.get(
    "/health/ready",
    summary="Whether new videos would be made",
    responses={200: {"model": ReadyBody}, 503: {"model": ReadyBody}},
)
async def is_ready(
    request: Request,
    pool: Annotated[str | None, Query(description="Be 503 unless this pool takes jobs")] = None,
) -> Response:
    """200 when all that makes videos is well and a pool takes jobs, or the one asked for; else 503, and why.

    A pool of which all replicas are leaving takes none. Videos that are there can be read nevertheless.
    """
    status, found = await health(request.app.state.checks, pool=pool)
    await request.app.state.since.see(statuses_of(found["components"]))
    status, body = readiness(status, found)
    return JSONResponse(body, status, {"cache-control": "no-store"})


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def scraped(request: Request, service: Service) -> Response:
    """Counters since the store began, the line, the replicas and the caches; `docs/metrics.md` says what each is.

    Prometheus with native histograms switched on is answered in its protobuf form, which has those.
    """
    content, kind = await metrics(service, request.headers.get("accept", ""))
    return Response(content, headers={"content-type": kind})


@router.get("/api/stats", summary="Figures as JSON")
async def figures(service: Service, caller: StatsReader) -> Stats:
    """What planning and the caches have saved, jobs by outcome, the line, the replicas, and your own share.

    Without the scope `operate`: your tenant's jobs and share alone.
    """
    return await stats(service, caller)


@router.get("/api/optimization/analyze", summary="Plan without making", openapi_extra=query_of(CreateVideo, ALIASES))
async def analyze(request: Request, service: Service, settings: Config, caller: Reader) -> PlannedVideo:
    """What a request would get, and why; it takes the fields of POST /v1/videos."""
    return await _analysis(query_fields(request), service, settings, caller)


@router.post(
    "/api/optimization/analyze",
    summary="Plan without making",
    openapi_extra=form_or_json(CreateVideo, EXAMPLES, ALIASES, PICTURE),
)
async def analyze_body(request: Request, service: Service, settings: Config, caller: Reader) -> PlannedVideo:
    """The same, with the fields in the body."""
    return await _analysis(await body_fields(request), service, settings, caller)


async def _analysis(fields: Fields, service: VideoService, settings: Settings, caller: Caller) -> PlannedVideo:
    asked, reference = request_with_reference(fields, settings.max_prompt_chars)
    plan, picture = await service.analyze_shown(asked, caller, reference)
    return PlannedVideo(
        prompt=plan.prompt,
        seed_text=str(plan.sampling.seed),
        prepared=planned_picture(plan.prepared, picture),
        **describe(plan),
    )
