"""LTX-2: LTX2VideoTransformer3DModel with its two autoencoders and its vocoder, pictures and sound in one state.

The transformer sees two rows of tokens, the video's and the sound's, and lets them hear each other; both are told their
places in seconds, so that the frame rate is an input. A job's latents are (C, F', H', W') and (C, L, M), L latents of
sound as long as the video, M bands of its spectrogram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from app.engine.denoiser import TOKENS, JobState
from app.engine.families.base import EVEN, BaseFamily, compressed, stacked, timesteps
from app.engine.families.family import Row
from app.engine.families.ltx2.guidance import ISOLATED, PERTURBED, MultiModalGuidance
from app.engine.families.ltx2.image import FirstFrame
from app.engine.families.ltx2.releases import Release
from app.engine.families.ltx2.stages import Refining
from app.engine.families.models import Autoencoder, Parts, Upsampler, Vocoder
from app.engine.modalities import AUDIO, VIDEO, Modality, apart, joined
from app.engine.samplers.levels import Bend, picked
from app.engine.samplers.schedule import Schedule
from app.types import Plan, VideoSpec
from app.types.waveform import Waveform

MASK = "mask"  # (T,): 1 where the transformer may listen
SOUND_TOKENS = "sound_tokens"  # (T, D'): the text as the sound hears it


class LTX2(BaseFamily):
    """The Family. Raises ValueError when the transformer takes patches of more than one latent pixel.

    `sound` are the spectrogram's autoencoder and the vocoder, `upsampler` what stands between two stages.
    """

    def __init__(
        self,
        parts: Parts,
        sound: tuple[Autoencoder, Vocoder],
        release: Release,
        bend: Bend = EVEN,
        device: torch.device | None = None,
        upsampler: Upsampler | None = None,
    ) -> None:
        super().__init__(parts, bend, device)
        config = self._transformer.config
        patches = (config.patch_size, config.patch_size_t, config.audio_patch_size, config.audio_patch_size_t)
        if patches != (1, 1, 1, 1):
            raise ValueError("LTX-2 transformers with patches are not supported.")
        self._release = release
        self._spectrograms, self._vocoder = sound[0].eval(), sound[1].eval()
        self._temporal = int(self._autoencoder.temporal_compression_ratio)
        self._spatial = int(self._autoencoder.spatial_compression_ratio)
        if upsampler is not None:
            self.stages = Refining(self, self._autoencoder, upsampler, release.refining)
        self._first_frame = FirstFrame(self._autoencoder, release.image_crf, halved=upsampler is not None)
        self.image = self._first_frame
        self.sound = self
        self.guidance = MultiModalGuidance(self, release, bool(config.perturbed_attn))

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        sides = compressed(spec, self._temporal, self._spatial, self._spatial)
        return int(self._transformer.config.in_channels), *sides

    def modalities(self, plan: Plan) -> tuple[Modality, ...]:
        spec, sound = plan.spec, self._spectrograms.config
        ratio = int(self._spectrograms.temporal_compression_ratio)
        length = round(spec.frames / spec.fps * (sound.sample_rate / sound.mel_hop_length / ratio))
        bands = int(sound.mel_bins) // int(self._spectrograms.mel_compression_ratio)
        heard = (int(sound.latent_channels), max(1, length), bands)
        return Modality(VIDEO, self.latent_shape(spec)), Modality(AUDIO, heard)

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """(N,): first the video's, then the sound's."""
        modalities = self.modalities(plan)
        drawn = {each.name: torch.randn(each.shape, generator=generator) for each in modalities}
        return joined(drawn, modalities)

    def schedule(self, plan: Plan) -> Schedule:
        steps, (_, frames, height, width) = plan.sampling.steps, self.latent_shape(plan.spec)
        if self._release.ladder:
            return picked(self._release.ladder, steps)
        return self._bend.bent(np.linspace(1.0, 1 / steps, steps), plan.sampling.shift, frames * height * width)

    def seen(self, state: JobState) -> torch.Tensor:
        """See `guidance.Passes`."""
        if not state.conditioning.picture:
            return state.latent
        parts = dict(apart(state.latent, state.modalities))
        parts[VIDEO] = self._first_frame.model_input(parts[VIDEO], state.conditioning.picture)
        return joined(parts, state.modalities)

    def predict(self, rows: Sequence[Row], without: str = "") -> torch.Tensor:
        """See `guidance.Passes`."""
        modalities, dtype = rows[0].state.modalities, self._transformer.dtype
        seen = apart(torch.stack([self.seen(row.state) for row in rows]).to(dtype), modalities)
        levels, heard = timesteps(rows, self.device), stacked(rows, MASK, torch.float32)
        video, sound = self._transformer(
            hidden_states=seen[VIDEO].flatten(2).transpose(1, 2),  # (B, F' * H' * W', C)
            audio_hidden_states=seen[AUDIO].transpose(1, 2).flatten(2),  # (B, L, C * M)
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            audio_encoder_hidden_states=stacked(rows, SOUND_TOKENS, dtype),
            timestep=self._levels(rows, levels, seen[VIDEO].shape[2:]),
            audio_timestep=levels,
            sigma=levels,
            encoder_attention_mask=heard,
            audio_encoder_attention_mask=heard,
            isolate_modalities=without == ISOLATED,
            spatio_temporal_guidance_blocks=list(self._release.perturbed_blocks) if without == PERTURBED else None,
            use_cross_timestep=self._release.cross_timestep,
            return_dict=False,
            **self._places(rows, seen),
        )
        channels, _, bands = modalities[1].shape
        parts = {
            VIDEO: video.transpose(1, 2).reshape(seen[VIDEO].shape),
            AUDIO: sound.unflatten(2, (channels, bands)).transpose(1, 2),
        }
        return joined(parts, modalities)

    def _levels(self, rows: Sequence[Row], levels: torch.Tensor, sides: Sequence[int]) -> torch.Tensor:
        """(B,), or, where a video begins with a picture, (B, tokens): there is no noise in that."""
        with_picture = torch.tensor([bool(row.state.conditioning.picture) for row in rows], device=self.device)
        if not with_picture.any():
            return levels
        frames, height, width = sides
        first = torch.arange(frames * height * width, device=self.device) < height * width
        return levels[:, None] * ~(with_picture[:, None] & first)

    def _places(self, rows: Sequence[Row], seen: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        """Where the tokens are, by each row's frame rate; computed anew for every forward, never kept."""
        _, _, frames, height, width = seen[VIDEO].shape
        video = [
            self._transformer.rope.prepare_video_coords(
                1, frames, height, width, self.device, fps=float(row.state.plan.spec.fps)
            )
            for row in rows
        ]
        length = seen[AUDIO].shape[2]
        return {
            "num_frames": frames,
            "height": height,
            "width": width,
            "audio_num_frames": length,
            "video_coords": torch.cat(video),
            "audio_coords": self._transformer.audio_rope.prepare_audio_coords(len(rows), length, self.device),
        }

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        mean, std = (part.view(-1, 1, 1, 1).to(latent) for part in (model.latents_mean, model.latents_std))
        raw = latent * std / model.config.scaling_factor + mean
        level = torch.zeros(1, device=self.device, dtype=model.dtype) if model.config.timestep_conditioning else None
        video: torch.Tensor = model.decode(raw[None].to(model.dtype), level, return_dict=False)[0][0]
        return video

    def waveform(self, latent: torch.Tensor) -> Waveform:
        """What is heard of a clean latent (C, L, M)."""
        model = self._spectrograms
        mean, std = (part.to(latent) for part in (model.latents_mean, model.latents_std))
        flat = latent.transpose(0, 1).flatten(1) * std + mean  # (L, C * M)
        raw = flat.unflatten(1, (latent.shape[0], latent.shape[2])).transpose(0, 1)
        spectrograms = model.decode(raw[None].to(self.device, model.dtype), return_dict=False)[0]
        samples = self._vocoder(spectrograms)[0].float().clamp(-1, 1).cpu().numpy()
        return Waveform(samples, int(self._vocoder.config.output_sampling_rate))
