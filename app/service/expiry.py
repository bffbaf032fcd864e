"""Forgetting uploads past their time: the record first, then what belongs to it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from app.errors import KinorayError, NotFound

log = logging.getLogger(__name__)


class Expires(Protocol):
    """What is asked about an upload."""

    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...


Upload = TypeVar("Upload", bound=Expires, covariant=True)


class Expiring(Protocol[Upload]):
    """A store that knows which of its records are past their time."""

    async def expired(self, now: float, most: int) -> Sequence[Upload]: ...
    async def delete(self, upload_id: str, tenant: str, /) -> None: ...


async def forget_expired(
    records: Expiring[Upload], now: float, limit: int, remove: Callable[[str], Awaitable[object]]
) -> int:
    """Forget at most `limit`; how many. Files that `remove` cannot remove now are left to those who tidy the store."""
    gone = 0
    for upload in await records.expired(now, limit):
        try:
            await records.delete(upload.id, upload.tenant)
        except NotFound:  # another was quicker
            continue
        gone += 1
        try:
            await remove(upload.id)
        except KinorayError as error:
            log.warning("The files of %s are left for later: %s", upload.id, error)
    return gone
