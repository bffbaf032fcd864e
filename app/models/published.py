"""The published models as data: classes and configurations of their parts, so that they are weighed without a file.

Numbers are those of the models' own `config.json`; what a class has by default is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class PartOf(NamedTuple):
    """A part: the library and class, and what its configuration says beyond the class's defaults."""

    library: str
    kind: str
    facts: Mapping[str, Any] = MappingProxyType({})


Parts = Mapping[str, PartOf]


def _wan(heads: int, ffn: int, layers: int, **more: Any) -> PartOf:
    facts = {"num_attention_heads": heads, "attention_head_dim": 128, "ffn_dim": ffn, "num_layers": layers, **more}
    return PartOf("diffusers", "WanTransformer3DModel", facts)


_UMT5: Final = PartOf(
    "transformers",
    "UMT5EncoderModel",
    {"vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64},
)
_T5: Final = PartOf(
    "transformers",
    "T5EncoderModel",
    {
        "vocab_size": 32128,
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 24,
        "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
    },
)
_CLIP_H: Final = PartOf(
    "transformers",
    "CLIPVisionModel",
    {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "patch_size": 14,
    },
)
_WAN_VAE: Final = PartOf("diffusers", "AutoencoderKLWan")
_PICTURE: Final = {"in_channels": 36}  # the picture's latent and where it is, beside the noise
_SEEN: Final = {**_PICTURE, "image_dim": 1280, "added_kv_proj_dim": 5120}
_14B: Final = (40, 13824, 40)
_TI2V_VAE: Final = PartOf(
    "diffusers",
    "AutoencoderKLWan",
    {
        "base_dim": 160,
        "decoder_base_dim": 256,
        "z_dim": 48,
        "is_residual": True,
        "in_channels": 12,
        "out_channels": 12,
        "patch_size": 2,
        "scale_factor_spatial": 16,
        "latents_mean": [0.0] * 48,
        "latents_std": [1.0] * 48,
    },
)


def _skyreels(heads: int, ffn: int, layers: int) -> PartOf:
    facts = {"num_attention_heads": heads, "attention_head_dim": 128, "ffn_dim": ffn, "num_layers": layers}
    return PartOf("diffusers", "SkyReelsV2Transformer3DModel", facts | {"inject_sample_info": heads == 12})


def _of_wan(transformer: PartOf, **more: PartOf) -> Parts:
    return {"transformer": transformer, "vae": _WAN_VAE, "text_encoder": _UMT5, **more}


_LTX: Final[Parts] = {
    "transformer": PartOf("diffusers", "LTXVideoTransformer3DModel"),
    "vae": PartOf("diffusers", "AutoencoderKLLTXVideo"),
    "text_encoder": _T5,
}


def _cogvideox(heads: int, layers: int, **more: Any) -> Parts:
    facts = {"num_attention_heads": heads, "num_layers": layers, **more}
    return {
        "transformer": PartOf("diffusers", "CogVideoXTransformer3DModel", facts),
        "vae": PartOf("diffusers", "AutoencoderKLCogVideoX"),
        "text_encoder": _T5,
    }


_HUNYUAN: Final[Parts] = {
    "transformer": PartOf("diffusers", "HunyuanVideoTransformer3DModel"),
    "vae": PartOf("diffusers", "AutoencoderKLHunyuanVideo"),
    "text_encoder": PartOf(
        "transformers",
        "LlamaModel",
        {
            "vocab_size": 128320,
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
        },
    ),
    "text_encoder_2": PartOf(
        "transformers",
        "CLIPTextModel",
        {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    ),
}
_HUNYUAN15: Final[Parts] = {
    "transformer": PartOf("diffusers", "HunyuanVideo15Transformer3DModel", {"task_type": "t2v"}),
    "vae": PartOf("diffusers", "AutoencoderKLHunyuanVideo15"),
    "text_encoder": PartOf(
        "transformers",
        "Qwen2_5_VLTextModel",
        {
            "vocab_size": 152064,
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
    ),
    "text_encoder_2": PartOf(
        "transformers",
        "T5EncoderModel",
        {
            "vocab_size": 1510,
            "d_model": 1472,
            "d_kv": 64,
            "d_ff": 3584,
            "num_layers": 12,
            "num_heads": 6,
            "feed_forward_proj": "gated-gelu",
        },
    ),
}
_Z_IMAGE: Final[Parts] = {
    "transformer": PartOf("diffusers", "ZImageTransformer2DModel"),
    "vae": PartOf(
        "diffusers",
        "AutoencoderKL",
        {
            "block_out_channels": [128, 256, 512, 512],
            "latent_channels": 16,
            "layers_per_block": 2,
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
        },
    ),
    "text_encoder": PartOf(
        "transformers",
        "Qwen3Model",
        {
            "vocab_size": 151936,
            "hidden_size": 2560,
            "intermediate_size": 9728,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "tie_word_embeddings": True,
        },
    ),
}
_COG5: Final = {"use_rotary_positional_embeddings": True}

PUBLISHED: Final[Mapping[str, Parts]] = MappingProxyType(
    {
        "wan2.1-t2v-1.3b": _of_wan(_wan(12, 8960, 30)),
        "wan2.1-t2v-14b": _of_wan(_wan(*_14B)),
        "wan2.2-t2v-a14b": _of_wan(_wan(*_14B), transformer_2=_wan(*_14B)),
        "wan2.2-ti2v-5b": {
            **_of_wan(_wan(24, 14336, 30, in_channels=48, out_channels=48)),
            "vae": _TI2V_VAE,
        },
        "wan2.1-i2v-14b-480p": _of_wan(_wan(*_14B, **_SEEN), image_encoder=_CLIP_H),
        "wan2.1-i2v-14b-720p": _of_wan(_wan(*_14B, **_SEEN), image_encoder=_CLIP_H),
        "wan2.2-i2v-a14b": _of_wan(_wan(*_14B, **_PICTURE), transformer_2=_wan(*_14B, **_PICTURE)),
        "skyreels-v2-df-1.3b-540p": _of_wan(_skyreels(12, 8960, 30)),
        "skyreels-v2-df-14b-540p": _of_wan(_skyreels(*_14B)),
        "skyreels-v2-df-14b-720p": _of_wan(_skyreels(*_14B)),
        "ltx-video": _LTX,
        "hunyuan-video": _HUNYUAN,
        "hunyuan-video-1.5-480p": _HUNYUAN15,
        "hunyuan-video-1.5-720p": _HUNYUAN15,
        "cogvideox-2b": _cogvideox(30, 30),
        "cogvideox-5b": _cogvideox(48, 42, **_COG5),
        "z-image": _Z_IMAGE,
        "z-image-turbo": _Z_IMAGE,
    }
)
"""Family -> its parts."""
