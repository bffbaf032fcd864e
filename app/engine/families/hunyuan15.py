"""HunyuanVideo 1.5: HunyuanVideo15Transformer3DModel and its autoencoder, equal to its two pipelines.

Guided by an unconditional pass. The text is heard from a language model, and what stands in quotation marks a second
time letter by letter, for writing inside the picture. The model also takes a first picture, whose latent stands beside
the noise and whose tokens SigLIP gives; weights of text alone see zeros there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from diffusers import HunyuanVideo15ImageToVideoPipeline, HunyuanVideo15Pipeline
from PIL import Image

from app.engine.denoiser import TOKENS, EncodePrompts, Frames, TextEmbedding
from app.engine.families.base import EVEN, BaseFamily, compressed, stacked, timesteps
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineClass, PipelineReader
from app.engine.families.loading.reader import Files
from app.engine.families.models import Autoencoder, Parts, Pipeline
from app.engine.families.wan.image import LATENT, pixels
from app.engine.samplers.levels import Bend
from app.engine.samplers.schedule import Schedule
from app.types import Plan, VideoSpec

MASK = "mask"  # (T,): 1 where the text is, 0 where it is padding
LETTERS = "letters"  # (T', D')
LETTERS_MASK = "letters_mask"  # (T',)
Eye: TypeAlias = tuple[Any, Any]  # as transformers has them
PICTURE_TOKENS = 729  # that the model expects of a first picture


class FirstLatent:
    """How HunyuanVideo 1.5 sees the picture that a video begins with. `eye`: SigLIP's image processor and encoder."""

    needed = True

    def __init__(self, autoencoder: Autoencoder, eye: Eye) -> None:
        self._autoencoder = autoencoder
        self._processor, self._encoder = eye

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, 1, H', W'), scaled, and `tokens` (P, E)."""
        model = self._autoencoder
        at = next(model.parameters())
        found = model.encode(pixels(image)[None].to(at.device, model.dtype), return_dict=False)[0].mode()
        seen = self._processor.preprocess(
            images=Image.fromarray(image[0]), do_resize=True, return_tensors="pt", do_convert_rgb=True
        )
        like = next(self._encoder.parameters())
        tokens = self._encoder(**seen.to(device=like.device, dtype=like.dtype)).last_hidden_state[0]
        return {LATENT: model.config.scaling_factor * found[0].float().cpu(), TOKENS: tokens.float().cpu()}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The noise, the picture's latent in the first frame, and a mask that is 1 there; without a picture zeros."""
        picture, mask = torch.zeros_like(latent), torch.zeros_like(latent[:1])
        picture[:, :1] = image[LATENT]
        mask[:, 0] = 1
        return torch.cat([latent, picture, mask])

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return latent


class HunyuanVideo15(BaseFamily):
    """The Family. `picture_tokens`: how many stand for a picture that is not there; `eye`: of weights that take one."""

    def __init__(
        self,
        parts: Parts,
        bend: Bend = EVEN,
        device: torch.device | None = None,
        picture_tokens: int = PICTURE_TOKENS,
        eye: Eye | None = None,
    ) -> None:
        super().__init__(parts, bend, device)
        if eye is not None:
            self.image = FirstLatent(parts.autoencoder, eye)
        self._picture_tokens = picture_tokens

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        model = self._autoencoder
        temporal, spatial = int(model.temporal_compression_ratio), int(model.spatial_compression_ratio)
        grain = spatial * int(self._transformer.config.patch_size)
        return int(model.config.latent_channels), *compressed(spec, temporal, spatial, grain)

    def schedule(self, plan: Plan) -> Schedule:
        return self._bend.bent(np.linspace(1.0, 0.0, plan.sampling.steps + 1)[:-1], plan.sampling.shift)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype = self._transformer.dtype
        seen = self.inputs(rows, dtype)
        if self.image is None:
            nothing = torch.zeros_like(seen)
            seen = torch.cat([seen, nothing, nothing[:, :1]], dim=1)  # latent, picture, where the picture is
        answer: torch.Tensor = self._transformer(
            hidden_states=seen,
            image_embeds=self._tokens(rows).to(self.device, dtype),
            timestep=timesteps(rows, self.device).to(dtype),
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            encoder_attention_mask=stacked(rows, MASK, dtype),
            encoder_hidden_states_2=stacked(rows, LETTERS, dtype),
            encoder_attention_mask_2=stacked(rows, LETTERS_MASK, dtype),
            return_dict=False,
        )[0]
        return answer

    def _tokens(self, rows: Sequence[Row]) -> torch.Tensor:
        """Of the rows' pictures, (B, P, E)."""
        if self.image is None:
            return torch.zeros((len(rows), self._picture_tokens, int(self._transformer.config.image_embed_dim)))
        return torch.stack([row.state.conditioning.picture[TOKENS] for row in rows])

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        raw = latent[None].to(model.dtype) / model.config.scaling_factor
        video: torch.Tensor = model.decode(raw, return_dict=False)[0][0]
        return video


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's two encoders, with its own instruction before the prompt and cut off again."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        by_name = pipeline.encode_prompt(list(prompts), device=files.device, batch_size=len(prompts))
        names = (TOKENS, MASK, LETTERS, LETTERS_MASK)
        return [dict(zip(names, each, strict=True)) for each in zip(*by_name, strict=True)]

    return encode


def _pipeline(files: Files) -> PipelineClass:
    """The class that the model names: weights that take a picture have another."""
    kept = {"revision": files.revision, "local_files_only": files.local}
    named = HunyuanVideo15Pipeline.load_config(files.source, **kept)["_class_name"]
    found: PipelineClass = HunyuanVideo15Pipeline
    if named == "HunyuanVideo15ImageToVideoPipeline":
        found = HunyuanVideo15ImageToVideoPipeline
    return found


def _family(parts: Parts, pipeline: Pipeline, files: Files) -> HunyuanVideo15:
    encoder = getattr(pipeline, "image_encoder", None)
    eye = None if encoder is None else (pipeline.feature_extractor, encoder.to(files.device).eval())
    return HunyuanVideo15(parts, Bend.of(pipeline.scheduler.config), files.device, eye=eye)


READER = PipelineReader(
    __name__,
    _pipeline,
    text_encoder_of,
    _family,
    not_for_text=("transformer",),  # the pipeline asks its autoencoder for a number even when there is none
)
