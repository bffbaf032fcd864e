"""The page at `/`: the studio's files, with a policy that lets them talk to this server only."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

STUDIO = Path(str(files("app.studio")))
POLICY = "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; frame-ancestors 'none'"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """The studio."""
    headers = {"content-security-policy": POLICY, "cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return FileResponse(STUDIO / "index.html", headers=headers)


def add_studio(app: FastAPI) -> None:
    """The page and what it loads."""
    app.include_router(router)
    app.mount("/studio", StaticFiles(directory=STUDIO), name="studio")
