"""CogVideoX 1.0 and 1.5: CogVideoXTransformer3DModel and its autoencoder, of text and of a picture.

Equal to CogVideoXPipeline and CogVideoXImageToVideoPipeline, which shows the picture's latent beside the noise.

It predicts v, not a flow, and is sampled by DDIM. The 2B release counts places by sines, the others turn by rotary
angles, which are computed anew for a shape. 1.5 takes latent frames in pairs and drops what fills up the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from diffusers import CogVideoXImageToVideoPipeline, CogVideoXPipeline, CogVideoXTransformer3DModel

from app.engine.denoiser import TOKENS, EncodePrompts, Frames, TextEmbedding
from app.engine.families.base import BaseFamily, compressed, stacked, timesteps
from app.engine.families.diffusers_private import rotary_angles
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineClass, PipelineReader
from app.engine.families.loading.reader import Files
from app.engine.families.models import Autoencoder, Parts, Pipeline
from app.engine.families.wan.image import moments
from app.types import Plan, VideoSpec

MEAN, SPREAD = "mean", "spread"  # what the encoder says of a picture, (C, 1, H', W')
_SHIPPED = {
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.0120,
    "set_alpha_to_one": True,
}


class BesideNoise:
    """How CogVideoX sees a picture: as a latent that each job's seed draws from what the encoder says of it."""

    needed = True

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`mean` and `spread`, (C, 1, H', W') each, scaled."""
        model = self._autoencoder
        mean, spread = moments(model, image)
        scale = float(model.config.scaling_factor)
        if model.config.invert_scale_latents:  # weights that were trained so
            scale = 1 / scale
        return {MEAN: scale * mean, SPREAD: scale * spread}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return latent

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return latent


class CogVideoX(BaseFamily):
    """The Family. Raises ValueError for a plan whose shift is not that of the weights: the profile is wrong."""

    samplers: tuple[str, ...] = ("ddim",)

    def __init__(self, parts: Parts, shift: float, device: torch.device | None = None) -> None:
        super().__init__(parts, device=device)
        self._shift = shift  # of the signal to noise ratio: unlike a flow's it is trained, and cannot be chosen
        # The pipeline knows a shape's rotary angles; it is given nothing that it could run.
        self._angles = CogVideoXPipeline(None, None, self._autoencoder, self._transformer, None)
        if self._transformer.config.in_channels == 2 * self._autoencoder.config.latent_channels:
            self.image = BesideNoise(self._autoencoder)

    def _sides(self, spec: VideoSpec) -> tuple[int, int, int]:
        model = self._autoencoder.config
        spatial = 2 ** (len(model.block_out_channels) - 1)
        grain = spatial * int(self._transformer.config.patch_size)
        return compressed(spec, int(model.temporal_compression_ratio), spatial, grain)

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        frames, height, width = self._sides(spec)
        frames += -frames % (self._transformer.config.patch_size_t or 1)
        return int(self._autoencoder.config.latent_channels), frames, height, width

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        channels, *sides = self.latent_shape(plan.spec)
        if self.image is not None:
            self._first_draw(plan, generator)  # the picture's latent comes before the noise
        drawn = torch.randn((sides[0], channels, *sides[1:]), generator=generator)  # frame by frame
        return drawn.transpose(0, 1).contiguous()

    def schedule(self, plan: Plan) -> None:
        if plan.sampling.shift != self._shift:
            raise ValueError(f"The model's shift is {self._shift:g}, its profile says {plan.sampling.shift:g}.")

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        config, dtype = self._transformer.config, self._transformer.dtype
        seen = self._seen(rows).to(dtype).transpose(1, 2)  # (B, F', C or 2C, H', W')
        spec = rows[0].state.plan.spec
        turned = None
        if config.use_rotary_positional_embeddings:
            turned = rotary_angles(self._angles, spec.height, spec.width, seen.shape[1], self.device)
        answer: torch.Tensor = self._transformer(
            hidden_states=seen,
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            timestep=timesteps(rows, self.device),
            image_rotary_emb=turned,
            ofs=None if config.ofs_embed_dim is None else seen.new_full((1,), 2.0),  # as its authors always have it
            return_dict=False,
        )[0]
        return answer.transpose(1, 2)

    def _seen(self, rows: Sequence[Row]) -> torch.Tensor:
        """The rows' latents, and, for weights that take a picture, its own as the first frame of further channels."""
        latents = torch.stack([row.state.latent for row in rows])
        if self.image is None:
            return latents
        shown = torch.zeros_like(latents)
        for at, row in enumerate(rows):
            picture, plan = row.state.conditioning.picture, row.state.plan
            drawn = self._first_draw(plan, torch.Generator().manual_seed(plan.sampling.seed)).to(self.device)
            shown[at, :, :1] = picture[MEAN] + picture[SPREAD] * drawn
        return torch.cat([latents, shown], dim=1)

    def _first_draw(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """What the seed draws the picture's latent with, (C, 1, H', W')."""
        channels, _, height, width = self.latent_shape(plan.spec)
        return torch.randn((channels, 1, height, width), generator=generator)

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        filled = max(0, latent.shape[1] - self._sides(plan.spec)[0])
        raw = latent[None, :, filled:].to(model.dtype) / model.config.scaling_factor
        video: torch.Tensor = model.decode(raw).sample[0]
        return video


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's T5, as many tokens as the transformer expects."""
    config = CogVideoXTransformer3DModel.load_config(
        files.source, subfolder="transformer", revision=files.revision, local_files_only=files.local
    )
    length = int(config["max_text_seq_length"])

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        each, _ = pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False, max_sequence_length=length, device=files.device
        )
        return [{TOKENS: tokens} for tokens in each]

    return encode


def _family(parts: Parts, pipeline: Pipeline, files: Files) -> CogVideoX:
    config = pipeline.scheduler.config
    odd = [name for name, value in _SHIPPED.items() if config.get(name) != value]
    if odd:
        raise ValueError(f"The model's schedule is not supported: {', '.join(odd)}.")
    shift = float(config.snr_shift_scale)
    return CogVideoX(parts, shift, files.device)


def _pipeline(files: Files) -> PipelineClass:
    """The class that the model names: weights that take a picture have another."""
    kept = {"revision": files.revision, "local_files_only": files.local}
    named = CogVideoXPipeline.load_config(files.source, **kept)["_class_name"]
    found: PipelineClass = CogVideoXPipeline
    if named == "CogVideoXImageToVideoPipeline":
        found = CogVideoXImageToVideoPipeline
    return found


READER = PipelineReader(__name__, _pipeline, text_encoder_of, _family)
