"""Tiny models of the real classes, saved as diffusers saves them, and a LoRA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline, WanPipeline
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from tests.engine.families.tiny import Z, tiny_autoencoder, tiny_clip, tiny_transformer

WORDS = ("<pad>", "</s>", "<unk>", "a", "red", "ball", "blue", "box", "job", "1", "2")


def tiny_t5() -> tuple[PreTrainedTokenizerFast, UMT5EncoderModel]:
    """A tokenizer of a few words, and an encoder of 16 numbers a token."""
    plain = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, "<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    torch.manual_seed(0)
    shape = UMT5Config(vocab_size=len(WORDS), d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2)
    return tokenizer, UMT5EncoderModel(shape).eval()


def save_t2v(folder: Path, seed: int = 0, **more: Any) -> WanPipeline:
    """A text-to-video model in `folder`, and the pipeline of it."""
    tokenizer, encoder = tiny_t5()
    pipeline = WanPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=tiny_autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=tiny_transformer(seed),
        **more,
    )
    pipeline.save_pretrained(folder)
    return pipeline


def save_i2v(folder: Path) -> WanImageToVideoPipeline:
    """An image-to-video model with CLIP in `folder`, and the pipeline of it."""
    tokenizer, encoder = tiny_t5()
    processor, eye = tiny_clip()
    pipeline = WanImageToVideoPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=tiny_autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=tiny_transformer(0, 2 * Z + 4, image_dim=8, added_kv_proj_dim=24),
        image_processor=processor,
        image_encoder=eye,
    )
    pipeline.save_pretrained(folder)
    return pipeline


def save_lora(path: Path, seed: int = 5) -> None:
    """An adapter of the queries of both blocks, strong enough to be seen."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for block in range(2):
        for part in ("attn1.to_q", "attn2.to_v", "ffn.net.2"):
            sides = (32, 24) if part == "ffn.net.2" else (24, 24)
            name = f"transformer.blocks.{block}.{part}"
            weights[f"{name}.lora_A.weight"] = torch.randn(4, sides[0], generator=generator)
            weights[f"{name}.lora_B.weight"] = torch.randn(sides[1], 4, generator=generator)
    save_file(weights, path)


def index_of(folder: Path) -> dict[str, Any]:
    """The folder's model index."""
    found: dict[str, Any] = json.loads((folder / "model_index.json").read_text())
    return found
