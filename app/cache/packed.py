"""Between what is cached and the tiers: bytes are compressed where it pays, and opened again within bounds."""

from __future__ import annotations

import zstandard

from app.cache.store import ByteCache, LevelFigures

LEAST_BYTES = 1024  # shorter values are not worth the try
SAMPLE_BYTES = 64 * 2**10
KEPT_SHARE = 0.9  # what does not get smaller than this stays as it is: opening it costs time at every hit
MAX_BYTES = 64 * 2**20
_PLAIN, _ZSTD = b"\x00", b"\x01"
_FAST = 3


class PackedCache:
    """The ByteCache port over another; its sizes are those of the compressed values, in bytes."""

    def __init__(self, inner: ByteCache) -> None:
        self._inner = inner

    async def get(self, level: str, key: str) -> bytes | None:
        """The bytes, or None; what is damaged is dropped."""
        packed = await self._inner.get(level, key)
        if packed is None:
            return None
        value = unpack(packed)
        if value is None:
            await self._inner.drop(level, key)
        return value

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        """More than 64 MiB is not kept."""
        if len(value) <= MAX_BYTES:
            await self._inner.put(level, key, pack(value), ttl_s, worth)

    async def drop(self, level: str, key: str) -> None:
        await self._inner.drop(level, key)

    async def clear(self, level: str | None = None) -> int:
        return await self._inner.clear(level)

    async def figures(self) -> dict[str, LevelFigures]:
        return await self._inner.figures()

    async def healthy(self) -> bool:
        return await self._inner.healthy()


def pack(value: bytes) -> bytes:
    """The value behind a byte that says how it is kept: plain, or as one zstd frame that knows its length."""
    if len(value) >= LEAST_BYTES and _pays(value):
        small = zstandard.ZstdCompressor(level=_FAST).compress(value)
        if len(small) <= KEPT_SHARE * len(value):
            return _ZSTD + small
    return _PLAIN + value


def unpack(packed: bytes) -> bytes | None:
    """The value, or None for what `pack` has not made or what would be larger than 64 MiB."""
    how, body = packed[:1], packed[1:]
    if how == _PLAIN:
        return body if len(body) <= MAX_BYTES else None
    if how != _ZSTD:
        return None
    try:
        size = zstandard.get_frame_parameters(body).content_size
        if not 0 < size <= MAX_BYTES:  # also what says nothing of its size
            return None
        value = zstandard.ZstdDecompressor().decompress(body, max_output_size=size)
    except zstandard.ZstdError:
        return None
    return value if len(value) == size else None


def _pays(value: bytes) -> bool:
    """Whether the middle of a large value gets smaller; noise, such as most tensors, is not read to its end."""
    if len(value) <= 2 * SAMPLE_BYTES:
        return True
    start = (len(value) - SAMPLE_BYTES) // 2
    sample = value[start : start + SAMPLE_BYTES]
    return len(zstandard.ZstdCompressor(level=1).compress(sample)) <= KEPT_SHARE * len(sample)
