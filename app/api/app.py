"""Puts the service on the wire: the application with its routes, its layers and its one shape of errors."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app import __version__
from app.api.limits import BodyLimit
from app.api.openapi import describe_api
from app.api.problems import install
from app.api.request_id import Stamp
from app.api.routes import caches, content, events, feedback, images, models, styles, sync, videos
from app.api.routes import event_socket as follow_socket
from app.api.routes import operations as operate
from app.api.routes.page import add_studio
from app.service.ports import Check
from app.service.videos import VideoService
from app.settings import Settings


def create_app(service: VideoService, settings: Settings, checks: Mapping[str, Check]) -> FastAPI:
    """The ASGI application; `checks` are the components of /health, by name."""
    # A machine without a way out has its documentation page too.
    app = FastAPIOffline(redoc_url=None, title="Kinoray", version=__version__)
    app.state.service = service
    app.state.settings = settings
    app.state.checks = dict(checks)
    for room in (sync, images, videos, content, events, follow_socket, feedback, models, styles, caches, operate):
        app.include_router(room.router)
    add_studio(app)
    install(app)
    describe_api(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Stamp)  # the last is the outermost
    return app
