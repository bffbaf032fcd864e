"""MiniMax-H3: one transformer over a packed sequence of words, pictures, sound and video, each at a level of its own.

diffusers has it as modular blocks alone: its workflows are the standard, and what its blocks say of layout, rotary
places and texts is asked of them. Guidance is distilled into the weights. A job's latents are (C, F', H', W') and
(2 * L, M): the sound's rows, left channel first, L to a channel. What it is shown stands in front and never steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from diffusers.modular_pipelines.minimax_h3.before_denoise import (
    MiniMaxH3PrepareLayoutStep,
    MiniMaxH3SetTimestepsStep,
    patchify_video_latents,
)
from diffusers.modular_pipelines.minimax_h3.modular_pipeline import audio_latent_num_frames

from app.engine.denoiser import TOKENS, Conditioning
from app.engine.families.base import EVEN, BaseFamily
from app.engine.families.family import Row
from app.engine.families.minimax_h3.pictures import HELD, MEAN, STD, Pictures, names, noised
from app.engine.families.minimax_h3.text import TAGS
from app.engine.families.models import Autoencoder, Parts
from app.engine.modalities import AUDIO, VIDEO, Modality, apart, joined
from app.engine.samplers.levels import walked
from app.engine.samplers.schedule import Schedule
from app.errors import InvalidRequest
from app.types import Plan, VideoSpec
from app.types.waveform import Waveform

CHANNELS: Final = 2
SOUND_SHIFT: Final = 3.0
"""Of the sound's noise levels; the pictures' is the plan's. Both are facts of the weights."""
_VIDEO, _TEXT, _AUDIO = 0, 1, 2  # tags of the rows, which index the transformer's modulation


class MiniMaxH3(BaseFamily):
    """The Family, its SoundMaking and its SeenText; `sound` is the waveform's autoencoder.

    `shown` is how it sees pictures; None, with a text encoder that sees none.
    """

    free_guidance = False

    def __init__(
        self, parts: Parts, sound: Autoencoder, device: torch.device | None = None, shown: Pictures | None = None
    ) -> None:
        super().__init__(parts, EVEN, device)
        if shown is not None:
            self._shown = self.image = shown
            self.text_of_picture = self
        self._waveforms = sound.eval()
        self._patch: tuple[int, int, int] = tuple(self._transformer.config.patch_size)
        self._clip, self._chunk = int(self._autoencoder.config.clip_length), int(self._autoencoder.tokens_chunk_size)
        self.sound = self

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        spatial = int(self._autoencoder.spatial_compression_ratio)
        if spec.frames % self._clip != self._chunk or spec.frames < self._clip:
            message = f"The number of frames has to be a multiple of {self._clip}, plus {self._chunk}."
            raise InvalidRequest(message, "frames")
        if spec.height % (spatial * self._patch[1]) or spec.width % (spatial * self._patch[2]):
            raise InvalidRequest(f"Width and height have to be multiples of {spatial * self._patch[2]}.", "size")
        frames = (spec.frames - self._chunk) // self._clip * self._chunk + 2
        return int(self._transformer.config.in_channels), frames, spec.height // spatial, spec.width // spatial

    def modalities(self, plan: Plan) -> tuple[Modality, ...]:
        rows = CHANNELS * audio_latent_num_frames(plan.spec.frames, plan.spec.fps)
        heard = (rows, int(self._transformer.config.audio_in_channels))
        levels = _levels(plan.sampling.steps, SOUND_SHIFT).sigmas
        return Modality(VIDEO, self.latent_shape(plan.spec)), Modality(AUDIO, heard, levels)

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """(N,): first the video's, then the sound's."""
        modalities = self.modalities(plan)
        drawn = {each.name: torch.randn(each.shape, generator=generator) for each in modalities}
        return joined(drawn, modalities)

    def begin(self, plan: Plan, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        noised(picture, generator)  # drawn before
        return self.noise(plan, generator)

    def heard(self, plan: Plan, conditioning: Conditioning) -> Conditioning:
        """The prompt as the text encoder has it behind the pictures, and these as they are held."""
        if not (shown := conditioning.picture):
            return conditioning
        (words,) = self.encode([self._shown.looked(plan.prompt, shown)])
        held = noised(shown, torch.Generator().manual_seed(plan.sampling.seed))
        return replace(conditioning, prompt={name: each.float() for name, each in words.items()}, picture=held)

    def schedule(self, plan: Plan) -> Schedule:
        return _levels(plan.sampling.steps, plan.sampling.shift)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        """Each row by itself: its sequence has words of its own number, and one set of levels for all that is in it."""
        return torch.stack([self._alone(row) for row in rows])

    def _alone(self, row: Row) -> torch.Tensor:
        state, words = row.state, row.text[TOKENS]
        seen = apart(state.latent, state.modalities)
        places, tags, video, audio, text, shown, _ = self._layout(row, seen)
        heard = [_heard(each.sigmas or state.sigmas, state.step) for each in state.modalities]
        levels, of_rows = MiniMaxH3SetTimestepsStep.build_row_timesteps(
            video, audio, shown, 0, len(words), heard[0], heard[1], max(heard[0], HELD), 1.0
        )
        held = [state.conditioning.picture[name] for name in names(state.conditioning.picture)]
        rows = [patchify_video_latents(each[None], self._patch) for each in (*held, seen[VIDEO])]
        pictures, sound = self._transformer(
            hidden_states=torch.cat(rows)[None],
            audio_hidden_states=seen[AUDIO][None],
            encoder_hidden_states=words[None],
            timestep=levels.to(self.device),
            timestep_indices=of_rows.to(self.device),
            token_tags=tags.to(self.device),
            position_ids=places.to(self.device),
            video_indices=video.to(self.device),
            audio_indices=audio.to(self.device),
            text_indices=text.to(self.device),
            return_dict=False,
        )
        # It says where the clean latent lies, which is against the noise.
        made = self._unpacked(pictures[0, shown:].float(), seen[VIDEO].shape)
        parts = {VIDEO: -made, AUDIO: -sound[0].float()}
        return joined(parts, state.modalities)

    def _layout(self, row: Row, seen: dict[str, torch.Tensor]) -> tuple[Any, ...]:
        """Where each row of the sequence is and of which kind, as diffusers' blocks lay it out, on the CPU."""
        sides, heard = seen[VIDEO].shape[1:], len(seen[AUDIO]) // CHANNELS
        words, shown = row.text[TOKENS], row.state.conditioning.picture
        tags = row.text[TAGS].long().cpu() if TAGS in row.text else torch.full((len(words),), _TEXT)
        facts = (self._patch, CHANNELS, _AUDIO, _VIDEO)
        lay = self._shown.layout if shown else _without_pictures
        found: tuple[Any, ...] = lay(tags, sides, heard, shown, *facts)
        return found

    def _unpacked(self, rows: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """Patches (N, C * patch) back into a latent (C, F', H', W')."""
        channels, frames, height, width = shape
        deep, high, wide = self._patch
        each = rows.reshape(frames // deep, height // high, width // wide, channels, deep, high, wide)
        return each.permute(3, 0, 4, 1, 5, 2, 6).reshape(channels, frames, height, width)

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        """Of fewer latent frames than the autoencoder takes, as of a preview's one, only the first pictures count."""
        model = self._autoencoder
        least = 2 * self._chunk - int(model.config.token_drop)
        if latent.shape[1] < least:
            latent = torch.cat([latent, latent[:, -1:].expand(-1, least - latent.shape[1], -1, -1)], dim=1)
        mean, std = (_along(part, latent, 4) for part in (model.config.latents_mean, model.config.latents_std))
        video = model.decode((latent * std + mean)[None], return_dict=False)[0][0].float()
        unit: torch.Tensor = (video * _along(STD, video, 4) + _along(MEAN, video, 4)).clamp(0, 1)
        return 2.0 * unit - 1.0

    def waveform(self, latent: torch.Tensor) -> Waveform:
        """What is heard of the sound's clean rows (2 * L, M)."""
        model = self._waveforms
        rows = latent.reshape(CHANNELS, -1, latent.shape[-1]).transpose(1, 2)
        mean, std = (_along(part, rows, 2) for part in (model.config.latents_mean, model.config.latents_std))
        samples = model.decode((rows * std + mean).to(self.device), return_dict=False)[0]
        return Waveform(samples[:, 0].float().cpu().numpy(), int(model.config.sampling_rate))


def _without_pictures(tags: torch.Tensor, sides: Sequence[int], sound: int, shown: object, *facts: Any) -> Any:
    return MiniMaxH3PrepareLayoutStep.build_packed_sequence(tags, *sides, sound, *facts)


def _heard(sigmas: Sequence[float], step: int) -> float:
    """What is heard of a level: how clean it is, 0..1, in float32 as its scheduler has it."""
    return float(np.float32(1.0) - np.float32(sigmas[step]))


def _along(numbers: Sequence[float], like: torch.Tensor, axes: int) -> torch.Tensor:
    """One number for each channel, (C, 1, ...) on so many axes."""
    return torch.tensor(numbers, dtype=like.dtype, device=like.device).view(-1, *(1,) * (axes - 1))


def _levels(steps: int, shift: float) -> Schedule:
    """Even levels from 1 to 0, bent; that of MiniMaxH3Scheduler for one step more, which counts the end."""
    even = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float32)
    return walked((shift * even / (1 + (shift - 1) * even))[:-1].numpy())
