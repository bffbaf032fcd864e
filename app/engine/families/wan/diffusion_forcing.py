"""SkyReels V2 by diffusion forcing: each latent frame has a noise level of its own, so that films go on from their end.

Diffusion forcing is Chen et al., arXiv 2407.01392; SkyReels-V2 is Chen et al., arXiv 2504.13074. The frames that a
segment begins with are there already, a first picture as one of them; all others walk down together, or, with a plan's
`ar_step`, block by block, each behind the one before. A step sees one segment, whatever the film's length. The standard
are diffusers' SkyReelsV2DiffusionForcingPipeline and its ImageToVideoPipeline with UniPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline

from app.engine import staggered
from app.engine.denoiser import TOKENS, JobState
from app.engine.families.base import EVEN, stacked
from app.engine.families.diffusers_private import decoded_in_pieces
from app.engine.families.family import Row
from app.engine.families.loading.reader import Files, Opened, Options
from app.engine.families.models import Parts, Pipeline
from app.engine.families.wan.family import WanLatents
from app.engine.families.wan.image import LATENT, FirstFrameConditioning
from app.engine.families.wan.load import Opening, WanReader
from app.engine.sampler import named
from app.engine.samplers.schedule import Schedule
from app.plan.forcing import levels_at
from app.plan.stages import walk_of
from app.types import Plan

NOISE_ON_THE_PAST: Final = 20.0
"""The timestep, 0..1000, at which what is there is shown: a little noise smooths the joints. The authors advise it."""
_NOT_BEGUN: Final = 999.0  # the timestep of frames that wait for those before them
_SLOW_FPS = 16  # the other of the two rates that transformers with `inject_sample_info` know


class DiffusionForcing(WanLatents):
    """The Family and its StageMaking. Raises ValueError for transformers of causal blocks of several frames."""

    samplers: tuple[str, ...] = ("unipc_forcing", "unipc")

    def __init__(
        self, parts: Parts, device: torch.device | None = None, *, noise_on_the_past: float = NOISE_ON_THE_PAST
    ) -> None:
        super().__init__(parts, EVEN, device)
        if self._transformer.config.num_frame_per_block != 1:
            raise ValueError("SkyReels V2 with causal blocks of several frames is not supported.")
        self._past_timestep = noise_on_the_past
        self.stages = self
        self.image = FirstFrameConditioning(parts.autoencoder)

    def begin(self, plan: Plan, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """Noise behind the picture, if there is one."""
        noise = self.noise(plan, generator)
        return torch.cat([picture[LATENT].cpu(), noise[:, 1:]], dim=1) if picture else noise

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        """The velocity of what is there already is 0. Transformers that hear the rate take one row at a time."""
        if self._transformer.config.inject_sample_info and len(rows) > 1:  # diffusers adds the rate to a batch of one
            return torch.cat([self.predict([row]) for row in rows])
        self._see_blocks(max(1, rows[0].state.plan.sampling.causal_block))
        dtype = self._transformer.dtype
        pasts = [self._past(row.state) for row in rows]
        velocities: torch.Tensor = self._transformer(
            hidden_states=torch.stack([self._seen(row.state) for row in rows]).to(dtype),
            timestep=torch.stack([self._timesteps(row.state) for row in rows]),  # (B, F')
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            enable_diffusion_forcing=True,
            fps=[int(row.state.plan.spec.fps != _SLOW_FPS) for row in rows],
            return_dict=False,
        )[0].float()
        for velocity, past in zip(velocities, pasts, strict=True):
            velocity[:, :past] = 0
        return velocities

    def _see_blocks(self, frames: int) -> None:
        """From now on each latent frame sees those of its own block of so many and of those before; of 1: all."""
        if self._transformer.config.num_frame_per_block != frames:
            self._transformer.register_to_config(num_frame_per_block=frames)

    def _seen(self, state: JobState) -> torch.Tensor:
        """The latent behind what is there, which has a little noise in films: another at each step, of the seed."""
        past = self._past(state)
        if not past:
            return state.latent
        seen = state.conditioning.picture[LATENT] if state.made is None else state.made[:, -past:]
        share = self._past_level(state) / 1000
        if share:
            generator = torch.Generator().manual_seed((state.plan.sampling.seed * 1_000_003 + state.step) % 2**63)
            seen = seen * (1 - share) + torch.randn(seen.shape, generator=generator).to(seen) * share
        return torch.cat([seen, state.latent[:, past:]], dim=1)

    def _timesteps(self, state: JobState) -> torch.Tensor:
        each = torch.full((state.latent.shape[1],), state.timestep, dtype=torch.float32, device=self.device)
        if staggered.lags(state):
            own = staggered.levels_of(state, named(state.plan.sampling.sampler).schedule).timesteps
            steps = zip(staggered.steps_taken(state), staggered.steps_taken(state, 1), strict=True)
            found = [own[old] if new > old else 0.0 if old else _NOT_BEGUN for old, new in steps]
            each = torch.tensor(found, dtype=torch.float32, device=self.device)
        each[: self._past(state)] = self._past_level(state)
        return each

    def _past_level(self, state: JobState) -> float:
        """The timestep at which what is there is shown; the authors advise noise for long films alone."""
        return self._past_timestep if len(state.plan.stages) > 1 else 0.0

    def stage_schedule(self, plan: Plan, stage: int) -> Schedule | None:
        """The sampler's own, or, where frames are at levels of their own, those of the last one, which is behind."""
        here, asked = plan.stages[stage], plan.sampling
        if not here.own_steps:
            return None
        own, frames = named(asked.sampler).schedule(here.own_steps, asked.shift), self.latent_shape(here.spec)[1]
        block = max(1, asked.causal_block)
        last = [levels_at(here, frames, step, asked.ar_step, block)[-1] for step in range(here.steps)]
        return Schedule((*(own.sigmas[done] for done in last), 0.0), tuple(own.timesteps[done] for done in last))

    def turn(self, state: JobState, stage: int) -> torch.Tensor:
        """Noise, drawn behind that of all segments before, with the end of these in front."""
        plan, generator = state.plan, torch.Generator().manual_seed(state.plan.sampling.seed)
        for before in range(stage):
            self.noise(walk_of(plan, before), generator)
        noise = self.noise(walk_of(plan, stage), generator)
        state.made = made = self._joined(state, stage - 1)
        past = self._given(plan, stage)
        return torch.cat([made[:, -past:], noise[:, past:].to(made)], dim=1)

    def whole(self, state: JobState) -> torch.Tensor:
        return self._joined(state, len(state.plan.stages) - 1)

    def _joined(self, state: JobState, stage: int) -> torch.Tensor:
        """What is made, and behind it what its latent, at the end of a stage, adds to that."""
        if state.made is None:
            return state.latent
        return torch.cat([state.made, state.latent[:, self._given(state.plan, stage) :]], dim=1)

    def _past(self, state: JobState) -> int:
        """Latent frames of the state's latent that are there already."""
        given = self._given(state.plan, state.plan.stage_at(state.step)[0]) if state.plan.stages else 0
        return given or int(bool(state.conditioning.picture) and state.made is None)

    def _given(self, plan: Plan, stage: int) -> int:
        """The same of a stage."""
        frames = plan.stages[stage].given
        return (frames - 1) // int(self._autoencoder.config.scale_factor_temporal) + 1 if frames else 0

    def pixels(self, raw: torch.Tensor) -> torch.Tensor:
        """In host memory, where it can be decoded piece by piece: the device's memory is that of one."""
        pieces = decoded_in_pieces(self._autoencoder, raw)
        if pieces is None:
            return super().pixels(raw)
        return torch.cat([piece[0].float().cpu() for piece in pieces], dim=1)


class DiffusionForcingReader(WanReader):
    """Reads SkyReels V2 from a diffusers folder or the hub, as Wan is read."""

    pipelines = ("SkyReelsV2DiffusionForcingPipeline",)
    transformer = "SkyReelsV2Transformer3DModel"
    lora_format: Pipeline = SkyReelsV2DiffusionForcingPipeline

    def family(self, opened: Opened[Opening], files: Files, options: Options) -> DiffusionForcing:
        return DiffusionForcing(opened.parts, files.device)


READER = DiffusionForcingReader(__name__)
