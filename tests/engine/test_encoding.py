from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from app.engine.denoiser import TOKENS
from app.engine.embedding import Embedding
from app.engine.encoding import SharedEncoder, blocking_encoder
from app.errors import PartAway, PartFailed, ServiceUnavailable, WorkerLost

pytestmark = pytest.mark.anyio


class Far:
    """An encoder elsewhere that does not answer the first few times."""

    def __init__(
        self, silent: int = 0, answer: Embedding | None = None, error: type[ServiceUnavailable] = ServiceUnavailable
    ) -> None:
        self.asked: list[str] = []
        self._error = error
        self._silent = silent
        self._answer = answer

    async def __call__(self, text: str) -> Embedding:
        self.asked.append(text)
        if len(self.asked) <= self._silent:
            raise self._error("The text encoder is not running.")
        return {TOKENS: np.full((2, 3), len(text), np.float32)} if self._answer is None else self._answer


async def test_the_shared_encoder_gives_each_text_its_own_embedding() -> None:
    rows = await SharedEncoder(Far()).encode(["a", "abc", ""])
    assert [row[TOKENS][0, 0] for row in rows] == [1, 3, 0]


async def test_it_is_asked_again_and_when_it_stays_silent_the_attempt_ends_and_not_the_job() -> None:
    far = Far(silent=2)
    assert (await SharedEncoder(far, pause_s=0.0).encode(["a"]))[0][TOKENS].shape == (2, 3)
    assert far.asked == ["a"] * 3
    with pytest.raises(WorkerLost, match="not running"):
        await SharedEncoder(Far(silent=9), pause_s=0.0).encode(["a"])


@pytest.mark.parametrize(("error", "ends"), [(ServiceUnavailable, PartAway), (PartFailed, WorkerLost)])
async def test_it_counts_against_a_job_only_where_an_encoder_died_or_failed_over_it(
    error: type[ServiceUnavailable], ends: type[WorkerLost]
) -> None:
    with pytest.raises(WorkerLost) as raised:
        await SharedEncoder(Far(silent=9, error=error), pause_s=0.0).encode(["a"])
    assert type(raised.value) is ends


async def test_the_engines_thread_does_not_wait_for_ever() -> None:
    async def never(_: str) -> Embedding:
        await asyncio.Event().wait()
        raise AssertionError

    encode = blocking_encoder(never, asyncio.get_running_loop(), timeout_s=0.01)
    with pytest.raises(PartAway, match="did not answer"):
        await asyncio.to_thread(encode, ["a"])


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros((2, 3), np.float32),
        {},
        {"mask": np.zeros((2, 3), np.float32)},
        {TOKENS: np.zeros(3, np.float32)},
        {TOKENS: np.zeros((2, 3))},
        {TOKENS: np.full((2, 3), np.nan, np.float32)},
        {TOKENS: np.zeros((2, 3), np.float32), "mask": [1, 1]},
    ],
)
async def test_what_is_no_embedding_goes_no_further(answer: Any) -> None:
    with pytest.raises(WorkerLost):
        await SharedEncoder(Far(answer=answer), tries=1).encode(["a"])


async def test_the_engines_thread_can_ask_it_too() -> None:
    encode = blocking_encoder(Far(), asyncio.get_running_loop())
    made = await asyncio.to_thread(encode, ["a", "abc"])
    assert [heard[TOKENS][0, 0].item() for heard in made] == [1.0, 3.0]
