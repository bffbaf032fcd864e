"""Puts the service on the wire: the application with its routes, its layers and its one shape of errors."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app import __version__
from app.api.compression import Compression
from app.api.decompression import Decompression
from app.api.limits import BodyLimit
from app.api.methods import answer_head
from app.api.openapi import describe_api
from app.api.problems import install
from app.api.public_url import PublicAddress
from app.api.request_id import RequestId
from app.api.routes import (
    caches,
    content,
    event_socket,
    events,
    feedback,
    images,
    models,
    not_here,
    operations,
    page,
    styles,
    sync,
    videos,
)
from app.api.routes.page import add_studio_files
from app.service.ports import Check
from app.service.videos import VideoService
from app.settings import Settings


def create_app(
    service: VideoService, settings: Settings, checks: Mapping[str, Check], proxy_adds_request_id: bool = False
) -> FastAPI:
    """The ASGI application; `checks` are the components of /health, by name.

    `proxy_adds_request_id`: what stands before it gives every request an id and every answer the header.
    """
    # A machine without a way out has its documentation page too.
    app = FastAPIOffline(redoc_url=None, title="Kinoray", version=__version__)
    app.state.service = service
    app.state.settings = settings
    app.state.checks = dict(checks)
    rooms = (videos, not_here, sync, images, content, events, event_socket, feedback, models, styles, caches)
    answer_head(app, app.router)  # of the documentation's pages
    for room in (*rooms, operations, page):
        app.include_router(room.router)
        answer_head(app, room.router)
    add_studio_files(app)
    install(app)
    describe_api(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Decompression, max_bytes=settings.max_body_bytes)
    app.add_middleware(Compression)
    app.add_middleware(PublicAddress, settings=settings)
    app.add_middleware(RequestId, adds_header=not proxy_adds_request_id)  # the last is the outermost
    return app
