from __future__ import annotations

from collections.abc import Sequence

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ServiceUnavailable
from app.plan.sentences import ENTRY_BYTES, WIDTH, CachedSentences, SentenceFigures, Vectors, WordSentences, tidy

pytestmark = pytest.mark.anyio

ENTRY = 4 * WIDTH + ENTRY_BYTES


class Counting:
    """Word sentences that know what they were asked; one text cannot be embedded."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        if "unlucky" in texts:
            raise ServiceUnavailable("No.")
        return await WordSentences().embed(texts)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_words_in_common_make_texts_alike() -> None:
    ball, balls, star = await WordSentences().embed(["a red ball rolls", "a red ball", "blue stars"])
    assert ball @ balls > 0.8 > ball @ star


async def test_a_repeat_is_answered_without_asking_however_it_is_spaced() -> None:
    source = Counting()
    cached = CachedSentences(source, 100 * ENTRY, ttl_s=60)
    first = await cached.embed(["a red ball", "a star"])
    again = await cached.embed([" a  star\n", "a red ball"])
    assert source.asked == [["a red ball", "a star"]]
    assert np.array_equal(first[::-1], again)
    assert cached.figures() == SentenceFigures(hits=2, misses=2, entries=2, size_bytes=2 * ENTRY)


async def test_only_what_is_not_known_is_asked_for_and_that_once() -> None:
    source = Counting()
    cached = CachedSentences(source, 100 * ENTRY, ttl_s=60)
    await cached.embed(["a"])
    rows = await cached.embed(["b", "a", "b"])
    assert source.asked == [["a"], ["b"]]
    assert np.array_equal(rows, await WordSentences().embed(["b", "a", "b"]))


async def test_the_bytes_are_bounded_and_the_least_used_goes_first() -> None:
    source = Counting()
    cached = CachedSentences(source, 2 * ENTRY, ttl_s=60)
    for text in ("a", "b", "a", "c", "a"):
        await cached.embed([text])
    assert source.asked == [["a"], ["b"], ["c"]]
    await cached.embed(["b"])
    assert source.asked[-1] == ["b"]
    assert cached.figures().size_bytes == 2 * ENTRY


@pytest.mark.parametrize("max_bytes", [0, ENTRY - 1])
async def test_a_cache_too_small_for_anything_answers_nevertheless(max_bytes: int) -> None:
    cached = CachedSentences(WordSentences(), max_bytes, ttl_s=60)
    assert (await cached.embed(["a", "b"])).shape == (2, WIDTH)
    assert cached.figures().entries == 0


async def test_a_vector_lives_its_time() -> None:
    clock, source = Clock(), Counting()
    cached = CachedSentences(source, 100 * ENTRY, ttl_s=60, clock=clock)
    for clock.now in (0.0, 59.0, 60.0):
        await cached.embed(["a"])
    assert source.asked == [["a"], ["a"]]
    assert cached.figures().entries == 1


async def test_a_failure_is_passed_on_and_not_remembered() -> None:
    source = Counting()
    cached = CachedSentences(source, 100 * ENTRY, ttl_s=60)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await cached.embed(["unlucky", "a"])
    assert source.asked == [["unlucky", "a"]] * 2


async def test_who_writes_into_an_answer_does_not_write_into_the_cache() -> None:
    cached = CachedSentences(WordSentences(), 100 * ENTRY, ttl_s=60)
    (await cached.embed(["a"]))[:] = 0
    assert np.linalg.norm(await cached.embed(["a"])) == pytest.approx(1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(), max_size=30), max_size=4))
def test_any_strings_get_rows_of_length_one(texts: list[str]) -> None:
    rows = anyio.run(CachedSentences(WordSentences(), 100 * ENTRY, ttl_s=60).embed, texts)
    assert rows.shape == (len(texts), WIDTH)
    assert rows.dtype == np.dtype(np.float32)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert [tidy(tidy(text)) for text in texts] == [tidy(text) for text in texts]
