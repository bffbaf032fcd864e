"""LTX-2's two stages: a network enlarges the clean small latent, which is noised again and refined with its sound."""

from __future__ import annotations

from typing import Protocol

import torch

from app.engine.denoiser import JobState
from app.engine.families.models import Autoencoder, Upsampler
from app.engine.modalities import AUDIO, VIDEO, Modality, joined
from app.engine.samplers.levels import walked
from app.engine.samplers.schedule import Schedule
from app.plan.stages import walk_of
from app.types import Plan


class Small(Protocol):
    """The model as its first stage asks it."""

    def modalities(self, plan: Plan) -> tuple[Modality, ...]: ...

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor: ...

    def schedule(self, plan: Plan) -> Schedule: ...


class Refining:
    """The StageMaking of LTX-2, equal to diffusers' pipeline, LTX2LatentUpsamplePipeline and the pipeline again.

    `ladder` are the second stage's noise levels, to whose first the enlarged latent and the sound are noised.
    """

    def __init__(self, small: Small, autoencoder: Autoencoder, upsampler: Upsampler, ladder: tuple[float, ...]) -> None:
        self._small = small
        self._autoencoder = autoencoder
        self._upsampler = upsampler.eval()
        self._ladder = ladder

    def stage_schedule(self, plan: Plan, stage: int) -> Schedule:
        return walked(self._ladder) if stage else self._small.schedule(walk_of(plan, stage))

    def turn(self, state: JobState, stage: int) -> torch.Tensor:
        """The first frame of a video that begins with a picture stays as it was enlarged."""
        picture, large = state.conditioning.picture, self._small.modalities(walk_of(state.plan, stage))
        small = state.part(VIDEO)
        if picture:
            small = torch.cat([picture["latent"], small[:, 1:]], dim=1)
        clean = {VIDEO: self._enlarged(small), AUDIO: state.part(AUDIO)}
        noise, level = self._noise(state, large, bool(picture)), self._ladder[0]
        noised = {name: level * noise[name].to(part) + (1 - level) * part for name, part in clean.items()}
        if picture:
            noised[VIDEO][:, 0] = clean[VIDEO][:, 0]
        return joined(noised, large)

    def whole(self, state: JobState) -> torch.Tensor:
        return state.latent

    def _enlarged(self, latent: torch.Tensor) -> torch.Tensor:
        """The network works on latents as the autoencoder gives them, before they are normalised."""
        model = self._autoencoder
        mean, std = (part.view(-1, 1, 1, 1).to(latent) for part in (model.latents_mean, model.latents_std))
        raw = latent * std / model.config.scaling_factor + mean
        large = self._upsampler(raw[None].to(self._upsampler.dtype))[0].to(latent)
        normal: torch.Tensor = (large - mean) * model.config.scaling_factor / std
        return normal

    def _noise(self, state: JobState, large: tuple[Modality, ...], with_picture: bool) -> dict[str, torch.Tensor]:
        """Drawn behind the first stage's from the plan's seed, in the order of diffusers' tokens: without a picture
        its pipeline draws for the video's tokens, with one for its latent."""
        generator = torch.Generator().manual_seed(state.plan.sampling.seed)
        self._small.noise(walk_of(state.plan, 0), generator)
        (_, (channels, *sides), _), (_, (heard, length, bands), _) = large
        if with_picture:
            video = torch.randn((channels, *sides), generator=generator)
        else:
            video = torch.randn((*sides, channels), generator=generator).movedim(-1, 0)
        sound = torch.randn((length, heard, bands), generator=generator).transpose(0, 1)
        return {VIDEO: video, AUDIO: sound}
