"""The real Wan transformer, as small as it can be, with random weights."""

from __future__ import annotations

import torch
from diffusers import WanTransformer3DModel


def tiny_transformer() -> WanTransformer3DModel:
    """Always the same one."""
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
    )
