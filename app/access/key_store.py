"""The port to the keys that operators make, and the keys of one process; all that is kept are hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app.access.api_key import ApiKey
from app.errors import Conflict, NotFound

GONE_KEPT_S: Final = 90 * 86400.0
"""A key that is expired or revoked is listed for so long."""


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Keys in order of creation, or against it, and whether there are more behind the last."""

    keys: tuple[ApiKey, ...]
    has_more: bool


class KeyStore(Protocol):
    """Keys by id. Every method raises StoreUnavailable."""

    async def add(self, key: ApiKey) -> None:
        """Keep a new key. Raises Conflict: there is one of that id."""
        ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def replace(self, before: ApiKey, after: ApiKey) -> bool:
        """Keep another version of a key; False, and nothing happens, when it is not as it was before."""
        ...

    async def page(self, after: str | None, limit: int, newest_first: bool, tenant: str | None = None) -> KeyPage:
        """Up to `limit` keys behind the one named `after`, of one tenant or of all. Raises NotFound: no such key."""
        ...

    async def version(self) -> int:
        """A number that is another after each change; 0: there has never been a key."""
        ...

    async def note_uses(self, at: Mapping[str, float]) -> None:
        """Keep when keys were used, the latest of each."""
        ...

    async def last_uses(self, key_ids: Sequence[str]) -> dict[str, float]:
        """When each was used last, as far as that is known."""
        ...


class MemoryKeyStore:
    """The KeyStore port in this process: tests and tools."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._used: dict[str, float] = {}
        self._version = 0

    async def add(self, key: ApiKey) -> None:
        if key.id in self._keys:
            raise Conflict(f"There is a key {key.id} already.")
        self._keys[key.id] = key
        self._version += 1

    async def get(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    async def replace(self, before: ApiKey, after: ApiKey) -> bool:
        if self._keys.get(before.id) != before:
            return False
        self._keys[after.id] = after
        self._version += 1
        return True

    async def page(self, after: str | None, limit: int, newest_first: bool, tenant: str | None = None) -> KeyPage:
        ordered = sorted(self._keys.values(), key=lambda key: (key.created_at, key.id), reverse=newest_first)
        if after is not None:
            places = [place for place, key in enumerate(ordered) if key.id == after]
            if not places:
                raise no_such_key(after)
            ordered = ordered[places[0] + 1 :]
        found = [key for key in ordered if tenant is None or key.tenant == tenant]
        return KeyPage(tuple(found[:limit]), len(found) > limit)

    async def version(self) -> int:
        return self._version

    async def note_uses(self, at: Mapping[str, float]) -> None:
        for key_id, used_at in at.items():
            self._used[key_id] = max(used_at, self._used.get(key_id, 0.0))

    async def last_uses(self, key_ids: Sequence[str]) -> dict[str, float]:
        return {key_id: self._used[key_id] for key_id in key_ids if key_id in self._used}


def no_such_key(key_id: str) -> NotFound:
    """What is said of a key that is not there, or not any more."""
    return NotFound(f"There is no key {key_id[:40]!r}.", code="key_not_found")
