"""Texts come in, unit vectors of their meaning go out: the port, its word-hashing answer, and a cache before either."""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

WIDTH: Final = 384
"""Numbers in a sentence's vector."""
MOST_CHARS: Final = 8_000
"""What lies behind is not read: no encoder looks so far."""
ENTRY_BYTES: Final = 400
"""What one kept vector takes beside its numbers: its key, its place in the order, the array's head."""


class Sentences(Protocol):
    """Meaning as vectors: the dot product of two rows is the likeness of their texts."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of length one per text, in their order: float32 (n, 384). Any string is legal.

        Raises:
            ServiceUnavailable: there is no encoder, or it does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class SentenceFigures:
    """What a cache of sentences has done and holds."""

    hits: int = 0
    misses: int = 0
    entries: int = 0
    size_bytes: int = 0


class WordSentences:
    """Texts that share words are alike: words hashed to places, no model and no wait. For tests and tools."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Never raises; a text without words points along the first axis."""
        rows = np.zeros((len(texts), WIDTH), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", tidy(text).casefold()):
                digest = hashlib.sha256(word.encode()).digest()
                row[int.from_bytes(digest[:4], "big") % WIDTH] += 1.0 if digest[4] & 1 else -1.0
            if not row.any():
                row[0] = 1.0
            row /= np.linalg.norm(row)
        return rows


class CachedSentences:
    """Any Sentences, asked only for what is not known yet; the vectors used least recently go first.

    `max_bytes` bounds what is kept, `ttl_s` how long; `clock` gives seconds. What cannot be embedded is not remembered.
    """

    def __init__(
        self, source: Sentences, max_bytes: int, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._kept: TTLCache[bytes, Vectors] = TTLCache(max_bytes, ttl_s, clock, getsizeof=_size)
        self._hits = self._misses = 0

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """As the source does; a text that comes twice in a call is asked for once."""
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        asked = [tidy(text) for text in texts]
        keys = [sentence_key(text) for text in asked]
        rows = {key: row for key in keys if (row := self._kept.get(key)) is not None}
        missing = {key: text for key, text in zip(keys, asked, strict=True) if key not in rows}
        self._hits += sum(key in rows for key in keys)
        self._misses += sum(key not in rows for key in keys)
        if missing:
            made = await self._source.embed(list(missing.values()))
            for key, row in zip(missing, made, strict=True):
                rows[key] = self._keep(key, row)
        return np.stack([rows[key] for key in keys])

    def figures(self) -> SentenceFigures:
        """Hits and misses count texts, not calls."""
        return SentenceFigures(self._hits, self._misses, len(self._kept), int(self._kept.currsize))

    def _keep(self, key: bytes, row: Vectors) -> Vectors:
        own = np.array(row, np.float32)  # a copy: a view would keep its whole batch alive
        if _size(own) <= self._kept.maxsize:
            self._kept[key] = own
        return own


def tidy(text: str) -> str:
    """The text as encoders see it: composed characters, single spaces, no ends, no halves of characters."""
    whole = text[:MOST_CHARS].encode("utf-8", "replace").decode()
    return " ".join(unicodedata.normalize("NFC", whole).split())


def sentence_key(text: str) -> bytes:
    """SHA-256 of a tidy text."""
    return hashlib.sha256(text.encode()).digest()


def _size(row: Vectors) -> int:
    return row.nbytes + ENTRY_BYTES
