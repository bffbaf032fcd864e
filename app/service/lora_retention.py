"""How long uploaded LoRAs are kept: records past their time go, and files without a record that no job needs."""

from __future__ import annotations

from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.jobs.board import Board
from app.jobs.store import JobStore, find
from app.service.artifact_refs import clear_orphan
from app.service.expiry import forget_expired
from app.service.lora_uploads import remove_unworn
from app.uploads.loras import LoraUploads, is_id


class LoraStores(Protocol):
    """The durable ports that this needs."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def board(self) -> Board: ...
    @property
    def artifacts(self) -> ArtifactStore: ...
    @property
    def loras(self) -> LoraUploads: ...


async def expire_loras(stores: LoraStores, now: float, limit: int) -> int:
    """Forget LoRAs past their time; how many. A file that a job still wears is left to `tidy_lora`."""

    async def remove(lora_id: str) -> None:
        await remove_unworn(lora_id, stores.board, stores.jobs, stores.artifacts)

    return await forget_expired(stores.loras, now, limit, remove)


async def tidy_lora(name: str, stores: LoraStores, orphans_s: float, now: float) -> bool:
    """Remove what lies in the store under that name if it is the file of a LoRA that nobody needs; whether it went.

    One that was just sent has no record yet, so that a young file is kept.
    """
    if not is_id(name) or await stores.loras.known(name):
        return False
    for holder in await stores.board.holders(name):
        job = await find(stores.jobs, holder)
        if job is not None and not job.phase.ended:
            return False
    return await clear_orphan(name, stores.artifacts, orphans_s, now)
