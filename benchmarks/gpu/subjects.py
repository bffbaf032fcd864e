"""The models of the GPU day: the published configurations, or tiny ones of the same classes, with random weights.

Weights are drawn on the device itself, and what text encoders would say is drawn too: speed depends on neither, and
what comes out is not looked at. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import diffusers
import torch

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.cogvideox import CogVideoX
from app.engine.families.diffusers_private import kept_in_float32
from app.engine.families.family import Family
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.hunyuan15 import LETTERS, LETTERS_MASK, HunyuanVideo15
from app.engine.families.hunyuan15 import MASK as HUNYUAN_MASK
from app.engine.families.kandinsky5 import POOLED, Kandinsky5
from app.engine.families.ltx import FIRST as LTX_FIRST
from app.engine.families.ltx import LTX
from app.engine.families.ltx import MASK as LTX_MASK
from app.engine.families.ltx2.family import LTX2, SOUND_TOKENS
from app.engine.families.ltx2.family import MASK as LTX2_MASK
from app.engine.families.ltx2.releases import PLAIN
from app.engine.families.minimax_h3.family import MiniMaxH3
from app.engine.families.minimax_h3.pictures import Keyframes
from app.engine.families.minimax_h3.text import TAGS, Looked
from app.engine.families.models import Parts
from app.engine.families.wan.diffusion_forcing import DiffusionForcing
from app.engine.families.wan.family import Wan
from app.engine.samplers.levels import Bend
from app.models.published import PUBLISHED
from app.plan.families import FAMILIES
from app.plan.few_step import BY_FAMILY
from app.types import FIRST, LAST, Segments, VideoSpec

Config = Mapping[str, Any]
Part = tuple[str, Config]
Shapes = tuple[VideoSpec, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """A model: classes and configurations of its parts, what a text is to it, and its shapes, small to large."""

    name: str
    transformer: Part
    autoencoder: Part
    text: Mapping[str, tuple[int, ...]]
    family: Callable[[Parts, torch.device], Family]
    shapes: Shapes
    cell: tuple[int, int]  # frames and pixels that a token stands for
    sampler: str = "euler"
    shift: float = 3.0
    float_autoencoder: bool = False  # its autoencoder runs in float32, as diffusers advises
    masks: tuple[str, ...] = ()  # names in `text` that are all ones
    mixed: Shapes = field(default=())  # shapes that are packed with each other
    guidance: float = 3.0
    levels: tuple[float, ...] = ()  # its own, where it is walked in as many steps
    shown: tuple[str, ...] = ()  # roles of pictures that it is shown besides, and
    row: str = ""  # the family as which its videos are planned then, or in stages
    segments: Segments | None = None  # in which its films are made
    film: VideoSpec | None = None

    def tokens(self, spec: VideoSpec) -> int:
        """Of a video of that shape, text not counted."""
        frames, pixels = self.cell
        return ((spec.frames - 1) // frames + 1) * (spec.height // pixels) * (spec.width // pixels)

    def parts(self, device: torch.device, dtype: torch.dtype) -> Parts:
        """Freshly drawn on the device: layers that diffusers wants in float32 stay so."""
        torch.manual_seed(0)
        with device:
            name, config = self.transformer
            transformer = getattr(diffusers, name)(**config).eval().requires_grad_(False)
            name, config = self.autoencoder
            autoencoder = getattr(diffusers, name)(**config).eval().requires_grad_(False)
        for part in (transformer, autoencoder):
            part.to(device)  # tables that come from numpy
        _cast(transformer, dict(transformer.named_parameters()), dtype)
        if not self.float_autoencoder:
            _cast(autoencoder, dict(autoencoder.named_parameters()) | dict(autoencoder.named_buffers()), dtype)
        return Parts(transformer, autoencoder, self._encode())

    def denoiser(self, parts: Parts, device: torch.device) -> FamilyDenoiser:
        """As Kinoray serves it."""
        return FamilyDenoiser(self.family(parts, device))

    def _encode(self) -> EncodePrompts:
        """Any prompt's embeddings, drawn from a seed."""

        def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
            drawn = torch.Generator().manual_seed(0)
            one = {name: torch.randn(shape, generator=drawn) for name, shape in self.text.items()}
            one.update({name: torch.ones(self.text[name]) for name in self.masks})
            return [_with_pictures(one, each) if isinstance(each, Looked) else dict(one) for each in prompts]

        return encode


def _cast(part: Any, weights: Mapping[str, torch.Tensor], dtype: torch.dtype) -> None:
    kept = frozenset(kept_in_float32(part))
    for name, weight in weights.items():
        if weight.is_floating_point() and kept.isdisjoint(name.split(".")):
            weight.data = weight.data.to(dtype)


def _with_pictures(text: TextEmbedding, prompt: Looked) -> TextEmbedding:
    """As MiniMax-H3 hears a prompt with pictures in front: a token more for each 32 x 32 of their pixels, tagged so."""
    more = sum(picture.width * picture.height for picture in prompt.pictures) // 32**2
    words = text[TOKENS]
    tags = torch.cat([torch.zeros(more), torch.ones(len(words))])
    return {TOKENS: torch.cat([words.mean(0).expand(more, -1), words]), TAGS: tags}


def subjects(tiny: bool) -> list[Subject]:
    """In the order of use."""
    first = [_wan21(tiny), _wan22(tiny), _ltx(tiny), _hunyuan15(tiny), _cogvideox(tiny)]
    return [*first, _skyreels(tiny), _ltx2(tiny), _minimax_h3(tiny), _fastwan(tiny), _kandinsky5(tiny)]


def _parts(family: str, small: tuple[Config, Config] | None) -> tuple[Part, Part]:
    """Transformer and autoencoder of a family as it was published, or `small` ones of the same classes."""
    found = PUBLISHED[family]
    transformer, autoencoder = found["transformer"], found["vae"]
    facts = small or (transformer.facts, autoencoder.facts)
    return (transformer.kind, facts[0]), (autoencoder.kind, facts[1])


def _specs(fps: int, *rows: tuple[int, int, int]) -> Shapes:
    return tuple(VideoSpec(width, height, frames, fps) for width, height, frames in rows)


_SMALL_WAN: Config = {"num_attention_heads": 2, "attention_head_dim": 12, "ffn_dim": 32, "num_layers": 2}
_SMALL_EYES: Config = {"base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}


def _wan21(tiny: bool) -> Subject:
    wide = 32 if tiny else 4096
    sizes = ((32, 32, 5), (64, 32, 5)) if tiny else ((256, 256, 17), (512, 320, 33), (832, 480, 81))
    mixed = ((32, 32, 5), (64, 32, 5), (32, 32, 9)) if tiny else ((256, 256, 17), (320, 256, 17), (256, 256, 33))
    transformer, autoencoder = _parts(
        "wan2.1-t2v-1.3b", ({**_SMALL_WAN, "text_dim": wide}, _SMALL_EYES) if tiny else None
    )
    return Subject(
        name="wan2.1-t2v-1.3b",
        transformer=transformer,
        autoencoder=autoencoder,
        text={TOKENS: (512, wide)},
        family=lambda parts, device: Wan(parts, device),
        shapes=_specs(16, *sizes),
        cell=(4, 16),
        float_autoencoder=True,
        mixed=_specs(16, *mixed),
    )


def _wan22(tiny: bool) -> Subject:
    wide = 32 if tiny else 4096
    eyes = {
        **PUBLISHED["wan2.2-ti2v-5b"]["vae"].facts,
        **_SMALL_EYES,
        "decoder_base_dim": None,
        "z_dim": 4,
        "latents_mean": [0.0] * 4,
        "latents_std": [1.0] * 4,
        "temperal_downsample": [False, True, True],
    }
    sizes = ((64, 64, 5), (128, 64, 5)) if tiny else ((512, 512, 17), (832, 480, 81), (1280, 704, 121))
    mixed = ((64, 64, 5), (128, 64, 5), (64, 64, 9)) if tiny else ((512, 512, 17), (640, 512, 17), (512, 512, 33))
    small = {**_SMALL_WAN, "text_dim": wide, "in_channels": 4, "out_channels": 4}
    transformer, autoencoder = _parts("wan2.2-ti2v-5b", (small, eyes) if tiny else None)
    return Subject(
        name="wan2.2-ti2v-5b",
        transformer=transformer,
        autoencoder=autoencoder,
        text={TOKENS: (512, wide)},
        family=lambda parts, device: Wan(parts, device, per_token=True),
        shapes=_specs(24, *sizes),
        cell=(4, 32),
        float_autoencoder=True,
        mixed=_specs(24, *mixed),
    )


def _fastwan(tiny: bool) -> Subject:
    """Wan 2.2 TI2V as FastWan walks it: in three steps without guidance, with new noise at each."""
    row = BY_FAMILY["wan2.2-ti2v-5b"]["fastwan"]
    return replace(
        _wan22(tiny), name="fastwan2.2-ti2v-5b", sampler=row.sampler, guidance=row.guidance, levels=row.levels, mixed=()
    )


def _skyreels(tiny: bool) -> Subject:
    """A segment of a film, and a film of three."""
    full = {"num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30}
    wide = 32 if tiny else 4096
    kind = {**(_SMALL_WAN if tiny else full), "text_dim": wide, "inject_sample_info": True}
    return Subject(
        name="skyreels-v2-df-1.3b",
        transformer=("SkyReelsV2Transformer3DModel", kind),
        autoencoder=("AutoencoderKLWan", _SMALL_EYES if tiny else {}),
        text={TOKENS: (512, wide)},
        family=lambda parts, device: DiffusionForcing(parts, device),
        shapes=_specs(24, *(((32, 32, 5), (64, 32, 5)) if tiny else ((512, 320, 33), (960, 544, 97)))),
        cell=(4, 16),
        sampler="unipc_forcing",
        shift=8.0,
        float_autoencoder=True,
        row="skyreels-v2-df-1.3b-540p",
        segments=Segments(9, 5) if tiny else FAMILIES["skyreels-v2-df-1.3b-540p"].segments,
        film=VideoSpec(32, 32, 17, 24) if tiny else VideoSpec(960, 544, 257, 24),
    )


def _ltx(tiny: bool) -> Subject:
    small = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "cross_attention_dim": 32}
    wide = 32 if tiny else 4096
    sizes = ((32, 32, 9), (64, 64, 9)) if tiny else ((512, 320, 49), (768, 512, 121))
    transformer, autoencoder = _parts("ltx-video", ({**small, "caption_channels": wide}, _LTX_EYES) if tiny else None)
    return Subject(
        name="ltx-video",
        transformer=transformer,
        autoencoder=autoencoder,
        text={TOKENS: (128, wide), LTX_MASK: (128,)},
        family=lambda parts, device: LTX(parts, LTX_FIRST, Bend(), device),
        shapes=_specs(24, *sizes),
        cell=(8, 32),
        masks=(LTX_MASK,),
    )


def _ltx2(tiny: bool) -> Subject:
    """With its sound; half the sides are a step of the first of two stages."""
    small = {
        "in_channels": 8,
        "out_channels": 8,
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "cross_attention_dim": 16,
        "audio_in_channels": 4,
        "audio_out_channels": 4,
        "audio_num_attention_heads": 2,
        "audio_attention_head_dim": 4,
        "audio_cross_attention_dim": 8,
        "num_layers": 2,
        "vae_scale_factors": (4, 4, 4),
        "rope_double_precision": False,
        "rope_type": "split",
    }
    eyes = {
        "latent_channels": 8,
        "block_out_channels": (8, 8),
        "decoder_block_out_channels": (8, 8),
        "layers_per_block": (1, 1, 1),
        "decoder_layers_per_block": (1, 1, 1),
        "down_block_types": ("LTX2VideoDownBlock3D",) * 2,
        "spatio_temporal_scaling": (True, True),
        "decoder_spatio_temporal_scaling": (True, True),
        "decoder_inject_noise": (False,) * 3,
        "downsample_type": ("spatiotemporal",) * 2,
        "upsample_type": ("spatiotemporal",) * 2,
        "upsample_residual": (False, False),
        "upsample_factor": (1, 1),
        "patch_size": 1,
    }
    wide = 16 if tiny else 3840
    words = 8 if tiny else 1024
    sizes = ((32, 32, 9), (64, 32, 9)) if tiny else ((768, 512, 121), (1536, 1024, 121))
    return Subject(
        name="ltx-2",
        transformer=("LTX2VideoTransformer3DModel", {**(small if tiny else {}), "caption_channels": wide}),
        autoencoder=("AutoencoderKLLTX2Video", eyes if tiny else {}),
        text={TOKENS: (words, wide), SOUND_TOKENS: (words, wide), LTX2_MASK: (words,)},
        family=lambda parts, device: LTX2(parts, _ltx2_sound(tiny, device), PLAIN, Bend(), device),
        shapes=_specs(24, *sizes),
        cell=(8, 32),
        masks=(LTX2_MASK,),
    )


def _ltx2_sound(tiny: bool, device: torch.device) -> tuple[Any, Any]:
    from diffusers.pipelines.ltx2 import LTX2Vocoder

    heard = {"base_channels": 4, "ch_mult": (1, 1, 1), "num_res_blocks": 1, "resolution": 32, "latent_channels": 2}
    heard |= {"mel_bins": 8}
    voice = {"in_channels": 16, "hidden_channels": 32, "resnet_kernel_sizes": [3], "resnet_dilations": [[1, 3, 5]]}
    with device:
        spectrograms = diffusers.AutoencoderKLLTX2Audio(**(heard if tiny else {}))
        vocoder = LTX2Vocoder(**(voice if tiny else {}))
    return spectrograms.to(device).eval(), vocoder.to(device).eval()


def _minimax_h3(tiny: bool) -> Subject:
    """With its sound, and with keyframes: one forward for each job."""
    small = {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "hidden_size": 16,
        "num_layers": 2,
        "num_refiner_layers": 1,
        "ffn_dim": 32,
        "freq_dim": 16,
        "time_embed_hidden_dim": 16,
        "time_embed_dim": 16,
        "rope_freq_dim": 2,
    }
    eyes = {
        "block_out_channels": (8,) * 6,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "decoder_num_layers": 1,
        "decoder_num_attention_heads": 2,
        "decoder_attention_head_dim": 16,
    }
    wide = 16 if tiny else 5120
    sizes = ((32, 32, 22), (64, 32, 22)) if tiny else ((768, 768, 124), (1344, 768, 124))
    return Subject(
        name="minimax-h3",
        transformer=("MiniMaxH3Transformer3DModel", {**(small if tiny else {}), "text_dim": wide}),
        autoencoder=("AutoencoderKLMiniMaxH3", eyes if tiny else {}),
        text={TOKENS: (8 if tiny else 200, wide)},
        family=lambda parts, device: MiniMaxH3(
            parts, _minimax_h3_sound(tiny, device), device, Keyframes(parts.autoencoder)
        ),
        shapes=_specs(24, *sizes),
        cell=(4, 32),  # 17 frames are 5 of its latent ones
        shift=12.0,
        shown=(FIRST, LAST),
        row="minimax-h3",
    )


def _minimax_h3_sound(tiny: bool, device: torch.device) -> Any:
    small: Config = {"encoder_dim": 2, "latent_dim": 32, "num_attention_heads": 2, "decoder_dim": 128}
    centred = {"latents_mean": [0.0] * 32, "latents_std": [1.0] * 32}
    with device:
        sound = diffusers.AutoencoderKLMiniMaxH3Audio(**(small if tiny else {}), **centred)
    return sound.to(device).eval()


_LTX_EYES: Config = {
    "block_out_channels": (8, 8, 8, 8),
    "decoder_block_out_channels": (8, 8, 8, 8),
    "layers_per_block": (1, 1, 1, 1, 1),
    "decoder_layers_per_block": (1, 1, 1, 1, 1),
}


def _hunyuan15(tiny: bool) -> Subject:
    small = {
        "in_channels": 9,
        "out_channels": 4,
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "num_layers": 2,
        "num_refiner_layers": 1,
        "text_embed_dim": 16,
        "text_embed_2_dim": 12,
        "image_embed_dim": 12,
        "rope_axes_dim": (4, 6, 6),
        "target_size": 16,
    }
    eyes = {
        "latent_channels": 4,
        "block_out_channels": (16, 16),
        "layers_per_block": 1,
        "spatial_compression_ratio": 4,
        "temporal_compression_ratio": 4,
        "downsample_match_channel": False,
        "upsample_match_channel": False,
    }
    text, letters = (16, 12) if tiny else (3584, 1472)
    sizes = ((32, 16, 5), (32, 32, 5)) if tiny else ((480, 272, 33), (832, 480, 61))
    seen = 3 if tiny else 729
    transformer, autoencoder = _parts("hunyuan-video-1.5-480p", ({**small, "task_type": "t2v"}, eyes) if tiny else None)
    return Subject(
        name="hunyuanvideo-1.5",
        transformer=transformer,
        autoencoder=autoencoder,
        text={TOKENS: (1000, text), HUNYUAN_MASK: (1000,), LETTERS: (256, letters), LETTERS_MASK: (256,)},
        family=lambda parts, device: HunyuanVideo15(parts, Bend(), device, seen),
        shapes=_specs(24, *sizes),
        cell=(4, 4 if tiny else 16),
        masks=(HUNYUAN_MASK, LETTERS_MASK),
    )


def _cogvideox(tiny: bool) -> Subject:
    small = {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "in_channels": 4,
        "out_channels": 4,
        "time_embed_dim": 8,
        "text_embed_dim": 16,
        "num_layers": 1,
        "sample_width": 4,
        "sample_height": 2,
        "sample_frames": 9,
        "max_text_seq_length": 8,
    }
    eyes = {"block_out_channels": (8, 8, 8, 8), "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2}
    sizes = ((32, 16, 9),) if tiny else ((720, 480, 17), (720, 480, 49))
    transformer, autoencoder = _parts("cogvideox-2b", (small, eyes) if tiny else None)
    return Subject(
        name="cogvideox-2b",
        transformer=transformer,
        autoencoder=autoencoder,
        text={TOKENS: (8, 16) if tiny else (226, 4096)},
        family=lambda parts, device: CogVideoX(parts, 3.0, device),
        shapes=_specs(8, *sizes),
        cell=(4, 16),
        sampler="ddim",
    )


def _kandinsky5(tiny: bool) -> Subject:
    small = {
        "in_visual_dim": 4,
        "out_visual_dim": 4,
        "in_text_dim": 16,
        "in_text_dim2": 8,
        "time_dim": 16,
        "model_dim": 24,
        "ff_dim": 32,
        "num_text_blocks": 1,
        "num_visual_blocks": 2,
        "axes_dims": (4, 4, 4),
        "visual_cond": True,
    }
    eyes = {
        "latent_channels": 4,
        "block_out_channels": (8, 8, 8, 8),
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "scaling_factor": 0.5,
    }
    words, pooled = ((8, 16), (8,)) if tiny else ((256, 3584), (768,))
    sizes = ((32, 16, 25), (32, 32, 25)) if tiny else ((512, 512, 61), (768, 512, 121))
    transformer, autoencoder = _parts("kandinsky-5-lite-t2v-5s", (small, eyes) if tiny else None)
    return Subject(
        name="kandinsky-5-lite",
        transformer=transformer,
        autoencoder=autoencoder,
        text={TOKENS: words, POOLED: pooled},
        family=lambda parts, device: Kandinsky5(parts, False, device),
        shapes=_specs(24, *sizes),
        cell=(4, 16),
        shift=10.0,
    )
