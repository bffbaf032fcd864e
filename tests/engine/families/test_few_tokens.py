from __future__ import annotations

import gc
from copy import deepcopy
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel

from app.engine.families.few_tokens import TextMemory


@pytest.fixture(scope="module")
def plain() -> Any:
    torch.manual_seed(0)
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
    ).eval()


@torch.inference_mode()
def forward(transformer: Any, text: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn((len(text), 4, 2, 4, 4), generator=generator)
    timestep = torch.linspace(900, 100, len(text))
    velocity: torch.Tensor = transformer(noisy, timestep, text, return_dict=False)[0]
    return velocity


def test_a_batch_that_hears_kept_texts_answers_as_without(plain: Any) -> None:
    mine = deepcopy(plain)
    memory, texts = TextMemory(mine), torch.randn(3, 6, 16)
    rows = list(texts.clone())
    for order in ([0, 1, 2], [0, 1, 2], [2, 0], [1]):
        with torch.inference_mode(), memory.hearing([rows[i] for i in order], torch.float32) as text:
            torch.testing.assert_close(forward(mine, text), forward(plain, texts[order]), atol=1e-5, rtol=1e-4)


def test_without_a_given_text_it_is_an_ordinary_model(plain: Any) -> None:
    mine, text = deepcopy(plain), torch.randn(2, 6, 16)
    TextMemory(mine)
    torch.testing.assert_close(forward(mine, text), forward(plain, text), atol=1e-5, rtol=1e-4)


def test_a_text_is_forgotten_when_its_jobs_are_gone(plain: Any) -> None:
    mine = deepcopy(plain)
    memory = TextMemory(mine)
    for _ in range(5):
        with torch.inference_mode(), memory.hearing([torch.randn(6, 16)], torch.float32):
            pass
    gc.collect()
    assert len(memory._known) <= 1  # the last batch's is still at hand


def test_only_small_models_on_a_cpu_suit(plain: Any) -> None:
    assert TextMemory.suits(plain)
    assert not TextMemory.suits(plain, tokens=10**6)
    assert not TextMemory.suits(torch.nn.Linear(1, 1))
