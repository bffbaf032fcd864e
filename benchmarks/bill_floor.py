"""The floor of the bill: the same verbs on a bare FastAPI deployment in the same Serve, without look-up or record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import FastAPI
from ray import serve
from ray.serve import Application
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

NAME = "floor"
STREAM_EVERY_S = 0.25
_TYPE = "application/json"


class Floor:
    """Answers with what it was last given to answer with: no look-up, no record, no checks."""

    def __init__(self) -> None:
        self._answer = b"{}"
        app = FastAPI()
        app.add_api_route("/videos/{video_id}", self.put, methods=["PUT"])
        app.add_api_route("/videos", self.post, methods=["POST"])
        app.add_api_route("/videos/{video_id}", self.get, methods=["GET"])
        app.add_api_route("/videos/{video_id}/events", self.events, methods=["GET"])
        self._app = app

    async def put(self, video_id: str, request: Request) -> Response:
        self._answer = await request.body()
        return Response(status_code=204)

    async def post(self, request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(self._answer, media_type=_TYPE)

    async def get(self, video_id: str) -> Response:
        return Response(self._answer, media_type=_TYPE)

    async def events(self, video_id: str, count: int) -> Response:
        return StreamingResponse(self._told(count), media_type="text/event-stream")

    async def _told(self, count: int) -> AsyncIterator[bytes]:
        yield b"event: snapshot\r\ndata: " + self._answer + b"\r\n\r\n"
        for number in range(count):
            await asyncio.sleep(STREAM_EVERY_S)
            step = orjson.dumps({"step": number, "total_steps": count, "eta_s": 1.0, "at": 1.0})
            yield b"event: step\r\ndata: " + step + b"\r\n\r\n"

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._app


def floor(router: dict[str, Any]) -> Application:
    """With the resources and the runtime environment of the Router's row in the config."""
    options = {name: router[name] for name in ("max_ongoing_requests", "ray_actor_options")}
    return serve.deployment(serve.ingress()(Floor), name="Floor", **options).bind()
