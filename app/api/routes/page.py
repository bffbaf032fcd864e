"""The page at `/`: the studio's files, with a policy that lets them talk to this server only."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.api.compression import takes_gzip
from app.api.requests.conditional import matches
from app.api.studio_files import StudioTexts

STUDIO = Path(str(files("app.studio")))
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types worker"
)
"""No script or style in the markup, nothing from elsewhere, and no text that a script could make into markup.

The one address that may become a script is the service worker's, a constant (`app/studio/install.js`).
"""

router = APIRouter(include_in_schema=False)


_TEXTS = StudioTexts(STUDIO)
_ASKED_ANEW = {"cache-control": "no-cache", "vary": "Accept-Encoding"}


@router.get("/")
async def page(request: Request) -> Response:
    """The studio."""
    return _answer("index.html", request, {"content-security-policy": POLICY, "x-content-type-options": "nosniff"})


def _answer(name: str, request: Request, headers: Mapping[str, str]) -> Response:
    """A text as this client takes it, or that it has it already. Raises HTTPException, 404."""
    text = _TEXTS.get(name)
    if text is None:
        raise HTTPException(404)
    headers = {**_ASKED_ANEW, **headers, "etag": text.etag}
    known = request.headers.get("if-none-match")
    if known is not None and matches(known, text.etag):
        return Response(status_code=304, headers=headers)
    if text.packed is not text.plain and takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(text.packed, headers={**headers, "content-encoding": "gzip"}, media_type=text.media_type)
    return Response(text.plain, headers=headers, media_type=text.media_type)


class StudioFiles(StaticFiles):
    """The page's files: a browser asks for each, lest it mix two versions, and need not load what is as it has it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        # What it keeps is the page above it, too.
        headers = {"service-worker-allowed": "../"} if path == "sw.js" else {}
        if scope["method"] in ("GET", "HEAD") and _TEXTS.get(path) is not None:
            return _answer(path, Request(scope), headers)
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "no-cache"
        return answer

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        given = request_headers.get("if-none-match")
        if given is None:
            return super().is_not_modified(response_headers, request_headers)
        return matches(given, response_headers["etag"])


def add_studio_files(app: FastAPI) -> None:
    """What the page loads."""
    app.mount("/studio", StudioFiles(directory=STUDIO), name="studio")
