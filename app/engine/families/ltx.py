"""LTX-Video: LTXVideoTransformer3DModel and its autoencoder, equal to LTXPipeline and LTXConditionPipeline.

The transformer sees a latent as a row of tokens whose places are told in seconds and pixels, so that the frame rate is
an input. The decoder of later releases takes the last step itself: it hears a timestep, and the latent with some noise.
These releases also take pictures at frames (`ltx_pictures.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import LTXConditionPipeline, LTXPipeline

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.base import EVEN, BaseFamily, compressed, stacked, timesteps
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineClass, PipelineReader
from app.engine.families.loading.reader import Files
from app.engine.families.ltx_pictures import (
    FramePictures,
    PictureNoise,
    begins_wholly,
    frames_of,
    levels_of,
    placed,
    with_pictures,
)
from app.engine.families.models import Parts, Pipeline
from app.engine.samplers.levels import Bend, linear_quadratic, picked
from app.engine.samplers.schedule import Schedule
from app.plan import few_step
from app.types import Plan, VideoSpec

MASK = "mask"  # (T,): 1 where the text is, 0 where it is padding


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a release is run with beyond its weights."""

    paced: bool  # levels slow, then fast, and places counted from the first frame's own latent: 0.9.5 and later
    ladder: tuple[float, ...] = ()  # a distilled release's own levels
    decode_timestep: float = 0.05
    decode_noise: float = 0.025
    picture_noise: float = 0.15  # what LTXConditionPipeline has for `image_cond_noise_scale`


FIRST = Recipe(paced=False)
LATER = Recipe(paced=True)
DISTILLED = Recipe(paced=True, ladder=few_step.LTX)  # 0.9.7 and 0.9.8, the first pass of their published configurations
DISTILLED_096 = Recipe(paced=True, ladder=few_step.LTX_096)


def recipe_of(source: str, pipeline: str) -> Recipe:
    """By the name of a family, folder or repository, and the pipeline class that its model_index.json names."""
    name = source.rstrip("/").rpartition("/")[2].lower()
    if "distilled" in name:
        return DISTILLED_096 if "0.9.6" in name else DISTILLED
    return LATER if pipeline == "LTXConditionPipeline" else FIRST


class LTX(BaseFamily):
    """The Family. Raises ValueError when the transformer takes patches of more than one latent pixel."""

    def __init__(self, parts: Parts, recipe: Recipe, bend: Bend = EVEN, device: torch.device | None = None) -> None:
        super().__init__(parts, bend, device)
        config = self._transformer.config
        if (config.patch_size, config.patch_size_t) != (1, 1):
            raise ValueError("LTX transformers with patches are not supported.")
        self._recipe = recipe
        self._temporal = int(self._autoencoder.temporal_compression_ratio)
        self._spatial = int(self._autoencoder.spatial_compression_ratio)
        if recipe.paced:  # earlier releases know no pictures
            self.image = FramePictures(self._autoencoder)
        self._picture_noise = PictureNoise(recipe.picture_noise, self._drawn_at_first)

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        sides = compressed(spec, self._temporal, self._spatial, self._spatial)
        return int(self._transformer.config.in_channels), *sides

    def begin(self, plan: Plan, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """The noise, with the pictures in it and in front of it."""
        return with_pictures(self.noise(plan, generator), picture, generator)

    def begun_shape(self, plan: Plan) -> tuple[int, int, int, int]:
        channels, frames, height, width = self.latent_shape(plan.spec)
        return channels, frames + len([frame for frame in frames_of(plan) if frame]), height, width

    def schedule(self, plan: Plan) -> Schedule:
        steps, (_, frames, height, width) = plan.sampling.steps, self.latent_shape(plan.spec)
        if self._recipe.ladder:
            return picked(self._recipe.ladder, steps)
        if self._recipe.paced:
            return linear_quadratic(steps)
        return self._bend.bent(np.linspace(1.0, 1 / steps, steps), plan.sampling.shift, frames * height * width)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype = self._transformer.dtype
        given = zip(rows, self.inputs(rows, torch.float32), strict=True)  # pictures in front
        whole = torch.stack([self._picture_noise.shown(row.state, latent) for row, latent in given]).to(dtype)
        levels, held = timesteps(rows, self.device)[:, None], None
        if any(row.state.conditioning.picture for row in rows):
            levels, held = levels_of(rows, self.device)
        answer: torch.Tensor = self._transformer(
            hidden_states=whole.flatten(2).transpose(1, 2),  # (B, F' * H' * W', C)
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            timestep=levels if self._recipe.paced else levels[:, 0],
            encoder_attention_mask=stacked(rows, MASK, torch.float32).bool(),
            return_dict=False,
            **self._places(rows, whole.shape[2:]),
        )[0]
        if held is not None:  # what is given stays as it is
            answer = answer.masked_fill(held[..., None], 0.0)
        return answer.transpose(1, 2).reshape(whole.shape)

    def _places(self, rows: Sequence[Row], sides: Sequence[int]) -> dict[str, object]:
        """Where the tokens are, by each row's frame rate; computed anew for every forward, never kept."""
        rates = torch.tensor([float(row.state.plan.spec.fps) for row in rows], device=self.device)
        frames, height, width = sides
        if not self._recipe.paced:
            seconds = (self._temporal / rates).view(-1, 1, 1, 1, 1)
            scale = (seconds, self._spatial, self._spatial)
            return {"num_frames": frames, "height": height, "width": width, "rope_interpolation_scale": scale}
        each = torch.stack([self._coordinates(row, frames, height, width) for row in rows])
        each[:, 0] *= (1.0 / rates)[:, None]
        return {"video_coords": each}

    def _coordinates(self, row: Row, frames: int, height: int, width: int) -> torch.Tensor:
        """Of each token its frame, row and column, float32 (3, N); pictures in front have the frames they stand at."""
        given = placed(row.state.conditioning.picture)
        began = torch.arange(frames - len(given), device=self.device) * self._temporal + 1 - self._temporal
        times = torch.cat([torch.tensor(given, device=self.device, dtype=began.dtype), began.clamp(min=0)])
        sides = [torch.arange(side, device=self.device) * self._spatial for side in (height, width)]
        return torch.stack(torch.meshgrid(times, *sides, indexing="ij")).flatten(1).float()

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        latent = self._with_last_noise(latent, plan)
        mean, std = (part.view(-1, 1, 1, 1).to(latent) for part in (model.latents_mean, model.latents_std))
        raw = (latent * std / model.config.scaling_factor + mean).to(self._transformer.dtype)
        level = None
        if model.config.timestep_conditioning:
            level = torch.tensor([self._recipe.decode_timestep], device=self.device, dtype=raw.dtype)
            share = torch.tensor(self._recipe.decode_noise, device=self.device, dtype=raw.dtype)
            raw = (1 - share) * raw + share * self._second_noise(plan, raw)
        gpus = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):  # some decoders draw noise of their own, from torch's one generator
            torch.manual_seed(plan.sampling.seed)
            video: torch.Tensor = model.decode(raw[None].to(model.dtype), level, return_dict=False)[0][0]
        return video

    def _second_noise(self, plan: Plan, raw: torch.Tensor) -> torch.Tensor:
        """What the plan's seed draws after the first latent: drawn again, so that no job has to carry it."""
        shape = self.latent_shape(plan.spec)
        generator = self._drawn_at_first(plan)
        if frames_of(plan):
            generator = self._picture_noise.behind(plan, self.begun_shape(plan))
        return torch.randn(shape, generator=generator, dtype=raw.dtype).to(self.device)[:, : raw.shape[1]]

    def _drawn_at_first(self, plan: Plan) -> torch.Generator:
        """The seed's generator where `begin` leaves it."""
        generator = torch.Generator().manual_seed(plan.sampling.seed)
        channels, _, *sides = self.noise(plan, generator).shape
        for frame in frames_of(plan):  # as `with_pictures` draws for each
            for _ in range(2 if frame else 1):
                torch.randn((channels, 1, *sides), generator=generator)
        return generator

    def _with_last_noise(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        """A first frame at full strength ends as it was last shown; a preview does without."""
        whole = latent.shape[1] == self.latent_shape(plan.spec)[1]
        if not (whole and self._recipe.picture_noise and begins_wholly(plan)):
            return latent
        return self._picture_noise.ended(latent, plan, self.begun_shape(plan), self.schedule(plan).timesteps[-1])


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's T5: 128 tokens of each prompt, and which of them are text."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        tokens, mask, *_ = pipeline.encode_prompt(list(prompts), do_classifier_free_guidance=False, device=files.device)
        return [{TOKENS: each, MASK: own} for each, own in zip(tokens, mask, strict=True)]

    return encode


def _pipeline(files: Files) -> PipelineClass:
    """The class that the model names: later releases have another."""
    named = LTXPipeline.load_config(files.source, revision=files.revision, local_files_only=files.local)["_class_name"]
    found: PipelineClass = LTXConditionPipeline if named == "LTXConditionPipeline" else LTXPipeline
    return found


def _family(parts: Parts, pipeline: Pipeline, files: Files) -> LTX:
    recipe = recipe_of(files.family or files.source, type(pipeline).__name__)
    bend = Bend.of(pipeline.scheduler.config)
    return LTX(parts, recipe, bend, files.device)


# Not for ranks: diffusers cuts its heads, but not the text mask that goes with them.
READER = PipelineReader(__name__, _pipeline, text_encoder_of, _family)
