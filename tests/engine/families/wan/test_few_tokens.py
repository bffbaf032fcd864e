from __future__ import annotations

import gc
from copy import deepcopy
from typing import Any

import pytest
import torch

from app.engine.families.wan.few_tokens import CrossAttentionCache
from tests.engine.families.tiny import tiny_transformer


@pytest.fixture(scope="module")
def plain() -> Any:
    return tiny_transformer().eval()


@torch.inference_mode()
def forward(transformer: Any, text: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn((len(text), 4, 2, 4, 4), generator=generator)
    timestep = torch.linspace(900, 100, len(text))
    velocity: torch.Tensor = transformer(noisy, timestep, text, return_dict=False)[0]
    return velocity


def test_a_batch_that_attends_to_kept_texts_answers_as_without(plain: Any) -> None:
    mine = deepcopy(plain)
    memory, texts = CrossAttentionCache(mine), torch.randn(3, 6, 16)
    rows = list(texts.clone())
    for order in ([0, 1, 2], [0, 1, 2], [2, 0], [1]):
        with torch.inference_mode(), memory.attending([rows[i] for i in order], torch.float32) as text:
            torch.testing.assert_close(forward(mine, text), forward(plain, texts[order]), atol=1e-5, rtol=1e-4)


def test_without_a_given_text_it_is_an_ordinary_model(plain: Any) -> None:
    mine, text = deepcopy(plain), torch.randn(2, 6, 16)
    CrossAttentionCache(mine)
    torch.testing.assert_close(forward(mine, text), forward(plain, text), atol=1e-5, rtol=1e-4)


def test_a_text_is_forgotten_when_its_jobs_are_gone(plain: Any) -> None:
    mine = deepcopy(plain)
    memory = CrossAttentionCache(mine)
    for _ in range(5):
        with torch.inference_mode(), memory.attending([torch.randn(6, 16)], torch.float32):
            pass
    gc.collect()
    assert len(memory._known) <= 1  # the last batch's is still at hand


def test_only_small_models_on_a_cpu_suit(plain: Any) -> None:
    assert CrossAttentionCache.suits(plain)
    assert not CrossAttentionCache.suits(plain, tokens=10**6)
    assert not CrossAttentionCache.suits(torch.nn.Linear(1, 1))
