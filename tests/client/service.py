"""A tiny service that speaks the API's shapes over real HTTP; tests script what it says and read what it heard."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

CONTENT = bytes(range(256)) * 4000
HUNDREDTH = 0.01  # of the time that a client says it will wait, a video takes here
DONE = {"status": "completed", "phase": "completed", "progress": 100, "step": 3}
CANCELLED = {"status": "failed", "phase": "failed", "error": {"code": "cancelled", "message": "The job was cancelled."}}
STORY: list[tuple[str, dict[str, Any]]] = [
    ("queue", {"position": 1, "eta_s": 4.0}),
    ("phase", {"phase": "denoising"}),
    ("step", {"step": 1, "total_steps": 3, "eta_s": 2.0}),
    ("step", {"step": 2, "total_steps": 3, "eta_s": 1.0}),
    ("step", {"step": 3, "total_steps": 3, "eta_s": 0.0}),
    ("end", {"status": "completed"}),
]
OPTIMIZATION = {
    "complexity_score": 2,
    "complexity": "simple",
    "factors": [{"name": "motion", "score": 2, "found": ["bounces"]}],
    "tier": "standard",
    "asked_tier": "auto",
    "steps": 25,
    "budget": 18,
    "fixed_default_steps": 50,
    "steps_saved_share": 0.64,
    "estimated_seconds": 3.1,
    "reasons": ["One subject, one motion."],
}
CACHES = {
    "hits": 7,
    "healthy": False,
    "levels": {"results": {"hits": 7, "hit_rate": 0.5, "size_bytes": 9000, "evictions": 3, "saved_money": None}},
}
VOICE = {"id": "en", "object": "voice", "language": "en", "name": "English"}
STYLE = {
    "id": "commercial",
    "object": "style",
    "name": "Commercial",
    "description": "A product \x1b[31mshot.",
    "owner": "server",
    "tier": "premium",
    "uses": 7,
    "your_uses": 2,
    "a_newer_field": 1,
}
REPORT = {
    "object": "video.report",
    "model": "kinoray-shapes",
    "status": "completed",
    "phase": "completed",
    "received_at": 1763000000.0,
    "completed_at": 1763000010.0,
    "total_s": 10.0,
    "step": 3,
    "total_steps": 3,
    "device_seconds": 6.5,
    "trace_id": None,
    "bottleneck": {"name": "steps", "duration_s": 6.0, "share": 0.6, "sentence": "60% of 10 s went into denoising."},
    "cache": {"kind": "none", "hit": False, "embedding_hit": True, "made_by": None},
    "stages": [
        {"name": "received", "offset_s": 0.0, "duration_s": 0.0, "host_memory_bytes": 2**20},
        {"name": "line", "offset_s": 0.1, "duration_s": 3.0, "attempt": 1},
        {"name": "steps", "offset_s": 3.1, "duration_s": 6.0, "attempt": 1, "host_memory_bytes": 2**30},
        {"name": "closed", "offset_s": 10.0, "duration_s": 0.0, "note": None},
        {"name": "webhook", "offset_s": 10.0, "duration_s": None, "note": "waiting\x1b[31m"},
    ],
    "waits": [{"cause": "line", "offset_s": 0.1, "duration_s": 3.0, "attempt": 1, "why": "It waited.", "by": []}],
    "attempts": [
        {
            "number": 1,
            "fence": 1,
            "replica": "r1",
            "outcome": "completed",
            "batches": [{"batch": 4, "steps": 2, "took_s": 5.0}, {"batch": 0, "steps": 1, "took_s": 0.0}],
        }
    ],
    "a_newer_field": 1,
}
Told = tuple[int, dict[str, Any], dict[str, str]]  # status, body, headers


def video(video_id: str, **said: Any) -> dict[str, Any]:
    """A Video object as it goes over the wire."""
    base: dict[str, Any] = {
        "id": video_id,
        "object": "video",
        "model": "kinoray-shapes",
        "prompt": "a red ball",
        "status": "queued",
        "phase": "queued",
        "progress": 0,
        "created_at": 1763000000,
        "completed_at": None,
        "seconds": "2.125",
        "size": "64x64",
        "step": 0,
        "total_steps": 3,
        "queue_position": 1,
        "error": None,
        "cache": {"kind": "none", "hit": False, "saved_step_seconds": 0.0, "embedding_hit": None},
        "optimization": OPTIMIZATION,
        "a_newer_field": {"nested": 1},
    }
    return base | said


@dataclass
class Service:
    """What the service knows, is told to do, and has heard."""

    url: str = ""
    videos: dict[str, dict[str, Any]] = field(default_factory=dict)
    styles: dict[str, dict[str, Any]] = field(default_factory=lambda: {"commercial": STYLE})
    story: list[tuple[str, dict[str, Any]]] = field(default_factory=lambda: list(STORY))
    ending: dict[str, Any] = field(default_factory=lambda: dict(DONE))
    drop_after: deque[int] = field(default_factory=deque)  # events before each of the next connections breaks
    stall_after: int | None = None  # events before the stream says nothing more
    refusals: deque[Told] = field(default_factory=deque)  # told instead of answering the next requests
    torn_downloads: int = 0
    hold_cancel: bool = False  # a cancellation is not answered while it is
    warnings: list[dict[str, Any]] = field(default_factory=list)  # of each video that is asked for
    well: bool = True
    report: dict[str, Any] = field(default_factory=lambda: dict(REPORT))
    cost: float = 0.0  # of each video that is made
    heard: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """Note the request, refuse it if told to, else hand it to its route."""
        path, method = request.url.path, request.method
        self.heard.append((method, path))
        self.headers.append(dict(request.headers))
        if self.refusals:
            status, body, headers = self.refusals.popleft()
            return JSONResponse(body, status, headers)
        if path.startswith("/v1/videos"):
            return await self._videos(request, path.removeprefix("/v1/videos").strip("/").split("/"))
        if path == "/api/cache" and method == "DELETE":
            return JSONResponse({"object": "cache.cleared", "level": request.query_params.get("level"), "removed": 7})
        if path.startswith("/v1/styles") and method != "GET":
            return await self._styles(request, path.removeprefix("/v1/styles").strip("/").split("/"))
        return self._facts(request, path)

    def _facts(self, request: Request, path: str) -> Response:
        told: dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [{"id": "kinoray-shapes"}]},
            "/v1/voices": {"object": "list", "available": True, "data": [VOICE]},
            "/v1/styles": {"object": "list", "data": list(self.styles.values())},
            "/v1/styles/recommend": {
                "object": "list",
                "data": [{"style": STYLE, "score": 0.41, "reason": "It is near."}],
            },
            "/api/stats": {"optimization": {"steps_saved_share": 0.5}, "cache_stats": CACHES},
            "/api/optimization/analyze": {"prompt": request.query_params.get("prompt"), **OPTIMIZATION},
            "/health": {"status": "ok" if self.well else "degraded", "components": {"redis": {"ok": self.well}}},
        }
        if path not in told:
            return Response("<html>not found</html>", 404)
        return JSONResponse(told[path], 503 if path == "/health" and not self.well else 200)

    async def _videos(self, request: Request, parts: list[str]) -> Response:
        video_id, what = parts[0], "/".join(parts[1:])
        if not video_id:
            return await self._create(request) if request.method == "POST" else self._list(request)
        if video_id not in self.videos:
            error = {"code": "video_not_found", "message": f"No video {video_id}", "param": None}
            return JSONResponse({"error": error}, 404)
        if request.method in ("DELETE", "PATCH"):
            return await self._changed(request, video_id)
        if what == "cancel":
            await self._cancel(video_id)
        if what == "feedback":
            self.bodies.append(await request.json())
            return JSONResponse({"id": video_id, "object": "video.feedback", **self.bodies[-1]})
        if what in ("remix", "extend"):
            return await self._create(request, remixed_from_video_id=video_id)
        if what == "events":
            return self._events(video_id, request.headers.get("last-event-id"))
        if what == "content":
            return self._content(request)
        if what in ("report", "request"):
            asked = {"path": "/v1/videos", "body": self.bodies[-1] if self.bodies else {}, "exact": True}
            return JSONResponse({"id": video_id, **self.report} if what == "report" else asked)
        return await self._looked_at(video_id, float(request.query_params.get("wait", 0)))

    async def _looked_at(self, video_id: str, wait_s: float) -> Response:
        if wait_s:
            await asyncio.sleep(HUNDREDTH * wait_s)
            self.videos[video_id] |= self.ending
        return JSONResponse(self.videos[video_id])

    async def _cancel(self, video_id: str) -> None:
        while self.hold_cancel:
            await asyncio.sleep(0.01)
        if self.videos[video_id]["status"] in ("queued", "in_progress"):
            self.videos[video_id] |= CANCELLED

    async def _changed(self, request: Request, video_id: str) -> Response:
        if request.method == "PATCH":
            self.bodies.append(await request.json())
            self.videos[video_id] |= self.bodies[-1]
            return JSONResponse(self.videos[video_id])
        del self.videos[video_id]
        return JSONResponse({"id": video_id, "object": "video.deleted", "deleted": True})

    async def _styles(self, request: Request, parts: list[str]) -> Response:
        if not parts[0]:
            self.bodies.append(await request.json())
            self.styles["style_1"] = {**STYLE, "id": "style_1", "owner": "you", "shared": False, **self.bodies[-1]}
            return JSONResponse(self.styles["style_1"])
        if parts[1:] == ["share"]:
            self.styles[parts[0]] |= {"shared": request.method == "POST"}
            return JSONResponse(self.styles[parts[0]])
        del self.styles[parts[0]]
        return JSONResponse({"id": parts[0], "object": "style.deleted", "deleted": True})

    async def _create(self, request: Request, **more: Any) -> Response:
        body = await request.json()
        self.bodies.append(body)
        made = video(f"video_{len(self.videos) + 1}", prompt=body["prompt"], warnings=self.warnings, **more)
        made |= {"cost": self.cost, "device_seconds": 2.0}
        self.videos[made["id"]] = made
        return JSONResponse(made)

    def _list(self, request: Request) -> Response:
        ids = list(self.videos)
        if request.query_params["order"] == "desc":
            ids.reverse()
        after = request.query_params.get("after")
        ids = ids[ids.index(after) + 1 :] if after else ids
        limit = int(request.query_params["limit"])
        tags = set(request.query_params.getlist("tag"))
        ids = [each for each in ids if tags <= set(self.videos[each].get("tags", ()))]
        if request.query_params.get("favourite") == "true":
            ids = [each for each in ids if self.videos[each].get("favourite")]
        data = [self.videos[each] for each in ids[:limit]]
        return JSONResponse({"object": "list", "data": data, "has_more": len(ids) > limit})

    def _content(self, request: Request) -> Response:
        variant = request.query_params["variant"].encode()
        if self.torn_downloads:
            self.torn_downloads -= 1
            return StreamingResponse(_torn(), headers={"content-length": str(len(CONTENT))})
        return Response(variant + CONTENT, media_type="video/mp4")

    def _events(self, video_id: str, last: str | None) -> Response:
        if int(last or 0) >= len(self.story):
            return Response(status_code=204)
        drop = self.drop_after.popleft() if self.drop_after else None
        return StreamingResponse(self._tell(video_id, int(last or 0), drop), media_type="text/event-stream")

    async def _tell(self, video_id: str, last: int, drop: int | None) -> AsyncIterator[str]:
        yield f"event: snapshot\ndata: {json.dumps(self.videos[video_id])}\n\n"
        for number, (kind, data) in enumerate(self.story[last:], last + 1):
            if drop == number - last - 1:
                raise ConnectionError("dropped on purpose")
            while self.stall_after is not None and number > self.stall_after:
                yield ": ping\n\n"
                await asyncio.sleep(0.05)
            if kind == "end":
                self.videos[video_id] |= self.ending
            yield f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"


async def _torn() -> AsyncIterator[bytes]:
    yield CONTENT[:1000]
    raise ConnectionError("torn on purpose")


class Door:
    """One listening server for all tests; behind it stands the service of the test that runs."""

    def __init__(self) -> None:
        self.service = Service()
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "PATCH", "DELETE"])])

    async def _answer(self, request: Request) -> Response:
        return await self.service.answer(request)
