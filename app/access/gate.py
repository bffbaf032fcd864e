"""The gate: what a request says of itself comes in, the caller it is from goes out, or it is turned away."""

from __future__ import annotations

import hmac
from typing import Final

from app.access.scopes import ALL, OF_TENANTS
from app.errors import Unauthorized
from app.settings import Settings
from app.types import Caller

PUBLIC: Final = "public"
"""The tenant of everyone where nobody needs a key."""


class Gate:
    """Knows the keys; one for each process that answers requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def enter(self, authorization: str | None, address: str = "") -> Caller:
        """Who asks, by the value of the header `Authorization` and the client's address. Raises Unauthorized."""
        keys, operators = self._settings.api_keys, self._settings.operators
        if not keys:
            return Caller(PUBLIC, None, ALL, address)
        scheme, _, given = (authorization or "").partition(" ")
        key = given.strip().encode()
        found = None
        for tenant, secret in keys.items():  # all of them: the time taken tells nothing
            if hmac.compare_digest(secret.get_secret_value().encode(), key):
                found = tenant
        if found is None or scheme.lower() != "bearer" or not key:
            raise Unauthorized("Give a valid key: 'Authorization: Bearer <key>'.")
        return Caller(found, f"settings:{found}", ALL if found in operators else OF_TENANTS, address)
