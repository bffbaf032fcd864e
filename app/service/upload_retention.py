"""How long uploads are kept: those past their time go with their parts, and parts without a record."""

from __future__ import annotations

import logging
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.errors import KinorayError, NotFound
from app.service.artifact_refs import clear_orphan
from app.uploads.files import FileUploads, is_id

log = logging.getLogger(__name__)


class UploadStores(Protocol):
    """The durable ports that this needs."""

    @property
    def artifacts(self) -> ArtifactStore: ...
    @property
    def uploads(self) -> FileUploads: ...


async def expire_uploads(stores: UploadStores, now: float, limit: int) -> int:
    """Forget uploads past their time; how many. Parts that cannot be removed now are left to `tidy_upload`."""
    gone = 0
    for upload in await stores.uploads.expired(now, limit):
        try:
            await stores.uploads.delete(upload.id, upload.tenant)
        except NotFound:  # another was quicker
            continue
        gone += 1
        try:
            await stores.artifacts.clear(upload.id)
        except KinorayError as error:
            log.warning("The parts of %s are left for later: %s", upload.id, error)
    return gone


async def tidy_upload(name: str, stores: UploadStores, orphans_s: float, now: float) -> bool:
    """Remove what lies in the store under that name if it is of an upload that is over; whether it went."""
    if not is_id(name) or await stores.uploads.known(name):
        return False
    return await clear_orphan(name, stores.artifacts, orphans_s, now)
