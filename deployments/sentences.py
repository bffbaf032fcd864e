"""Texts of many requests at once come in; they share runs of the text encoder in one replica."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from ray import serve

from app.plan.sentences import WIDTH, Sentences

MOST_TOGETHER = 32  # texts of a run; at most the deployment's max_ongoing_requests, or Serve warns
MOST_WAIT_S = 0.1


class BatchedSentences:
    """The Sentences port over an encoder that is best asked for many at once; works in a Serve replica only.

    Serve closes a batch when its wait is over, whether or not the encoder is free. A fixed wait would delay lone texts,
    and without one a burst would run as singles, one after another. So a lone text does not wait, and what comes while
    the encoder is busy gathers for about as long as it will be.
    """

    def __init__(self, encoder: Sentences) -> None:
        self._encoder = encoder
        self._run_s = 0.01  # of the last run

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row per text, float32 (n, 384). Raises ServiceUnavailable."""
        rows = await asyncio.gather(*(self._together(text) for text in texts))
        return np.stack(rows) if rows else np.zeros((0, WIDTH), np.float32)

    @serve.batch(max_batch_size=MOST_TOGETHER, batch_wait_timeout_s=0.0)
    async def _together(self, texts: list[str]) -> list[NDArray[np.float32]]:
        began = time.monotonic()
        self._together.set_batch_wait_timeout_s(min(MOST_WAIT_S, self._run_s))
        try:
            return list(await self._encoder.embed(texts))
        finally:
            self._run_s = time.monotonic() - began
            self._together.set_batch_wait_timeout_s(0.0)
