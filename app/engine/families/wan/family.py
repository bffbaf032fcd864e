"""Wan 2.1 and 2.2, equal to diffusers' pipelines: one expert or two, from text, or from a picture too."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from app.engine.denoiser import TOKENS
from app.engine.families.base import EVEN, BaseFamily
from app.engine.families.family import HIGH, LOW, Experts, ImageConditioning, Row
from app.engine.families.models import Parts
from app.engine.families.step_caches import StepCaches
from app.engine.families.wan.expert import Expert
from app.engine.samplers.schedule import TRAINED_STEPS
from app.errors import InvalidRequest
from app.types import STUDENT, Plan, VideoSpec


class WanLatents(BaseFamily):
    """A family whose latents are those of Wan's autoencoder, and whose noise levels are the sampler's."""

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        scale, patch = self._autoencoder.config, self._transformer.config.patch_size
        temporal, spatial = scale.scale_factor_temporal, scale.scale_factor_spatial
        if (spec.frames - 1) % temporal:
            raise InvalidRequest(f"The number of frames has to be a multiple of {temporal}, plus 1.", "frames")
        if spec.height % (spatial * patch[1]) or spec.width % (spatial * patch[2]):
            raise InvalidRequest(
                f"Width and height have to be multiples of {spatial * patch[2]} and {spatial * patch[1]}.", "size"
            )
        frames = (spec.frames - 1) // temporal + 1
        return int(scale.z_dim), frames, spec.height // spatial, spec.width // spatial

    def schedule(self, plan: Plan) -> None:
        """The sampler's own levels."""

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        config, dtype = self._autoencoder.config, self._autoencoder.dtype
        mean = torch.tensor(config.latents_mean).view(1, config.z_dim, 1, 1, 1).to(self.device, dtype)
        scale = 1.0 / torch.tensor(config.latents_std).view(1, config.z_dim, 1, 1, 1).to(self.device, dtype)
        return self.pixels(latent[None].to(self.device, dtype) / scale + mean)

    def pixels(self, raw: torch.Tensor) -> torch.Tensor:
        """(3, F, H, W) of a latent (1, C, F', H', W') as the autoencoder has it."""
        video: torch.Tensor = self._autoencoder.decode(raw, return_dict=False)[0][0]
        return video


class Wan(WanLatents):
    """The Family. `parts` hold a WanTransformer3DModel (or what answers like one: a velocity at a timestep in 0..1000)
    and an AutoencoderKLWan or anything with its config and `decode`.

    `parts.second` is the expert for timesteps below `boundary` (a share of 1000). `image` is how it sees a picture to
    begin with, None where it cannot; `per_token` gives each token a timestep of its own; `student` is the revision of
    `parts.student`. WanPipeline and WanImageToVideoPipeline are the standard.
    """

    samplers: tuple[str, ...] = ("unipc", "euler", "lcm")

    def __init__(
        self,
        parts: Parts,
        device: torch.device | None = None,
        *,
        boundary: float | None = None,
        image: ImageConditioning | None = None,
        per_token: bool = False,
        mag_ratios: Sequence[float] = (),
        student: str = "",
    ) -> None:
        super().__init__(parts, EVEN, device)
        self.image = image
        self._per_token = per_token
        self._transformers = {"": Expert(parts.transformer, parts.scales, parts.changes)}
        if parts.second is not None and boundary is not None:
            self.experts = Experts(boundary * TRAINED_STEPS)
            self._transformers = {HIGH: self._transformers[""], LOW: Expert(parts.second, parts.scales, parts.changes)}
        else:
            self.step_caches = StepCaches(parts.transformer, mag_ratios)
        if all(expert.packs for expert in self._transformers.values()):
            self.packing = Packed(self)
        self.adapters = {name: expert.adapters for name, expert in self._transformers.items()}
        if parts.student is not None:
            self.student = student
            self._transformers[STUDENT] = Expert(parts.student)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        images = [row.state.conditioning.picture for row in rows]
        return self._expert(rows).run(
            self.inputs(rows, self._transformer.dtype),
            self.timesteps(rows),
            [row.text[TOKENS] for row in rows],
            [image[TOKENS] for image in images if TOKENS in image],
        )

    def predict_packed(self, rows: Sequence[Row]) -> list[torch.Tensor]:
        """The same of rows whose shapes differ: a velocity (C, F', H', W') float32 for each."""
        by_shape = sorted(rows, key=lambda row: row.state.shape)
        made = self._expert(rows).run_packed(
            [self.inputs([row], self._transformer.dtype)[0] for row in by_shape],
            [self._timestep(row) for row in by_shape],
            [row.text[TOKENS] for row in by_shape],
        )
        found = dict(zip(map(id, by_shape), made, strict=True))
        return [found[id(row)] for row in rows]

    def _expert(self, rows: Sequence[Row]) -> Expert:
        state = rows[0].state
        if state.plan.student is not None:
            return self._transformers[STUDENT]
        return self._transformers[self.experts.at(state.timestep) if self.experts else ""]

    def timesteps(self, rows: Sequence[Row]) -> torch.Tensor:
        """The rows' timesteps: (B,), or one for each token (B, N)."""
        return torch.stack([self._timestep(row) for row in rows])

    def _timestep(self, row: Row) -> torch.Tensor:
        """One number, or one for each token (N,), 0 for those of a picture that is there already."""
        timestep = torch.tensor(row.state.timestep, dtype=torch.float32, device=self.device)
        if not self._per_token:
            return timestep
        mask = torch.ones_like(row.state.latent[0, :, ::2, ::2])
        if row.state.conditioning.picture:
            mask[0] = 0
        return (mask * timestep).flatten()


class Packed:
    """The same for rows of different shapes in one forward."""

    def __init__(self, family: Wan) -> None:
        self._family = family

    def predict(self, rows: Sequence[Row]) -> list[torch.Tensor]:
        """Velocities (C, F', H', W') float32, one for each row."""
        return self._family.predict_packed(rows)
