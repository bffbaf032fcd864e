"""Typed entries over bytes: results as JSON, embeddings as safetensors."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from app.cache.embeddings import MAX_BYTES, EmbeddingCache, decode
from app.cache.memory import MemoryCache
from app.cache.results import CachedResult, ResultCache
from app.types import Artifact

pytestmark = pytest.mark.anyio

RESULT = CachedResult("video_1", {"video": Artifact("video_1/1/video.mp4", "video/mp4", 9)}, 1e9 + 1 / 3, 1.25)
WHOLE = save({"tokens": np.arange(6, dtype=np.float32)})


async def test_a_result_comes_back_as_it_was() -> None:
    results = ResultCache(MemoryCache(10_000))
    assert await results.get("key") is None
    await results.put("key", RESULT, 60.0)
    assert await results.get("key") == RESULT
    await results.drop("key")
    assert await results.get("key") is None


async def test_a_damaged_result_is_a_miss_and_is_dropped() -> None:
    cache = MemoryCache(10_000)
    await cache.put("results", "key", b'{"job_id": 1}', 60.0)
    assert await ResultCache(cache).get("key") is None
    assert cache.look("results", "key") is None


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool"])
async def test_tensors_come_back_bit_for_bit(dtype: str) -> None:
    embeddings = EmbeddingCache(MemoryCache(10**6))
    tokens = (np.random.default_rng(0).normal(size=(7, 12)) * 100).astype(dtype)
    await embeddings.put("key", {"tokens": tokens.T, "empty": tokens[:0]}, 60.0)
    found = await embeddings.get("key")
    assert found is not None
    assert found["tokens"].dtype == tokens.dtype
    np.testing.assert_array_equal(found["tokens"], tokens.T)
    found["tokens"][0] = 0  # ours to change


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04K\x01.",
        WHOLE[:-1],
        WHOLE[:20],
        b"\xff" * 64,
        (2**40).to_bytes(8, "little") + b"{}",
        b"\x02" + bytes(7) + b"[]",
        WHOLE.replace(b"F32", b"X32"),
        bytes(MAX_BYTES + 1),
    ],
)
async def test_damaged_tensors_are_a_miss_and_are_dropped(data: bytes) -> None:
    cache = MemoryCache(2**30)
    await cache.put("embeddings", "key", data, 60.0)
    assert await EmbeddingCache(cache).get("key") is None
    assert cache.look("embeddings", "key") is None


async def test_tensors_beyond_the_limit_are_not_kept() -> None:
    cache = MemoryCache(2**30)
    await EmbeddingCache(cache).put("key", {"tokens": np.zeros(MAX_BYTES, np.uint8)}, 60.0)
    assert cache.look("embeddings", "key") is None


def test_whole_tensors_decode() -> None:
    assert decode(WHOLE) is not None
