"""A whole tiny LTX-2, with a Gemma of two layers, as diffusers saves it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2Pipeline
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, PreTrainedTokenizerFast

from tests.engine.families.tiny_ltx2 import BENT, ltx2_parts


def gemma() -> tuple[PreTrainedTokenizerFast, Gemma3ForConditionalGeneration]:
    """Knows two words, and hears 16 numbers a layer."""
    known = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "ball": 3}, "<unk>"))
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=known, pad_token="<pad>", model_max_length=1024)
    torch.manual_seed(1)
    text: dict[str, Any] = {"vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "sliding_window": 64}
    eyes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    eyes |= {"image_size": 28, "patch_size": 14}
    config = Gemma3Config(text_config=text, vision_config=eyes, mm_tokens_per_image=4)
    return tokenizer, Gemma3ForConditionalGeneration(config).eval()


def tiny_ltx2_pipeline() -> LTX2Pipeline:
    """Always the same one."""
    tokenizer, encoder = gemma()
    scheduler = FlowMatchEulerDiscreteScheduler(**BENT)
    return LTX2Pipeline(scheduler=scheduler, text_encoder=encoder, tokenizer=tokenizer, **ltx2_parts())
