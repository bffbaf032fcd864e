"""The gate: what a request says of itself comes in, the caller it is from goes out, or it is turned away."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from app.access.api_key import split_text
from app.access.configured_keys import ConfiguredKeys
from app.access.key_ring import KeyRing
from app.access.scopes import ALL
from app.access.wrong_keys import WrongKeys
from app.errors import TooManyWrongKeys, Unauthorized
from app.settings import Settings
from app.types import Caller

PUBLIC: Final = "public"
"""The tenant of everyone where nobody needs a key."""


class Gate:
    """Knows the keys: those of the settings and their file, and those that operators made; one for each process.

    `loopback_tells` False: a proxy on each machine hands everyone's requests on over loopback, so that coming in there
    says nothing. Raises BadKeys: the file of keys cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        ring: KeyRing | None = None,
        wall: Callable[[], float] = time.time,
        loopback_tells: bool = True,
    ) -> None:
        self._configured = ConfiguredKeys(settings)
        self._loopback_tells = loopback_tells
        self._open = settings.open
        self._ring, self._wall = ring, wall
        self._wrong = WrongKeys()

    async def enter(self, authorization: str | None, address: str = "", server: str = "") -> Caller:
        """Who asks, by the value of the header `Authorization`, the client's address and the address it came in at.

        Raises Unauthorized; TooManyWrongKeys, never for a valid key; StoreUnavailable: only Redis knows such a key.
        """
        scheme, _, given = (authorization or "").partition(" ")
        text = given.strip() if scheme.lower() == "bearer" else ""
        found = await self._holder(text, address) if text else None
        if found is not None:
            return found
        if not await self.wants_keys():
            if self._open or (self._loopback_tells and is_local(server)):
                return Caller(PUBLIC, None, ALL, address)
            raise Unauthorized("This service has no keys yet: make one (`kinoray keys create`), or set KINORAY_OPEN.")
        if text and (wait_s := self._wrong.note(address)):
            raise TooManyWrongKeys("Too many wrong keys from your address.", retry_after_s=wait_s)
        raise Unauthorized("Give a valid key: 'Authorization: Bearer <key>'.")

    async def wants_keys(self) -> bool:
        """Whether there is any key, so that everybody needs one. Raises StoreUnavailable."""
        return self._configured.any() or (self._ring is not None and await self._ring.any())

    def heed(self) -> None:
        """A key has been made or changed from here: let it count at once, and elsewhere when it is heard of."""
        if self._ring is not None:
            self._ring.heed()

    async def close(self) -> None:
        """Write down when keys were used last."""
        if self._ring is not None:
            await self._ring.close()

    async def _holder(self, text: str, address: str) -> Caller | None:
        """Whose key that is."""
        now = self._wall()
        known = self._configured.find(text, now)
        if known is not None:
            return Caller(known.tenant, known.id, known.scopes, address)
        parts = split_text(text)
        if self._ring is None or parts is None:
            return None
        key = await self._ring.find(parts[0])
        if key is None or not key.admits(parts[1], now):
            return None
        self._ring.used(key.id)
        return Caller(key.tenant, key.id, key.scopes, address)


@lru_cache(1024)
def is_local(server: str) -> bool:
    """Whether only this machine can have asked there: a loopback address, or what is no address, such as a socket."""
    try:
        found = ip_address(server.partition("%")[0])
    except ValueError:
        return True
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
