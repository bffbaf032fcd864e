"""TextEncoder: prompts of many replicas come in one by one, are embedded together, and go back as arrays."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray import serve
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle

from app.errors import ServiceUnavailable
from app.settings import Settings
from deployments.handles import ask

log = logging.getLogger("ray.serve")
MOST_TOGETHER = 16  # prompts of a run; at most the deployment's max_ongoing_requests
WAIT_S = 0.01
ENCODE_S = 60.0


class TextEncoder:
    """One replica of the shared encoder: a fraction of a GPU, or a processor; it keeps nothing but its weights."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]  # Serve awaits it
        from app.engine.families.embedded import load_encoder  # torch: only where it is needed

        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self._encode = await asyncio.get_running_loop().run_in_executor(self._thread, load_encoder, settings.threads)

    async def encode(self, text: str) -> NDArray[np.float32]:
        """The embedding of a prompt, float32 (T, D)."""
        answer: NDArray[np.float32] = await self._together(text)
        return answer

    @serve.batch(max_batch_size=MOST_TOGETHER, batch_wait_timeout_s=WAIT_S)
    async def _together(self, texts: list[str]) -> list[NDArray[np.float32]]:
        made = await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, texts)
        return [each.numpy() for each in made]


class EncoderHandle:
    """Asks the TextEncoder deployment for one prompt's embedding; what Ray raises comes as our error."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = ENCODE_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self, text: str) -> NDArray[np.float32]:
        """Raises ServiceUnavailable."""
        try:
            answer: NDArray[np.float32] = await ask(self._handle.encode.remote(text), self._timeout_s, "text encoder")
        except RayError as error:
            raise ServiceUnavailable(f"The text encoder failed: {type(error).__name__}.") from error
        return answer
