"""The text encoder of the PromptAnalyzer, asked by many at once."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from ray import serve

from cluster.local import LocalService
from deployments.handles import SentencesHandle

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]


async def test_sentences_asked_for_at_once_are_embedded_together_and_repeats_are_not(service: LocalService) -> None:
    sentences = SentencesHandle(serve.get_deployment_handle("PromptAnalyzer", "kinoray"), timeout_s=60)
    texts = [f"a red ball and {number} stars" for number in range(50)]
    before = await sentences.figures()
    rows = np.concatenate(await asyncio.gather(*(sentences.embed([text]) for text in texts)))
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
    assert np.array_equal(await sentences.embed(texts), rows)
    after = await sentences.figures()
    assert (after.misses - before.misses, after.hits - before.hits) == (50, 50)
