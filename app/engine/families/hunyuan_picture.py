"""HunyuanVideo 1.0 of a picture, equal to HunyuanVideoImageToVideoPipeline in both its kinds.

One kind has the picture's latent in the place of the first frame's tokens, the other beside the noise as further
channels, and makes one latent frame more, whose pixels are cut off. The text encoder looks at the picture, too: what a
job's words are to the model is known only when it begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from diffusers import HunyuanVideoImageToVideoPipeline, HunyuanVideoTransformer3DModel
from PIL import Image

from app.engine.denoiser import TOKENS, Conditioning, EncodePrompts, Frames, TextEmbedding
from app.engine.families.base import EVEN
from app.engine.families.family import Row
from app.engine.families.hunyuan import MASK, POOLED, HunyuanVideo
from app.engine.families.loading.pipelines import PipelineReader
from app.engine.families.loading.reader import Files
from app.engine.families.models import Autoencoder, Eye, Parts, Pipeline
from app.engine.families.wan.image import pixels
from app.engine.samplers.levels import Bend
from app.types import Plan, VideoSpec

LATENT = "latent"  # (C, 1, H', W')
EYE = "eye"  # (3, h, w): the picture as the text encoder sees it
REPLACES, BESIDE = "token_replace", "latent_concat"
_INTERLEAVE = {BESIDE: 2, REPLACES: 4}  # every which of the picture's tokens the model hears
_NOISE = 0.999  # what the first latent is noise of, the rest being the picture
_FRAMES_MORE = 4  # that the kind beside the noise makes, and throws away


class Looked(str):
    """A prompt with the picture that it is about."""

    eye: torch.Tensor


class FirstLatent:
    """The ImageConditioning of both kinds."""

    needed = True

    def __init__(self, autoencoder: Autoencoder, eye: Eye, kind: str) -> None:
        self._autoencoder = autoencoder
        self._eye = eye
        self._kind = kind

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` and `eye`."""
        model = self._autoencoder
        at = next(model.parameters())
        found = model.encode(pixels(image)[None].to(at.device, model.dtype), return_dict=False)[0].mode()
        seen = self._eye(Image.fromarray(image[0]), return_tensors="pt").pixel_values[0]
        return {LATENT: found[0].float().cpu() * float(model.config.scaling_factor), EYE: seen.float().cpu()}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        first = image[LATENT]
        if self._kind == REPLACES:
            return torch.cat([first, latent[:, 1:]], dim=1)
        behind, frames = torch.zeros_like(latent[:, 1:]), torch.zeros_like(latent[:1])
        frames[:, 0] = 1
        return torch.cat([latent, torch.cat([first, behind], dim=1), frames])

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return self.model_input(latent, image) if self._kind == REPLACES else latent


class HunyuanPicture(HunyuanVideo):
    """The Family and its SeenText. Raises ValueError: a transformer of neither kind."""

    def __init__(self, parts: Parts, eye: Eye, bend: Bend = EVEN, device: torch.device | None = None) -> None:
        super().__init__(parts, bend, device)
        self._kind = self._transformer.config.image_condition_type
        if self._kind not in _INTERLEAVE:
            raise ValueError(f"HunyuanVideo that sees pictures as {self._kind} is not supported.")
        self.image = FirstLatent(self._autoencoder, eye, self._kind)
        self.text_of_picture = self

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        if self._kind == REPLACES:
            return super().latent_shape(spec)
        channels, *sides = super().latent_shape(replace(spec, frames=spec.frames + _FRAMES_MORE))
        return (channels - 1) // 2, sides[0], sides[1], sides[2]

    def begin(self, plan: Plan, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """Noise, and a trace of the picture in each frame."""
        share = torch.tensor([_NOISE])
        return self.noise(plan, generator) * share + picture[LATENT].cpu() * (1 - share)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        velocities = super().predict(rows)
        if self._kind == REPLACES:
            velocities[:, :, 0] = 0  # the picture stays as it is
        return velocities

    def heard(self, plan: Plan, conditioning: Conditioning) -> Conditioning:
        """The prompt as the text encoder has it when it looks at the picture. There is no negative one."""
        prompt = Looked(plan.prompt)
        prompt.eye = conditioning.picture[EYE]
        heard = {name: each.float() for name, each in self.encode([prompt])[0].items()}
        return replace(conditioning, prompt=heard)

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        video = super().decode(latent, plan)
        return video if self._kind == REPLACES or latent.shape[1] == 1 else video[:, _FRAMES_MORE:]


class _Seen:
    """A picture in a pipeline's hands that its image processor has looked at already."""

    def __init__(self, eye: torch.Tensor) -> None:
        self.pixel_values = eye[None]


class _Through:
    """In the image processor's place."""

    def __call__(self, image: _Seen, **options: object) -> _Seen:
        return image


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """Of a prompt with its picture what both of the pipeline's encoders make of it; of one alone what CLIP hears."""
    kept = {"revision": files.revision, "local_files_only": files.local}
    config = HunyuanVideoTransformer3DModel.load_config(files.source, subfolder="transformer", **kept)
    interleave = _INTERLEAVE[config["image_condition_type"]]

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        return [_encoded(pipeline, prompt, interleave, files.device) for prompt in prompts]

    return encode


def _encoded(pipeline: Any, prompt: str, interleave: int, device: torch.device) -> TextEmbedding:
    if not isinstance(prompt, Looked):
        nothing = torch.zeros(1, 0, 1)
        _, pooled, _ = pipeline.encode_prompt(None, [prompt], prompt_embeds=nothing, device=device)
        return {TOKENS: nothing[0], POOLED: pooled[0]}
    given = {"device": device, "image_embed_interleave": interleave}
    tokens, pooled, mask = pipeline.encode_prompt(_Seen(prompt.eye), [str(prompt)], **given)
    return {TOKENS: tokens[0], POOLED: pooled[0], MASK: mask[0]}


def _family(parts: Parts, pipeline: Any, files: Files) -> HunyuanPicture:
    if pipeline.text_encoder is None:
        raise ValueError("its text encoder looks at the picture, and cannot be shared: give the model its own")
    eye, pipeline.image_processor = pipeline.image_processor, _Through()
    return HunyuanPicture(parts, eye, Bend.of(pipeline.scheduler.config), files.device)


READER = PipelineReader(__name__, lambda files: HunyuanVideoImageToVideoPipeline, text_encoder_of, _family)
