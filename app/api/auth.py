"""Who is asking: a bearer key comes in, the tenant it belongs to goes out."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.dependencies import Config
from app.errors import Unauthorized
from app.settings import Settings
from app.types import Caller

_HEADER = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="Without configured keys anything is accepted. "
    "`/health` and what is below it, `/metrics`, `/docs` and `/openapi.json` never ask.",
)


def tenant_of(settings: Settings, authorization: str | None) -> Caller:
    """The tenant of the key; "public" when no keys are configured. Raises Unauthorized."""
    if not settings.api_keys:
        return Caller()
    scheme, _, given = (authorization or "").partition(" ")
    key = given.strip().encode()
    found = None
    for tenant, secret in settings.api_keys.items():  # all of them: the time taken tells nothing
        if hmac.compare_digest(secret.get_secret_value().encode(), key):
            found = tenant
    if found is None or scheme.lower() != "bearer" or not key:
        raise Unauthorized("Give a valid key: 'Authorization: Bearer <key>'.")
    return Caller(found)


async def caller(
    settings: Config, given: Annotated[HTTPAuthorizationCredentials | None, Security(_HEADER)] = None
) -> Caller:
    """As `tenant_of`, for routes."""
    return tenant_of(settings, None if given is None else f"{given.scheme} {given.credentials}")


Who = Annotated[Caller, Depends(caller)]
