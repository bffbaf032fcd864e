"""TextEncoder: prompts of many replicas come in one by one, are embedded together, and go back as arrays."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle

from app.errors import ServiceUnavailable
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from deployments.handles import ask

if TYPE_CHECKING:
    from app.engine.embedding import Embedding

log = logging.getLogger("ray.serve")
MOST_TOGETHER = 16  # prompts of a run; at most the deployment's max_ongoing_requests
WAIT_S = 0.01
ENCODE_S = 60.0


class TextEncoder:
    """One replica of the shared encoder: a fraction of a GPU, or a processor; it keeps nothing but its weights."""

    async def __init__(self, settings: Settings, entry: ModelEntry) -> None:  # type: ignore[misc]  # Serve awaits it
        from app.models.loading import load_text_encoder  # torch: only where it is needed

        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        work = partial(load_text_encoder, entry, settings)
        self._embed = await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def encode(self, text: str) -> Embedding:
        """The embedding of a prompt: arrays by name."""
        answer: Embedding = await self._together(text)
        return answer

    @serve.batch(max_batch_size=MOST_TOGETHER, batch_wait_timeout_s=WAIT_S)
    async def _together(self, texts: list[str]) -> list[Embedding]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, texts)


class EncoderHandle:
    """Asks the TextEncoder deployment for one prompt's embedding; what Ray raises comes as our error."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = ENCODE_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self, text: str) -> Embedding:
        """Raises ServiceUnavailable."""
        try:
            answer: Embedding = await ask(self._handle.encode.remote(text), self._timeout_s, "text encoder")
        except RayError as error:
            raise ServiceUnavailable(f"The text encoder failed: {type(error).__name__}.") from error
        return answer
