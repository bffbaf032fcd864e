"""A VITS model of transformers' own class, as small as it can be, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import VitsConfig, VitsModel, VitsTokenizer

SIGNS = "_abcdefghijklmnopqrstuvwxyz '-"


def save(folder: Path, speakers: int = 3) -> None:
    """Write it as `save_pretrained` does."""
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=len(SIGNS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        window_size=2,
        ffn_dim=32,
        flow_size=16,
        spectrogram_bins=9,
        prior_encoder_num_flows=1,
        depth_separable_num_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        prior_encoder_num_wavenet_layers=1,
        wavenet_dilation_rate=1,
        duration_predictor_num_flows=2,
        duration_predictor_filter_channels=16,
        upsample_initial_channel=16,
        upsample_rates=[8, 4],
        upsample_kernel_sizes=[16, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
        num_speakers=speakers,
        speaker_embedding_size=8 if speakers > 1 else 0,
    )
    VitsModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({sign: number for number, sign in enumerate(SIGNS)}))
    kept = {"pad_token": "_", "unk_token": "_", "phonemize": False, "add_blank": True, "normalize": True}
    VitsTokenizer(str(folder / "vocab.json"), language="eng", is_uroman=False, **kept).save_pretrained(folder)
