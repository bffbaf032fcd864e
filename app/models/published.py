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


def _vace(heads: int, ffn: int, layers: int, heard: range) -> PartOf:
    """`heard`: the blocks that hear what it is shown."""
    return PartOf("diffusers", "WanVACETransformer3DModel", {**_wan(heads, ffn, layers).facts, "vace_layers": [*heard]})


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
_SIGLIP: Final = PartOf(
    "transformers",
    "SiglipVisionModel",
    {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 384,
        "patch_size": 14,
    },
)
_GEMMA: Final = PartOf(
    "transformers",
    "Gemma3ForConditionalGeneration",
    {
        "text_config": {
            "vocab_size": 262208,
            "hidden_size": 3840,
            "intermediate_size": 15360,
            "num_hidden_layers": 48,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 256,
        },
        "vision_config": {
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "image_size": 896,
            "patch_size": 14,
        },
    },
)
_LTX2: Final = "diffusers.pipelines.ltx2"


def _ltx2(transformer: Mapping[str, Any], connectors: Mapping[str, Any], vocoder: str = "LTX2Vocoder") -> Parts:
    return {
        "transformer": PartOf("diffusers", "LTX2VideoTransformer3DModel", transformer),
        "vae": PartOf("diffusers", "AutoencoderKLLTX2Video"),
        "audio_vae": PartOf("diffusers", "AutoencoderKLLTX2Audio"),
        "text_encoder": _GEMMA,
        "connectors": PartOf(_LTX2, "LTX2TextConnectors", connectors),
        "vocoder": PartOf(_LTX2, vocoder),
    }


_LTX20: Final = _ltx2({}, {})
_LTX23: Final = _ltx2(
    {
        "gated_attn": True,
        "cross_attn_mod": True,
        "audio_gated_attn": True,
        "audio_cross_attn_mod": True,
        "use_prompt_embeddings": False,
        "perturbed_attn": True,
        "rope_type": "split",
    },
    {
        "video_connector_num_attention_heads": 32,
        "video_connector_num_layers": 8,
        "video_gated_attn": True,
        "audio_connector_num_attention_heads": 32,
        "audio_connector_attention_head_dim": 64,
        "audio_connector_num_layers": 8,
        "audio_gated_attn": True,
        "rope_type": "split",
        "per_modality_projections": True,
        "proj_bias": True,
    },
    "LTX2VocoderWithBWE",
)  # its autoencoder is taken for that of 2.0
_UPSAMPLER: Final = PartOf(_LTX2, "LTX2LatentUpsamplerModel")
_LTX20_TWICE: Final[Parts] = {**_LTX20, "latent_upsampler": _UPSAMPLER}
_LTX23_TWICE: Final[Parts] = {**_LTX23, "latent_upsampler": _UPSAMPLER}
_MINIMAX_H3: Final[Parts] = {
    "transformer": PartOf("diffusers", "MiniMaxH3Transformer3DModel", {"text_dim": 5120}),
    "vae": PartOf("diffusers", "AutoencoderKLMiniMaxH3"),
    "audio_vae": PartOf(
        "diffusers", "AutoencoderKLMiniMaxH3Audio", {"latents_mean": [0.0] * 32, "latents_std": [1.0] * 32}
    ),
    "text_encoder": PartOf(
        "transformers",
        "Qwen3VLForConditionalGeneration",
        {
            "text_config": {
                "vocab_size": 151936,
                "hidden_size": 5120,
                "intermediate_size": 25600,
                "num_hidden_layers": 64,
                "num_attention_heads": 64,
                "num_key_value_heads": 8,
                "head_dim": 128,
            },
            "vision_config": {"out_hidden_size": 5120},  # else as the class has it
        },
    ),
}
_COG5: Final = {"use_rotary_positional_embeddings": True}
_COG15: Final = {**_COG5, "patch_size_t": 2, "patch_bias": False}
_LLAVA: Final = PartOf(
    "transformers",
    "LlavaForConditionalGeneration",
    {
        "text_config": {"model_type": "llama", **_HUNYUAN["text_encoder"].facts},
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 336,
            "patch_size": 14,
        },
    },
)


def _hunyuan_picture(kind: str, **more: Any) -> Parts:
    """HunyuanVideo 1.0 of a picture, which its text encoder sees, too."""
    facts = {"image_condition_type": kind, **more}
    return {
        **_HUNYUAN,
        "transformer": PartOf("diffusers", "HunyuanVideoTransformer3DModel", facts),
        "text_encoder": _LLAVA,
    }


def _kandinsky5(width: int, time: int, text_blocks: int, blocks: int, axes: tuple[int, int, int]) -> Parts:
    """Sizes from the configurations in its makers' repository; its language model is the one of HunyuanVideo 1.5."""
    facts = {"in_visual_dim": 16, "out_visual_dim": 16, "visual_cond": True, "axes_dims": axes, "time_dim": time}
    facts |= {"model_dim": width, "ff_dim": 4 * width, "num_text_blocks": text_blocks, "num_visual_blocks": blocks}
    return {
        "transformer": PartOf("diffusers", "Kandinsky5Transformer3DModel", facts),
        "vae": _HUNYUAN["vae"],
        "text_encoder": _HUNYUAN15["text_encoder"],
        "text_encoder_2": _HUNYUAN["text_encoder_2"],
    }


_KANDINSKY5_LITE: Final = _kandinsky5(1792, 512, 2, 32, (16, 24, 24))
_KANDINSKY5_PRO: Final = _kandinsky5(4096, 1024, 4, 60, (32, 48, 48))
_HUNYUAN15_SEEN: Final[Parts] = {
    **_HUNYUAN15,
    "transformer": PartOf("diffusers", "HunyuanVideo15Transformer3DModel", {"task_type": "i2v"}),
    "image_encoder": _SIGLIP,
}

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
        "wan2.1-flf2v-14b-720p": _of_wan(_wan(*_14B, **_SEEN, pos_embed_seq_len=514), image_encoder=_CLIP_H),
        "wan2.1-vace-1.3b": _of_wan(_vace(12, 8960, 30, range(0, 30, 2))),
        "wan2.1-vace-14b": _of_wan(_vace(*_14B, range(0, 40, 5))),
        "ltx-video": _LTX,
        "ltx-video-distilled": _LTX,
        "ltx-video-0.9.6-distilled": _LTX,
        "ltx-2": _LTX20,
        "ltx-2-distilled": _LTX20,
        "ltx-2.3": _LTX23,
        "ltx-2.3-distilled": _LTX23,
        "ltx-2-two-stages": _LTX20_TWICE,
        "ltx-2-distilled-two-stages": _LTX20_TWICE,
        "ltx-2.3-two-stages": _LTX23_TWICE,
        "ltx-2.3-distilled-two-stages": _LTX23_TWICE,
        "minimax-h3": _MINIMAX_H3,
        "minimax-h3-references": _MINIMAX_H3,
        "hunyuan-video": _HUNYUAN,
        "hunyuan-video-i2v": _hunyuan_picture("token_replace"),
        "hunyuan-video-i2v-33ch": _hunyuan_picture("latent_concat", in_channels=33),
        "hunyuan-video-1.5-480p": _HUNYUAN15,
        "hunyuan-video-1.5-720p": _HUNYUAN15,
        "hunyuan-video-1.5-i2v-480p": _HUNYUAN15_SEEN,
        "hunyuan-video-1.5-i2v-720p": _HUNYUAN15_SEEN,
        "cogvideox-2b": _cogvideox(30, 30),
        "cogvideox-5b": _cogvideox(48, 42, **_COG5),
        "cogvideox-1.5-5b": _cogvideox(48, 42, **_COG15),
        "cogvideox-5b-i2v": _cogvideox(48, 42, **_COG5, in_channels=32),
        "cogvideox-1.5-5b-i2v": _cogvideox(48, 42, **_COG15, in_channels=32),
        "kandinsky-5-lite-t2v-5s": _KANDINSKY5_LITE,
        "kandinsky-5-lite-nocfg-t2v-5s": _KANDINSKY5_LITE,
        "kandinsky-5-lite-distilled-t2v-5s": _KANDINSKY5_LITE,
        "kandinsky-5-pro-t2v-5s": _KANDINSKY5_PRO,
        "kandinsky-5-pro-i2v-5s": _KANDINSKY5_PRO,
        "z-image": _Z_IMAGE,
        "z-image-turbo": _Z_IMAGE,
    }
)
"""Family -> its parts."""


def numbers_of(family: str) -> Mapping[str, int]:
    """Parameters of each part, counted on its layers without numbers; none of a family whose parts are not here."""
    from app.engine.families.loading.shapes import skeleton  # torch: only who counts needs it

    found = {}
    for name, part in PUBLISHED.get(family, {}).items():
        known = next((count for other, count in _COUNTED if other is part), None)
        if known is None:
            known = sum(weight.numel() for weight in skeleton(*part).parameters())
            _COUNTED.append((part, known))
        found[name] = known
    return found


_COUNTED: Final[list[tuple[PartOf, int]]] = []  # most parts are those of several families
