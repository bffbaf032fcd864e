"""Makes a key straight in a service's Redis, for whoever has that: the first operator's key, or after a lock-out."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable

from app.access.api_key import MOST_NAME_CHARS, issued
from app.access.redis_key_store import RedisKeyStore
from app.access.scopes import OF_TENANTS, SCOPES, checked_scopes
from app.errors import KinorayError
from app.redis.connection import connect
from app.settings.masking import masked
from app.settings.read import BadSettings, read_settings

OF_ENVIRONMENT = "env"
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


class CannotMake(Exception):
    """The key was not made; the message says why."""


def make_key(
    redis: str, name: str, tenant: str, scopes: Iterable[str] | None, expires_in_s: float | None
) -> dict[str, object]:
    """A new key in the Redis of that address, or with "env" in that of the settings; as `POST /v1/keys` answers.

    Raises CannotMake.
    """
    try:
        settings = read_settings()
        given = OF_TENANTS if scopes is None else checked_scopes(scopes)
    except (BadSettings, ValueError) as error:
        raise CannotMake(str(error)) from None
    if TENANT.fullmatch(tenant) is None or not 1 <= len(name) <= MOST_NAME_CHARS:
        raise CannotMake("A name has 1 to 100 characters; a tenant 1 to 100 letters, digits and .-_@.")
    if redis == OF_ENVIRONMENT:
        if settings.redis_url is None:
            raise CannotMake("KINORAY_REDIS_URL is not set: give the address of the service's Redis.")
        redis = settings.redis_url.get_secret_value()
    now = time.time()
    made = issued(name, tenant, given, now, None if expires_in_s is None else now + expires_in_s)

    async def write() -> None:
        client = connect(redis, settings.redis_timeout_s)
        try:
            await RedisKeyStore(client, settings.redis_prefix).add(made.key)
        finally:
            await client.aclose()

    try:
        asyncio.run(write())
    except (KinorayError, ValueError) as error:
        raise CannotMake(f"{masked(redis)}: {error}") from None
    listed = [scope for scope in SCOPES if scope in given]
    return {"id": made.key.id, "name": name, "tenant": tenant, "scopes": listed, "key": made.text}
