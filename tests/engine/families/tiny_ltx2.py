"""LTX-2's real classes, as small as they can be, with random weights, and what its pipelines make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2ImageToVideoPipeline,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline, LTX2TextConnectors, LTX2Vocoder
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.utils import STAGE_2_DISTILLED_SIGMA_VALUES
from numpy.typing import NDArray
from PIL import Image

from app.engine.denoiser import TOKENS, Conditioning, Frames, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.ltx2.family import LTX2, MASK, SOUND_TOKENS
from app.engine.families.ltx2.releases import Release, Scales, both
from app.engine.families.models import Parts
from app.engine.samplers.levels import Bend
from app.types import Plan, VideoSpec
from tests.engine.families.standard import Pixels, spoken

SPEC = VideoSpec(64, 32, 9, 8)
BENT = {"use_dynamic_shifting": True, "max_shift": 2.05, "base_shift": 0.95, "base_image_seq_len": 8}
BENT |= {"max_image_seq_len": 64, "shift_terminal": 0.1}
ALL = Release(both(Scales(None, 1.0, 3.0, 0.7), Scales(5.0, 0.5, 2.0, 0.4)), perturbed_blocks=(1,))
"""Every kind of guidance, of other strength for the sound."""


@dataclass(frozen=True, slots=True)
class TinyLTX2:
    """Random weights as a denoiser, and what the pipelines make of the same weights."""

    denoiser: FamilyDenoiser
    parts: dict[str, Any]
    release: Release
    upsampler: Any = None

    def by_pipeline(
        self, plan: Plan, heard: Conditioning, picture: Frames | None = None
    ) -> tuple[Pixels, NDArray[np.float32]]:
        """Frames and waveform."""
        steps, sigmas = plan.sampling.steps, list(self.release.ladder) or None
        frames, waveform = self.called(plan, heard, picture, num_inference_steps=steps, sigmas=sigmas)
        return frames[0], waveform[0].float().numpy()

    def called(self, plan: Plan, heard: Conditioning, picture: Frames | None = None, **asked: Any) -> tuple[Any, Any]:
        """What one call of the pipeline gives."""
        release, guided = self.release, plan.sampling.guidance != 1
        distilled = {"use_dynamic_shifting": False, "shift_terminal": None} if release.ladder else {}
        kind = LTX2Pipeline if picture is None else LTX2ImageToVideoPipeline
        pipeline = kind(
            scheduler=FlowMatchEulerDiscreteScheduler(**(BENT | distilled)),
            text_encoder=None,
            tokenizer=None,
            **self.parts,
        )
        pipeline.connectors = _AsHeard(heard)
        pipeline.set_progress_bar_config(disable=True)
        video, sound = release.scales["video"], release.scales["audio"]
        more = {} if picture is None else {"image": Image.fromarray(picture[0])}
        plain = plan.sampling.guidance
        usual: dict[str, Any] = {
            "width": plan.spec.width,
            "height": plan.spec.height,
            "generator": torch.Generator().manual_seed(plan.sampling.seed),
            "output_type": "np",
        }
        made: tuple[Any, Any] = pipeline(
            prompt_embeds=torch.zeros(1, 8, 4),
            prompt_attention_mask=torch.ones(1, 8),
            negative_prompt_embeds=torch.zeros(1, 8, 4),
            negative_prompt_attention_mask=torch.ones(1, 8),
            num_frames=plan.spec.frames,
            frame_rate=float(plan.spec.fps),
            guidance_scale=plain,
            audio_guidance_scale=(sound.text or plain) if guided else 1.0,
            stg_scale=video.perturbed if guided else 0.0,
            audio_stg_scale=sound.perturbed if guided else 0.0,
            modality_scale=video.isolated if guided else 1.0,
            audio_modality_scale=sound.isolated if guided else 1.0,
            guidance_rescale=video.rescale if guided else 0.0,
            audio_guidance_rescale=sound.rescale if guided else 0.0,
            spatio_temporal_guidance_blocks=list(release.perturbed_blocks) or None,
            use_cross_timestep=release.cross_timestep,
            return_dict=False,
            **more,
            **(usual | asked),
        )
        return made

    def by_two_stages(
        self, plan: Plan, heard: Conditioning, picture: Frames | None = None
    ) -> tuple[Pixels, NDArray[np.float32]]:
        """Frames and waveform: the pipeline at half the sides, the upsampler's, the pipeline again."""
        first, spec, generator = plan.stages[0], plan.spec, torch.Generator().manual_seed(plan.sampling.seed)
        small: dict[str, Any] = {"width": first.spec.width, "height": first.spec.height, "output_type": "latent"}
        levels = {"num_inference_steps": first.steps, "sigmas": list(self.release.ladder)}
        video, audio = self.called(plan, heard, picture, generator=generator, **small, **levels)
        enlarging = LTX2LatentUpsamplePipeline(self.parts["vae"], self.upsampler)
        sides = {"width": spec.width, "height": spec.height}
        large = enlarging(latents=video, output_type="latent", return_dict=False, **sides)[0]
        levels = {"num_inference_steps": 3, "sigmas": STAGE_2_DISTILLED_SIGMA_VALUES}
        noised: dict[str, Any] = {"noise_scale": STAGE_2_DISTILLED_SIGMA_VALUES[0]}
        frames, waveform = self.called(
            plan, heard, picture, generator=generator, latents=large, audio_latents=audio, **noised, **levels
        )
        return frames[0], waveform[0].float().numpy()


class _AsHeard:
    """Stands for the connectors: the texts as a family's encoder gives them, negative first."""

    def __init__(self, heard: Conditioning) -> None:
        self._texts = (heard.negative, heard.prompt)

    def __call__(self, layers: torch.Tensor, *_: object, **__: object) -> tuple[torch.Tensor, ...]:
        texts = self._texts[-len(layers) :]
        return tuple(torch.stack([text[name] for text in texts]) for name in (TOKENS, SOUND_TOKENS, MASK))


def ltx2(release: Release = ALL) -> TinyLTX2:
    """A release with that guidance."""
    parts = ltx2_parts()
    encode = spoken({TOKENS: (8, 16), SOUND_TOKENS: (8, 16), MASK: (8,)}, (MASK,))
    family = LTX2(
        Parts(parts["transformer"], parts["vae"], encode),
        (parts["audio_vae"], parts["vocoder"]),
        release,
        Bend() if release.ladder else Bend.of(BENT),
        upsampler=(upsampler := tiny_upsampler() if release.refining else None),
    )
    return TinyLTX2(FamilyDenoiser(family), parts, release, upsampler)


def tiny_upsampler() -> LTX2LatentUpsamplerModel:
    """Twice the sides; always the same."""
    torch.manual_seed(2)
    return LTX2LatentUpsamplerModel(in_channels=8, mid_channels=32, num_blocks_per_stage=1).eval()


def text_of(tiny: TinyLTX2, prompt: str) -> TextEmbedding:
    """What is heard of a prompt."""
    return tiny.denoiser.encode([prompt])[0]


def ltx2_parts(seed: int = 0) -> dict[str, Any]:
    """Always the same: transformer, both autoencoders, connectors and a vocoder of 16 kHz."""
    torch.manual_seed(seed)
    transformer = LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=16,
        vae_scale_factors=(4, 4, 4),
        rope_double_precision=False,
        rope_type="split",
        perturbed_attn=True,
    )
    autoencoder = AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        down_block_types=("LTX2VideoDownBlock3D", "LTX2VideoDownBlock3D"),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False, False, False),
        downsample_type=("spatiotemporal", "spatiotemporal"),
        upsample_type=("spatiotemporal", "spatiotemporal"),
        upsample_residual=(False, False),
        upsample_factor=(1, 1),
        patch_size=1,
    )
    autoencoder.latents_std.fill_(1.5)
    autoencoder.latents_mean.fill_(0.1)
    spectrograms = AutoencoderKLLTX2Audio(
        base_channels=4,
        ch_mult=(1, 1, 1),
        num_res_blocks=1,
        attn_resolutions=None,
        resolution=32,
        latent_channels=2,
        mel_bins=8,
        sample_rate=16000,
        mel_hop_length=160,
    )
    spectrograms.latents_std.fill_(1.5)
    spectrograms.latents_mean.fill_(-0.1)
    connectors = LTX2TextConnectors(
        caption_channels=16,
        text_proj_in_factor=3,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=8,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=8,
        rope_double_precision=False,
        rope_type="split",
    )
    vocoder = LTX2Vocoder(
        in_channels=16,
        hidden_channels=32,
        upsample_kernel_sizes=[20, 8, 8],
        upsample_factors=[10, 4, 4],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=16000,
    )
    made = {"transformer": transformer, "vae": autoencoder, "audio_vae": spectrograms}
    made |= {"connectors": connectors, "vocoder": vocoder}
    return {name: part.eval() for name, part in made.items()}
