"""A text encoder that many replicas share, behind a port: for models whose encoder is too large for every replica."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import numpy as np

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.embedding import Embedding, as_tensors
from app.errors import KinorayError, PartAway, PartFailed, WorkerLost

log = logging.getLogger(__name__)
TRIES, PAUSE_S, FAR_S = 3, 0.5, 120.0
MOST_TENSORS = 8  # that encoders may make of one text

Ask = Callable[[str], Awaitable[Embedding]]


class Encoder(Protocol):
    """Embeds prompts; the embedding cache stands in front of it."""

    async def encode(self, texts: Sequence[str]) -> list[Embedding]:
        """What the encoders make of each text.

        Raises:
            PartAway: there is nobody to do it; another attempt may find somebody.
            WorkerLost: whoever was asked died or failed over it.
        """
        ...


class SharedEncoder:
    """One that is asked from afar, a few times when it does not answer; then the attempt ends, and not its job."""

    def __init__(self, ask: Ask, tries: int = TRIES, pause_s: float = PAUSE_S) -> None:
        self._ask = ask
        self._tries = tries
        self._pause_s = pause_s

    async def encode(self, texts: Sequence[str]) -> list[Embedding]:
        return list(await asyncio.gather(*(self._one(text) for text in texts)))

    async def _one(self, text: str) -> Embedding:
        for left in range(self._tries - 1, -1, -1):
            try:
                return checked(await self._ask(text))
            except KinorayError as error:
                if not left:
                    kind = WorkerLost if isinstance(error, (PartFailed, WorkerLost)) else PartAway
                    raise kind(f"The text encoder cannot be asked: {error.message}") from error
                log.warning("The text encoder did not answer: %s", error)
                await asyncio.sleep(self._pause_s * (self._tries - left))
        raise WorkerLost("The text encoder was not asked.")


def blocking_encoder(ask: Ask, loop: asyncio.AbstractEventLoop, timeout_s: float = FAR_S) -> EncodePrompts:
    """An encoder for the engine's thread, which waits for it: for the warm-up and jobs that come without embeddings.

    `ask` runs on `loop`, which must not be the calling thread's. What it raises is PartAway where nobody answers.
    """

    async def every(texts: Sequence[str]) -> list[Embedding]:
        return list(await asyncio.gather(*(ask(text) for text in texts)))

    def encode(texts: Sequence[str]) -> list[TextEmbedding]:
        asked = asyncio.run_coroutine_threadsafe(every(texts), loop)
        try:
            answers = asked.result(timeout_s)
        except TimeoutError:
            asked.cancel()
            raise PartAway(f"The text encoder did not answer within {timeout_s:.0f} s.") from None
        return [as_tensors(checked(each)) for each in answers]

    return encode


def checked(answer: Embedding) -> Embedding:
    """The answer, if it is an embedding.

    Raises:
        WorkerLost: it is none.
    """
    tensors = list(answer.values()) if isinstance(answer, dict) else []
    sound = all(_sound(tensor) for tensor in tensors) and len(tensors) <= MOST_TENSORS
    if not tensors or not sound or TOKENS not in answer or answer[TOKENS].ndim != 2:
        raise WorkerLost("The text encoder answered with something else than an embedding.")
    return answer


def _sound(tensor: object) -> bool:
    if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32 or tensor.ndim not in (1, 2):
        return False
    return bool(np.isfinite(tensor).all())
