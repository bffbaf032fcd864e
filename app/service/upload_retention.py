"""How long uploads are kept: those past their time go with their parts, and parts without a record."""

from __future__ import annotations

from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.service.artifact_refs import clear_orphan
from app.service.expiry import forget_expired
from app.uploads.files import FileUploads, is_id


class UploadStores(Protocol):
    """The durable ports that this needs."""

    @property
    def artifacts(self) -> ArtifactStore: ...
    @property
    def uploads(self) -> FileUploads: ...


async def expire_uploads(stores: UploadStores, now: float, limit: int) -> int:
    """Forget uploads past their time, with their parts; how many. Parts that stay are left to `tidy_upload`."""
    return await forget_expired(stores.uploads, now, limit, stores.artifacts.clear)


async def tidy_upload(name: str, stores: UploadStores, orphans_s: float, now: float) -> bool:
    """Remove what lies in the store under that name if it is of an upload that is over; whether it went."""
    if not is_id(name) or await stores.uploads.known(name):
        return False
    return await clear_orphan(name, stores.artifacts, orphans_s, now)
