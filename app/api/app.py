"""Puts the service on the wire: the application with its routes, its layers and its one shape of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from app import __version__
from app.access.opening import Access, memory_access
from app.access.rate_limits import RateLimiter
from app.api.audit import Audit
from app.api.bodies import Bodies, BodyRules, body_rules
from app.api.compression import Compression
from app.api.cross_origin import SameOrigin
from app.api.decompression import Decompression
from app.api.followers import Followers
from app.api.limits import FORM_BYTES, BodyLimit
from app.api.looks import EndedBodies
from app.api.methods import METHODS, answer_head
from app.api.openapi import TITLE, describe_api
from app.api.own_task import OwnTask
from app.api.problems import install
from app.api.public_url import PublicAddress
from app.api.rate_headers import RateHeaders
from app.api.request_id import RequestId
from app.api.rooms import WITH_STORYBOARDS, WITHOUT_STORYBOARDS
from app.api.routes.loras import LORAS
from app.api.routes.page import add_studio_files
from app.api.routes.uploads import UPLOADS
from app.api.security_headers import SecurityHeaders
from app.api.tus_headers import TusHeaders
from app.redis.local_windows import LocalWindows
from app.service.background import Background
from app.service.component_since import ComponentSince
from app.service.ports import Check
from app.service.videos import VideoService
from app.settings import Settings
from app.storyboards.drafting.options import DraftTools
from app.storyboards.storyboards import Storyboards

SETTLE_S = 10.0  # what requests whose clients have left still do is waited for so long when the server stops


def create_app(
    service: VideoService,
    settings: Settings,
    checks: Mapping[str, Check],
    proxy_adds_request_id: bool = False,
    access: Access | None = None,
    rates: RateLimiter | None = None,
    boards: Storyboards | None = None,
    drafting: DraftTools | None = None,
    proxy_reads_bodies: bool = False,
) -> FastAPI:
    """The ASGI application; `checks` are the components of /health, by name.

    `proxy_adds_request_id`: what stands before it gives every request an id and every answer the header.
    `access`: who gets in; None: who has a key of the settings, or one that is made here and lasts as long as this.
    `rates`: who may ask how often; None: counted here alone.
    `boards`: the storyboards, which are gone on with while it runs; None: there are none.
    `drafting`: what texts are made scenes with; None: rules alone.
    `proxy_reads_bodies`: whole and in time, before they come.
    """
    # A machine without a way out has its documentation page too.
    background = Background()
    access = access or memory_access(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if boards is not None:
            boards.start()
        yield
        if boards is not None:
            await boards.close()
        await background.settled(SETTLE_S)
        await access.close()

    app = FastAPIOffline(redoc_url=None, title=TITLE, version=__version__, lifespan=lifespan)
    app.state.background = background
    app.state.service = service
    app.state.storyboards = boards
    app.state.drafting = drafting or DraftTools()
    app.state.settings = settings
    app.state.access = access
    app.state.rates = rates or RateLimiter(settings.limits, LocalWindows(), service.now)
    app.state.checks = dict(checks)
    app.state.since = ComponentSince(service.ports.board, service.now)
    app.state.followers = Followers(settings.max_followers)
    app.state.ended_bodies = EndedBodies()
    app.router.routes.extend(answer_head(app.routes))  # of the documentation's pages
    add_studio_files(app)
    rooms = WITHOUT_STORYBOARDS if boards is None else WITH_STORYBOARDS
    app.router.routes.extend(rooms.routes)
    install(app)
    describe_api(app, lambda: rooms.document)
    _add_layers(app, settings, background, access, proxy_adds_request_id, body_rules(settings, proxy_reads_bodies))
    return app


def _add_layers(
    app: FastAPI,
    settings: Settings,
    background: Background,
    access: Access,
    proxy_adds_request_id: bool,
    bodies: BodyRules,
) -> None:
    """What stands around the routes; the last is the outermost."""
    app.add_middleware(Audit, writer=access.writer, settings=settings)
    app.add_middleware(RateHeaders, service=app.state.service)
    chunk = max(settings.upload_max_bytes, settings.max_body_bytes)
    larger = {LORAS: settings.lora_upload_max_bytes + FORM_BYTES, UPLOADS: chunk, f"{UPLOADS}/": chunk}
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, larger=larger)
    app.add_middleware(Decompression, max_bytes=settings.max_body_bytes)
    app.add_middleware(Compression)
    app.add_middleware(PublicAddress, settings=settings)
    if not (settings.api_keys or settings.api_keys_file):  # a page of another site has no key
        app.add_middleware(SameOrigin, allowed=settings.cors_origins)
    app.add_middleware(OwnTask, background=background)
    app.add_middleware(Bodies, rules=bodies)
    app.add_middleware(TusHeaders)
    app.add_middleware(RequestId, adds_header=not proxy_adds_request_id)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            expose_headers=("*",),
            allow_private_network=True,
        )
    app.add_middleware(SecurityHeaders)
