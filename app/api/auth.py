"""Who is asking, for routes: a bearer key comes in, the caller goes out, who has the scopes that the route wants."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.requests import HTTPConnection, Request

from app.access.forwarded import client_address
from app.access.opening import Access
from app.access.scopes import STATS, STORYBOARDS, UPLOADS, VIDEOS_READ, VIDEOS_WRITE, require
from app.api.dependencies import Config
from app.api.rate_headers import permit
from app.settings import Settings
from app.types import Caller
from app.types.words import OPERATE

_HEADER = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="Without any key everyone is let in. "
    "`/health` and what is below it, `/metrics`, `/docs` and `/openapi.json` never ask. "
    "The scopes that a route wants are listed with it.",
)


async def entered(connection: HTTPConnection, settings: Settings, authorization: str | None) -> Caller:
    """The caller of a request or a WebSocket, from now on in its `state.caller`.

    Raises Unauthorized, and RateLimited where that caller, or address, has asked too often.
    """
    access = cast(Access, connection.app.state.access)
    server = connection.scope.get("server") or ("",)
    found = await access.gate.enter(authorization, address_of(connection, settings), server[0])
    connection.state.caller = found
    await permit(connection, found)
    return found


def address_of(connection: HTTPConnection, settings: Settings) -> str:
    """The client's address, as far as proxies are trusted; empty: not known."""
    headers = connection.headers
    return client_address(
        connection.client.host if connection.client else "",
        headers.getlist("forwarded"),
        headers.getlist("x-forwarded-for"),
        settings.trusted_proxies,
    )


async def caller(
    connection: HTTPConnection,
    settings: Config,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_HEADER)] = None,
) -> Caller:
    """Whoever has a valid key, whatever it may. Raises Unauthorized."""
    known: Caller | None = getattr(connection.state, "caller", None)
    if known is not None:  # another dependency of the same request has asked
        return known
    return await entered(connection, settings, None if given is None else f"{given.scheme} {given.credentials}")


async def caller_of(request: Request, settings: Settings) -> Caller:
    """The same for who has the request alone. Raises Unauthorized."""
    return await caller(request, settings, await _HEADER(request))


Who = Annotated[Caller, Depends(caller)]


async def allowed(wanted: SecurityScopes, who: Who) -> Caller:
    """The caller, who has all of the scopes wanted. Raises Unauthorized, InsufficientScope."""
    require(who, wanted.scopes)
    return who


Writer = Annotated[Caller, Security(allowed, scopes=[VIDEOS_WRITE])]
Reader = Annotated[Caller, Security(allowed, scopes=[VIDEOS_READ])]
StatsReader = Annotated[Caller, Security(allowed, scopes=[STATS])]
Storyteller = Annotated[Caller, Security(allowed, scopes=[STORYBOARDS])]
Uploader = Annotated[Caller, Security(allowed, scopes=[UPLOADS])]
Operator = Annotated[Caller, Security(allowed, scopes=[OPERATE])]
