"""MiniMax-H3's real classes, as small as they can be, with random weights, and its text encoder with its eye."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLMiniMaxH3, AutoencoderKLMiniMaxH3Audio, MiniMaxH3Transformer3DModel
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from app.engine.denoiser import EncodePrompts
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.minimax_h3.family import MiniMaxH3
from app.engine.families.minimax_h3.pictures import Pictures
from app.engine.families.minimax_h3.text import HEARD_LAYER, H3Text
from app.engine.families.models import Parts
from tests.engine.families.standard import lettered


def h3_parts() -> dict[str, Any]:
    """Always the same, with as many channels as the released ones."""
    torch.manual_seed(0)
    transformer = MiniMaxH3Transformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        hidden_size=16,
        num_layers=2,
        num_refiner_layers=1,
        ffn_dim=32,
        text_dim=16,
        freq_dim=16,
        time_embed_hidden_dim=16,
        time_embed_dim=16,
        rope_freq_dim=2,
    )
    video = AutoencoderKLMiniMaxH3(
        block_out_channels=(8,) * 6,
        layers_per_block=1,
        norm_num_groups=4,
        decoder_num_layers=1,
        decoder_num_attention_heads=2,
        decoder_attention_head_dim=16,
        latents_mean=(0.1,) * 24,
        latents_std=(1.5,) * 24,
    )
    sound = AutoencoderKLMiniMaxH3Audio(
        encoder_dim=2,
        latent_dim=32,
        num_attention_heads=2,
        decoder_dim=128,
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3, 5),),
        latents_mean=[-0.1] * 32,
        latents_std=[1.5] * 32,
    )
    return {"transformer": transformer.eval(), "vae": video.eval(), "audio_vae": sound.eval()}


def tiny(encode: EncodePrompts | None = None, shown: Pictures | None = None) -> FamilyDenoiser:
    """Always the same; it sees pictures with an encoder that does."""
    parts = h3_parts()
    heard = Parts(parts["transformer"], parts["vae"], encode or lettered(16))
    return FamilyDenoiser(MiniMaxH3(heard, parts["audio_vae"], shown=shown))


def eye() -> Qwen2VLImageProcessorPil:
    """What a Qwen3-VL sees pictures with."""
    return Qwen2VLImageProcessorPil(
        patch_size=16, merge_size=2, temporal_patch_size=2, size={"shortest_edge": 32**2, "longest_edge": 128**2}
    )


def h3_text() -> H3Text:
    """Always the same."""
    tokenizer, encoder = conditioner()
    return H3Text(tokenizer, encoder, eye())


SEEN = {"<|vision_start|>": 4, "<|image_pad|>": 5, "<|vision_end|>": 6, "<|video_pad|>": 7}


def conditioner() -> tuple[PreTrainedTokenizerFast, Qwen3VLForConditionalGeneration]:
    """It knows two words, and what stands for pictures."""
    known = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "ball": 3} | SEEN, "<unk>"))
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    turns = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    text = {"vocab_size": 16, "num_hidden_layers": HEARD_LAYER + 1, "num_key_value_heads": 2, "head_dim": 8, **sizes}
    eyes: dict[str, Any] = {"depth": 1, "hidden_size": 8, "intermediate_size": 8, "num_heads": 2, "out_hidden_size": 16}
    eyes |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    torch.manual_seed(1)
    named = {"vision_start_token_id": 4, "image_token_id": 5, "vision_end_token_id": 6, "video_token_id": 7}
    config = Qwen3VLConfig(text_config={**text, "rope_parameters": turns}, vision_config=eyes, **named)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=known, pad_token="<pad>", unk_token="<unk>")
    return tokenizer, Qwen3VLForConditionalGeneration(config).eval()
