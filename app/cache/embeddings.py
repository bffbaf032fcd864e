"""Prompt embeddings as safetensors bytes: a text met before is not encoded again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from app.cache.store import EMBEDDINGS, ByteCache

MAX_BYTES = 32 * 2**20
MAX_HEADER_BYTES = 64 * 2**10
LENGTH_BYTES = 8  # the header's length, little-endian, opens the file

Tensors = dict[str, NDArray[Any]]


class EmbeddingCache:
    """Named arrays in a ByteCache; never raises for what the cache holds."""

    def __init__(self, cache: ByteCache) -> None:
        self._cache = cache

    async def get(self, key: str) -> Tensors | None:
        """The tensors, or None; what is damaged or too large is dropped."""
        data = await self._cache.get(EMBEDDINGS, key)
        if data is None:
            return None
        tensors = decode(data)
        if tensors is None:
            await self._cache.drop(EMBEDDINGS, key)
        return tensors

    async def put(self, key: str, tensors: Tensors, ttl_s: float, seconds: float = 0.0) -> None:
        """Keep for `ttl_s` what took the encoder so many seconds; more than 32 MiB is not kept."""
        data = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
        if len(data) <= MAX_BYTES:
            await self._cache.put(EMBEDDINGS, key, data, ttl_s, worth=seconds)

    async def drop(self, key: str) -> None:
        """Forget one embedding."""
        await self._cache.drop(EMBEDDINGS, key)


def decode(data: bytes) -> Tensors | None:
    """Writable arrays, or None for bytes that are not whole safetensors of a reasonable size."""
    if not LENGTH_BYTES < len(data) <= MAX_BYTES:
        return None
    if int.from_bytes(data[:LENGTH_BYTES], "little") > MAX_HEADER_BYTES:
        return None
    try:
        return {name: tensor.copy() for name, tensor in load(data).items()}
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        return None
