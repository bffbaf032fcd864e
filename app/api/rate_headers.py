"""Who asks too often is told so, and everybody how much is left: OpenAI's `x-ratelimit-*` headers on every answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, cast

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.rate_limits import RateLimiter, Standing
from app.api.route_outcomes import makes_jobs
from app.errors import KinorayError
from app.jobs.quotas import Standing as QuotaStanding
from app.service.videos import VideoService
from app.settings.limits import RouteClass
from app.types import Caller

STATS: Final = frozenset({"/api/stats", "/v1/usage", "/v1/audit", "/api/cache/stats"})
SPEAKS: Final = "/v1/voices/preview"
"""It makes no job, and takes a processor as one that does."""
_STANDING: Final = "rate_standing"  # of the state of a request
_CALLER: Final = "caller"


def route_class(method: str, path: str) -> RouteClass:
    """What a route counts as; `path` as the document has it."""
    if makes_jobs(method, path) or path == SPEAKS:
        return "submit"
    return "stats" if path in STATS else "read"


async def permit(connection: HTTPConnection, caller: Caller) -> None:
    """Count one request of the caller. Raises RateLimited, and StoreUnavailable where that is to refuse."""
    rates = cast(RateLimiter, connection.app.state.rates)
    standing = await rates.take(caller, _class_of(connection.scope))
    if standing is not None:
        setattr(connection.state, _STANDING, standing)
        if standing.refused is not None:
            raise standing.refused


def _class_of(scope: Scope) -> RouteClass:
    path = str(getattr(scope.get("route"), "path", scope["path"]))
    return route_class(scope.get("method", "GET"), path)


class RateHeaders:
    """ASGI middleware: adds how the caller stands; with step-seconds, where those are limited and a video was asked."""

    def __init__(self, app: ASGIApp, service: VideoService) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                state: Mapping[str, object] = scope.get("state", {})
                if isinstance(standing := state.get(_STANDING), Standing):
                    MutableHeaders(scope=message).update(headers_of(standing))
                if isinstance(caller := state.get(_CALLER), Caller) and _class_of(scope) == "submit":
                    MutableHeaders(scope=message).update(await self._of_quotas(caller))
            await send(message)

        await self._app(scope, receive, told)

    async def _of_quotas(self, caller: Caller) -> Mapping[str, str]:
        try:
            return step_second_headers(await self._service.quotas(caller), self._service.now())
        except KinorayError:  # the answer is there, and is not held up by what it says beside
            return {}


def headers_of(standing: Standing) -> dict[str, str]:
    """How a caller stands with its requests."""
    return {
        "x-ratelimit-limit-requests": str(standing.limit),
        "x-ratelimit-remaining-requests": str(standing.remaining),
        "x-ratelimit-reset-requests": duration(standing.reset_s),
    }


def step_second_headers(standings: Sequence[QuotaStanding], now: float) -> dict[str, str]:
    """How it stands with the quota of step-seconds that has the least left."""
    found = [each for each in standings if each.measure == "step_seconds"]
    if not found:
        return {}
    tightest = min(found, key=lambda each: (each.most - each.used, each.resets_at))
    return {
        "x-ratelimit-limit-step-seconds": f"{tightest.most:.12g}",
        "x-ratelimit-remaining-step-seconds": f"{max(0.0, round(tightest.most - tightest.used, 3)):.12g}",
        "x-ratelimit-reset-step-seconds": duration(tightest.resets_at - now),
    }


def duration(seconds: float) -> str:
    """As OpenAI writes it: 120ms, 1s, 6m0s, 1h0m0s; never less than it is."""
    if seconds < 1:
        return f"{math.ceil(1000 * max(0.0, seconds))}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
