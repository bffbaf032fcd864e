"""The page at `/`: the studio's files, with a policy that lets them talk to this server only."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.api.requests.conditional import matches

STUDIO = Path(str(files("app.studio")))
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types worker"
)
"""No script or style in the markup, nothing from elsewhere, and no text that a script could make into markup.

The one address that may become a script is the service worker's, a constant (`app/studio/install.js`).
"""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page(if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """The studio."""
    index = STUDIO / "index.html"
    headers = {"content-security-policy": POLICY, "cache-control": "no-cache", "x-content-type-options": "nosniff"}
    answer = FileResponse(index, headers=headers, stat_result=index.stat())
    if if_none_match is not None and matches(if_none_match, answer.headers["etag"]):
        return Response(status_code=304, headers={**headers, "etag": answer.headers["etag"]})
    return answer


class StudioFiles(StaticFiles):
    """The page's files: a browser asks for each, lest it mix two versions, and need not load what is as it has it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "no-cache"
        if path == "sw.js":
            answer.headers["service-worker-allowed"] = "../"  # what it keeps is the page above it, too
        return answer

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        given = request_headers.get("if-none-match")
        if given is None:
            return super().is_not_modified(response_headers, request_headers)
        return matches(given, response_headers["etag"])


def add_studio_files(app: FastAPI) -> None:
    """What the page loads."""
    app.mount("/studio", StudioFiles(directory=STUDIO), name="studio")
