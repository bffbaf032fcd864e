"""Which routes an application has: each room's as it declares them, put together once for all that a process makes."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from fastapi import APIRouter
from starlette.routing import BaseRoute

from app.api.methods import answer_head
from app.api.openapi import Schema, document
from app.api.routes import (
    archive,
    asked_again,
    audit,
    caches,
    content,
    control,
    event_socket,
    events,
    extend,
    feedback,
    images,
    keys,
    loras,
    marks,
    models,
    not_here,
    operations,
    page,
    reports,
    storyboard_events,
    storyboards,
    styles,
    sync,
    tenant_events,
    trace,
    trends,
    uploads,
    usage,
    videos,
    vitals,
    voices,
)


class Rooms:
    """Routers in the order in which a path is looked for. Their routes hold nothing of an application.

    `include_router` would make each route anew for each application, and look for the route of each request twice.
    """

    def __init__(self, *routers: APIRouter) -> None:
        self._routers = routers

    @cached_property
    def routes(self) -> tuple[BaseRoute, ...]:
        """What is declared, and after each room's routes those that answer HEAD."""
        return tuple(route for router in self._routers for route in (*router.routes, *answer_head(router.routes)))

    @cached_property
    def document(self) -> Schema:
        """Their OpenAPI document: to be copied by who may change it."""
        return document(self._routers)


_STORYBOARDS: Final = (storyboards, storyboard_events, voices)
_FIRST: Final = (  # what is asked for most
    *(archive, videos, operations, marks, reports, asked_again, not_here, sync, images, extend, content),
    *(events, tenant_events, event_socket, feedback),
)
_LAST: Final = (models, loras, uploads, styles, keys, audit, caches, control, trace, trends, usage, vitals, page)
WITH_STORYBOARDS: Final = Rooms(*(room.router for room in (*_FIRST, *_STORYBOARDS, *_LAST)))
WITHOUT_STORYBOARDS: Final = Rooms(*(room.router for room in (*_FIRST, *_LAST)))
