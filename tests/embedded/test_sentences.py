from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from anyio.lowlevel import checkpoint
from numpy.typing import NDArray

from app.embedded.sentences import GROUP, EmbeddedSentences, Encode, grouped
from app.embedded.text import TextEncoderMissing
from app.errors import ServiceUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def sentences() -> Iterator[EmbeddedSentences]:
    made = EmbeddedSentences()
    yield made
    made.close()


async def test_texts_of_like_meaning_are_near_whatever_their_length(sentences: EmbeddedSentences) -> None:
    rows = await sentences.embed(
        ["a blue star falls at night", "a crimson sphere rolls to the right", "a red ball rolls"]
    )
    assert rows.shape == (3, 384)
    assert rows.dtype == np.dtype(np.float32)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
    assert rows[1] @ rows[2] > rows[0] @ rows[2]


async def test_any_text_can_be_embedded(sentences: EmbeddedSentences) -> None:
    rows = await sentences.embed(["", "🏃‍♀️🔥", "ลูกบอลสีแดง", "x" * 8000, "\x00"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
    assert (await sentences.embed([])).shape == (0, 384)


async def test_the_loop_goes_on_while_the_encoder_works(sentences: EmbeddedSentences) -> None:
    work = asyncio.ensure_future(sentences.embed([f"a red ball and {number} stars" for number in range(64)]))
    turns = 0
    while not work.done():
        await checkpoint()
        turns += 1
    assert turns > 3


async def test_a_missing_encoder_is_a_typed_error_and_is_looked_for_once() -> None:
    loads = []

    def load(threads: int) -> Encode:
        loads.append(threads)
        raise TextEncoderMissing("The text encoder is missing.")

    sentences = EmbeddedSentences(load=load)
    sentences.warm()
    for _ in range(2):
        with pytest.raises(ServiceUnavailable, match="cannot be loaded"):
            await sentences.embed(["a red ball"])
    assert loads == [1]
    sentences.close()


async def test_what_torch_raises_is_a_typed_error() -> None:
    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        raise RuntimeError("not enough memory")

    sentences = EmbeddedSentences(load=lambda threads: encode)
    with pytest.raises(ServiceUnavailable, match="failed"):
        await sentences.embed(["a red ball"])
    sentences.close()


async def test_it_is_loaded_and_run_on_one_thread_that_is_not_the_loops() -> None:
    threads = []

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        threads.append(threading.get_ident())
        return np.ones((len(texts), 384), np.float32)

    def load(_: int) -> Encode:
        threads.append(threading.get_ident())
        return encode

    sentences = EmbeddedSentences(load=load)
    await asyncio.gather(*(sentences.embed(["a"]) for _ in range(5)))
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads
    sentences.close()


def test_groups_are_of_like_length_and_rows_keep_their_order() -> None:
    texts = ["x" * (7 * number % 50) for number in range(40)]
    seen: list[list[int]] = []

    def encode(group: Sequence[str]) -> NDArray[np.float32]:
        seen.append([len(text) for text in group])
        return np.array([[len(text)] * 384 for text in group], np.float32)

    rows = grouped(encode, texts)
    assert rows[:, 0].tolist() == [len(text) for text in texts]
    assert [len(group) for group in seen] == [GROUP, GROUP, 8]
    assert sum(seen, []) == sorted(len(text) for text in texts)


async def test_what_can_be_done_ahead_is_done_on_a_thread_that_ends_before_anything_is_embedded() -> None:
    done = list[str]()

    def load(threads: int) -> Encode:
        done.append(threading.current_thread().name)
        return lambda texts: np.zeros((len(texts), 384), np.float32)

    sentences = EmbeddedSentences(load=load)
    sentences.warm(lambda: done.append(threading.current_thread().name))
    await sentences.embed(["a red ball"])
    sentences.close()
    assert done[0] == "sentences ahead"
    assert done[1].startswith("sentences_")
