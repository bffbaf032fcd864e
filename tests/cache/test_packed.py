"""Compression where it pays, and nothing from a store that opens into more than it should."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from app.cache.memory import MemoryCache
from app.cache.packed import LEAST_BYTES, MAX_BYTES, PackedCache, pack, unpack

pytestmark = pytest.mark.anyio

TEXT = b'{"key": "video_1/1/video.mp4", "size_bytes": 12345}' * 200
NOISE = np.random.default_rng(0).bytes(400_000)


@given(st.binary(max_size=4096))
def test_every_value_comes_back(value: bytes) -> None:
    assert unpack(pack(value)) == value
    assert len(pack(value)) <= len(value) + 1


def test_only_what_shrinks_is_compressed() -> None:
    assert len(pack(TEXT)) < len(TEXT) / 10
    for kept in (TEXT[: LEAST_BYTES - 1], NOISE, NOISE[:5000]):
        assert pack(kept) == b"\x00" + kept
    assert unpack(pack(NOISE + bytes(400_000) + NOISE)) == NOISE + bytes(400_000) + NOISE


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x02abc",
        b"\x01",
        b"\x01abc",
        pack(TEXT)[:-1],
        pack(TEXT)[:40],
        b"\x01" + zstandard.ZstdCompressor().compress(bytes(MAX_BYTES + 1)),
        b"\x01" + zstandard.ZstdCompressor(write_content_size=False).compress(TEXT),
    ],
)
async def test_what_is_damaged_or_opens_too_wide_is_a_miss_and_is_dropped(damaged: bytes) -> None:
    memory = MemoryCache(2**20)
    await memory.put("results", "key", damaged, 60.0)
    assert await PackedCache(memory).get("results", "key") is None
    assert memory.look("results", "key") is None


async def test_sizes_are_those_of_what_is_kept() -> None:
    cache = PackedCache(MemoryCache(2**20))
    await cache.put("results", "key", TEXT, 60.0, worth=2.0)
    assert await cache.get("results", "key") == TEXT
    figures = (await cache.figures())["results"]
    assert (figures.size_bytes, figures.saved_step_seconds) == (len(pack(TEXT)), 2.0)
    assert (await cache.clear(), await cache.healthy()) == (1, True)
