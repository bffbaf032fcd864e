"""The route of a new video: a repeat costs so little that the framework's search for arguments is a part of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.access.scopes import VIDEOS_WRITE, require
from app.api.auth import caller_of
from app.api.public_url import KEY
from app.api.requests.idempotency import idempotency_key
from app.service.videos import VideoService
from app.settings import Settings

Handler = Callable[[Request], Awaitable[Response]]


class CreateRoute(APIRoute):
    """A POST of a video, as documented; without a query its arguments are found here, in the order of its signature.

    As `LookRoute`: what is answered and refused is the same.
    """

    def get_route_handler(self) -> Handler:  # type: ignore[override]
        """The handler of a request that the route has matched."""
        with_query: Handler = super().get_route_handler()
        endpoint = cast(Callable[..., Awaitable[Response]], self.endpoint)

        async def handler(request: Request) -> Response:
            if request.scope["query_string"]:
                return await with_query(request)
            state = request.app.state
            service, settings = cast(VideoService, state.service), cast(Settings, state.settings)
            base = cast(str, request.scope[KEY])
            caller = await caller_of(request, settings)
            require(caller, [VIDEOS_WRITE])
            return await endpoint(request, service, settings, base, caller, await idempotency_key(request))

        return handler
