"""The Sentences port over the frozen text encoder: one thread loads and runs it, so that a loop only ever waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Thread
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.errors import ServiceUnavailable

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Load = Callable[[int], Encode]

GROUP: Final = 16
"""Texts of one forward; they are alike in length, since the shorter ones are padded to the longest."""

log = logging.getLogger(__name__)


def load_encoder(threads: int) -> Encode:
    """Read all-MiniLM-L6-v2 from its package; call this on the thread that will run it, with `threads` for torch.

    Raises:
        TextEncoderMissing, ImportError: a package is not installed, or the weights are others.
    """
    import torch  # seconds and 300 MiB, which a process that never embeds should not pay

    from app.embedded.precision import native_bfloat16
    from app.embedded.text import TextEncoder

    torch.set_num_threads(threads)  # of the calling thread: OpenMP keeps the number per thread
    encoder = TextEncoder.load()
    if native_bfloat16(torch.device("cpu")):  # two to three times as fast, at a cosine above 0.9995
        encoder.hasten()
    return lambda texts: np.asarray(encoder.sentences(texts).numpy(), np.float32)


def import_encoder() -> None:
    """Bring in the packages that the encoder needs, which is most of its loading; where they are missing, nothing."""
    with suppress(ImportError):
        from app.embedded.text import TextEncoder  # noqa: F401


class EmbeddedSentences:
    """The built-in encoder for whoever awaits: loaded when first asked, or ahead of that by `warm`."""

    def __init__(self, threads: int = 1, load: Load = load_encoder) -> None:
        self._threads = threads
        self._load = load
        self._thread = ThreadPoolExecutor(1, "sentences")
        self._encode: Encode | None = None
        self._missing = False

    def warm(self, ahead: Callable[[], None] | None = None) -> Future[None]:
        """Begin to load; nobody has to wait for it, and a failure shows when something is embedded.

        `ahead`: done first, on a thread that ends; it may be one that gives way to others, as this one must not.
        """
        if ahead is not None:
            begun = Thread(target=ahead, name="sentences ahead", daemon=True)
            begun.start()
            self._thread.submit(begun.join)
        return self._thread.submit(self._warm)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text: float32 (n, 384).

        Raises:
            ServiceUnavailable: the encoder's package is missing (for the life of the process), or it failed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, list(texts))

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _warm(self) -> None:
        self._ready()(["a red ball"])  # the first forward is slower than those after it

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        encode = self._ready()
        try:
            return grouped(encode, texts)
        except RuntimeError as error:  # torch's own, such as no memory
            log.warning("The text encoder failed: %s", error)
            raise ServiceUnavailable("The text encoder failed.") from None

    def _ready(self) -> Encode:
        if self._encode is None:
            if not self._missing:
                try:
                    self._encode = self._load(self._threads)
                except (ImportError, OSError, RuntimeError) as error:
                    log.warning("No sentence embeddings: %s", error)
                    self._missing = True
            if self._encode is None:
                raise ServiceUnavailable("Sentence embeddings need the text encoder, which cannot be loaded here.")
        return self._encode


def grouped(encode: Encode, texts: Sequence[str]) -> NDArray[np.float32]:
    """Encode in forwards of GROUP texts, those of like length together; the rows come back in the texts' order."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    rows = np.zeros((len(texts), 384), np.float32)
    for first in range(0, len(order), GROUP):
        places = order[first : first + GROUP]
        rows[places] = encode([texts[place] for place in places])
    return rows
