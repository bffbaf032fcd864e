"""What routes are given by type: the service and the settings that the application was created with."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from app.service import VideoService
from app.settings import Settings


def _service(request: Request) -> VideoService:
    return cast(VideoService, request.app.state.service)


def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


Service = Annotated[VideoService, Depends(_service)]
Config = Annotated[Settings, Depends(_settings)]
