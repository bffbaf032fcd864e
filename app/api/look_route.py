"""The route of a look at a video: what is asked for most is answered without the framework's search for arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.access.scopes import VIDEOS_READ, require
from app.api.auth import caller_of
from app.api.looks import EndedBodies, look
from app.api.public_url import KEY
from app.jobs.record import check_id
from app.service.videos import VideoService
from app.settings import Settings

Handler = Callable[[Request], Awaitable[Response]]


class LookRoute(APIRoute):
    """A GET of one video, as documented; a look without a query needs nothing of it but the id, and is answered here.

    FastAPI goes through every dependency of a route for each of query, header, cookie and body: more than half of what
    such a look takes in the application (`python -m benchmarks bill`). What is answered and refused is the same.
    """

    def get_route_handler(self) -> Handler:  # type: ignore[override]
        """The handler of a request that the route has matched."""
        with_query: Handler = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if request.scope["query_string"]:
                return await with_query(request)
            state = request.app.state
            service, settings = cast(VideoService, state.service), cast(Settings, state.settings)
            caller = await caller_of(request, settings)
            require(caller, [VIDEOS_READ])
            job = await service.get(check_id(request.path_params["video_id"]), caller)
            bodies, base = cast(EndedBodies, state.ended_bodies), cast(str, request.scope[KEY])
            return await look(job, service, settings, base, bodies, request.headers)

        return handler
