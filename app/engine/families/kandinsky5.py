"""Kandinsky 5: Kandinsky5Transformer3DModel, HunyuanVideo's autoencoder, equal to its pipelines of text and picture.

Guided by an unconditional pass. The text is heard word by word from Qwen2.5-VL, and as a whole from CLIP. A picture to
begin with is the first latent frame, and those near it are brought to the others' mean and deviation in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from diffusers import Kandinsky5I2VPipeline, Kandinsky5T2VPipeline, Kandinsky5Transformer3DModel
from transformers import AutoTokenizer

from app.engine.denoiser import TOKENS, EncodePrompts, Frames, TextEmbedding
from app.engine.families.base import EVEN, BaseFamily, compressed, stacked, timesteps
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineClass, PipelineReader
from app.engine.families.loading.reader import Files
from app.engine.families.models import Autoencoder, Parts, Pipeline
from app.engine.families.wan.image import moments
from app.types import Plan, VideoSpec

POOLED: Final = "pooled"  # (D,): the text as a whole
MEAN, DEVIATION = "mean", "deviation"  # (C, 1, H', W') each, of what the picture's latent is drawn from
_NEAR: Final = 4  # latent frames at the beginning that are evened out
_LIKE: Final = 5  # those behind them that they are brought to


class FirstFrame:
    """How the weights of pictures see the one that a video begins with."""

    needed = True

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`mean` and `deviation`, scaled."""
        model = self._autoencoder
        mean, spread = moments(model, image)
        scale = float(model.config.scaling_factor)
        return {MEAN: scale * mean, DEVIATION: scale * spread}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return latent

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The frames near the picture evened out; they shine otherwise, as the pipeline's authors have it."""
        first, others = latent[:, :_NEAR], latent[:, _NEAR : _NEAR + _LIKE]
        return latent if not others.numel() else torch.cat([_evened(first, others), latent[:, _NEAR:]], dim=1)


class Kandinsky5(BaseFamily):
    """The Family. `seen`: weights that begin with a picture.

    Raises ValueError for a transformer of sparse attention (NABLA, of the releases of ten seconds).
    """

    def __init__(self, parts: Parts, seen: bool = False, device: torch.device | None = None) -> None:
        super().__init__(parts, EVEN, device)
        _check(self._transformer.config.attention_type)
        self._patch: tuple[int, int, int] = tuple(self._transformer.config.patch_size)
        if seen:
            self.image = FirstFrame(parts.autoencoder)

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        model = self._autoencoder
        temporal, spatial = int(model.temporal_compression_ratio), int(model.spatial_compression_ratio)
        sides = compressed(spec, temporal, spatial, spatial * self._patch[1])
        return int(self._transformer.config.in_visual_dim), *sides

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """Drawn with the channels last."""
        channels, *sides = self.latent_shape(plan.spec)
        return torch.randn((*sides, channels), generator=generator).movedim(-1, 0)

    def begin(self, plan: Plan, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """Noise, and in front the picture's latent, which is drawn from the same seed."""
        noise = self.noise(plan, generator)
        if not picture:
            return noise
        mean = picture[MEAN].cpu()
        first = mean + picture[DEVIATION].cpu() * torch.randn(mean.shape, generator=generator)
        return torch.cat([first, noise[:, 1:]], dim=1)

    def schedule(self, plan: Plan) -> None:
        """The sampler's own levels."""

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        """A forward for each number of words among the rows: there is no mask for words that are not there."""
        lengths = dict.fromkeys(len(row.text[TOKENS]) for row in rows)
        found: dict[int, torch.Tensor] = {}
        for length in lengths:
            same = [place for place, row in enumerate(rows) if len(row.text[TOKENS]) == length]
            found |= dict(zip(same, self._forward([rows[place] for place in same]), strict=True))
        return torch.stack([found[place] for place in range(len(rows))])

    def _forward(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype, spec = self._transformer.dtype, rows[0].state.plan.spec
        seen = self._seen(rows).movedim(1, -1).to(dtype)
        _, frames, height, width, _ = seen.shape
        _, high, wide = self._patch
        sides = (frames, height // high, width // wide)
        answer: torch.Tensor = self._transformer(
            hidden_states=seen,
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            pooled_projections=stacked(rows, POOLED, dtype),
            timestep=timesteps(rows, self.device).to(dtype),
            visual_rope_pos=[torch.arange(side, device=self.device) for side in sides],
            text_rope_pos=torch.arange(len(rows[0].text[TOKENS]), device=self.device),
            scale_factor=_scale(spec),
            sparse_params=None,
            return_dict=False,
        )
        velocity = answer.movedim(-1, 1)
        if self.image is not None:
            velocity[:, :, 0] = 0  # the picture stays as it is
        return velocity

    def _seen(self, rows: Sequence[Row]) -> torch.Tensor:
        """(B, C', F', H', W'): the latents, and in weights for it, nothing, and where a picture is."""
        latents = torch.stack([row.state.latent for row in rows])
        if not self._transformer.config.visual_cond:
            return latents
        place = torch.zeros_like(latents[:, :1])
        if self.image is not None:
            place[:, :, 0] = 1
        return torch.cat([latents, torch.zeros_like(latents), place], dim=1)

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        raw = latent[None].to(model.dtype) / model.config.scaling_factor
        video: torch.Tensor = model.decode(raw, return_dict=False)[0][0]
        return video


def _check(kind: str) -> None:
    """Raises ValueError: its attention is another than that of the releases of five seconds."""
    if kind != "regular":
        raise ValueError(f"Kandinsky 5 with {kind} attention, as in the releases of ten seconds, is not supported.")


def _scale(spec: VideoSpec) -> tuple[float, float, float]:
    """How places are spaced: wider for sides that are not those of 480p."""
    small = all(480 <= side <= 854 for side in (spec.height, spec.width))
    return (1, 2, 2) if small else (1, 3.16, 3.16)


def _evened(first: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Latent frames with the others' mean and deviation, as far as that is not far from their own."""
    mean, deviation = first.mean(), first.std()
    to_mean = torch.clamp(others.mean(), mean - 0.05, mean + 0.1)
    to_deviation = torch.clamp(others.std(), deviation - 0.1, deviation + 0.25)
    return (first - mean) / deviation * to_deviation + to_mean


class _Words:
    """In Qwen2VLProcessor's place, whose videos want torchvision: what it does with words alone."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.decode = tokenizer.decode

    def __call__(self, text: list[str], images: None, videos: None, **options: Any) -> Any:
        return self._tokenizer(text, **options)


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's two encoders, each prompt by itself: beside a longer one it would be filled up."""
    kept: dict[str, Any] = {"revision": files.revision, "local_files_only": files.local, "trust_remote_code": False}
    words = _Words(AutoTokenizer.from_pretrained(files.source, subfolder="tokenizer", **kept))
    vars(pipeline)["tokenizer"] = words

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        each = [pipeline.encode_prompt([prompt], device=files.device) for prompt in prompts]
        return [{TOKENS: tokens[0], POOLED: pooled[0]} for tokens, pooled, _ in each]

    return encode


def _pipeline(files: Files) -> PipelineClass:
    """The class that the model names.

    Raises ValueError: its attention is sparse, which is seen before its weights come.
    """
    kept = {"revision": files.revision, "local_files_only": files.local}
    facts = Kandinsky5Transformer3DModel.load_config(files.source, subfolder="transformer", **kept)
    _check(facts.get("attention_type", "regular"))
    named = Kandinsky5T2VPipeline.load_config(files.source, **kept)["_class_name"]
    found: PipelineClass = Kandinsky5T2VPipeline
    return Kandinsky5I2VPipeline if named == Kandinsky5I2VPipeline.__name__ else found


def _family(parts: Parts, pipeline: Any, files: Files) -> Kandinsky5:
    return Kandinsky5(parts, isinstance(pipeline, Kandinsky5I2VPipeline), files.device)


READER = PipelineReader(__name__, _pipeline, text_encoder_of, _family, never=("tokenizer",))
