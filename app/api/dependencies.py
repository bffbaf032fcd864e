"""What routes are given by type: the services, who gets in, and the settings that the application was created with."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.access.opening import Access
from app.api.public_url import KEY
from app.service.videos import VideoService
from app.settings import Settings
from app.storyboards.drafting.options import DraftTools
from app.storyboards.storyboards import Storyboards


async def _service(asked: HTTPConnection) -> VideoService:
    return cast(VideoService, asked.app.state.service)


async def _settings(asked: HTTPConnection) -> Settings:
    return cast(Settings, asked.app.state.settings)


async def _access(asked: HTTPConnection) -> Access:
    return cast(Access, asked.app.state.access)


async def _public_url(asked: HTTPConnection) -> str:
    return cast(str, asked.scope[KEY])


async def _boards(asked: HTTPConnection) -> Storyboards:
    return cast(Storyboards, asked.app.state.storyboards)


async def _drafting(asked: HTTPConnection) -> DraftTools:
    return cast(DraftTools, asked.app.state.drafting)


Boards = Annotated[Storyboards, Depends(_boards)]
Drafting = Annotated[DraftTools, Depends(_drafting)]
Service = Annotated[VideoService, Depends(_service)]
Entry = Annotated[Access, Depends(_access)]
Config = Annotated[Settings, Depends(_settings)]
PublicUrl = Annotated[str, Depends(_public_url)]
"""The address before `/v1` under which whoever asks reaches this service."""
