"""TextEncoder: prompts of many replicas come in one by one, are embedded together, and go back as arrays."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from ray import serve

from app.service.pools import ENCODER
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.stores import open_stores
from app.worker.starting import Start
from deployments.observed import observe

if TYPE_CHECKING:
    from app.engine.embedding import Embedding

MOST_TOGETHER = 16  # prompts of a run; at most the deployment's max_ongoing_requests
WAIT_S = 0.01


class TextEncoder:
    """One replica of the shared encoder: a fraction of a GPU, or a processor; it keeps nothing but its weights."""

    async def __init__(self, settings: Settings, entry: ModelEntry, pools: tuple[str, ...]) -> None:  # type: ignore[misc]  # Serve awaits it
        from app.models.loading import load_text_encoder  # torch: only where it is needed

        observe(settings)
        stores, name = open_stores(settings), serve.get_replica_context().replica_id.unique_id
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        work = partial(load_text_encoder, entry, settings)
        async with Start(stores.board, stores.clock, pools, ENCODER, entry.id, name).told():
            self._embed = await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def encode(self, text: str) -> Embedding:
        """The embedding of a prompt: arrays by name."""
        answer: Embedding = await self._together(text)
        return answer

    @serve.batch(max_batch_size=MOST_TOGETHER, batch_wait_timeout_s=WAIT_S)
    async def _together(self, texts: list[str]) -> list[Embedding]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, texts)
