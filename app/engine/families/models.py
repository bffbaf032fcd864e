"""What families ask of diffusers' classes, which are untyped: of transformers, autoencoders and pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from app.engine.denoiser import EncodePrompts

_Model = TypeVar("_Model", bound="Model")


class Config(Protocol):
    """A model's configuration: its entries are attributes, and differ from class to class."""

    def __getattr__(self, name: str) -> Any: ...


class Model(Protocol):
    """A diffusers model, or what stands before one and passes everything on."""

    @property
    def config(self) -> Config: ...

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, but for those that it keeps in float32."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def eval(self: _Model) -> _Model: ...

    def __getattr__(self, name: str) -> Any:
        """What its class has beside, such as the autoencoders' compression ratios or ways to lay a model out."""
        ...


class Transformer(Model, Protocol):
    """The denoiser proper. With `return_dict=False` it answers with a tuple, the prediction first."""

    def __call__(self, *args: object, **inputs: object) -> Any: ...


class Autoencoder(Model, Protocol):
    """From latents to pixels in -1..1, and back where a family takes pictures."""

    def decode(self, latent: torch.Tensor, *args: object, **more: object) -> Any: ...

    def encode(self, video: torch.Tensor, *args: object, **more: object) -> Any: ...


class Vocoder(Model, Protocol):
    """From spectrograms (B, channels, T, bands) to samples (B, channels, N)."""

    def __call__(self, spectrograms: torch.Tensor) -> torch.Tensor: ...


class Upsampler(Model, Protocol):
    """From latents (B, C, F', H', W') to larger ones."""

    def __call__(self, latents: torch.Tensor) -> torch.Tensor: ...


class Eye(Protocol):
    """An image processor: from a picture to what a vision model is shown, `pixel_values` (1, 3, h, w)."""

    def __call__(self, image: object, **options: object) -> Any: ...


class Pipeline(Protocol):
    """A diffusers pipeline: it reads its parts, and knows how texts are encoded and adapters' files are written."""

    def encode_prompt(self, prompts: list[str], **more: object) -> Any: ...

    def __getattr__(self, name: str) -> Any:
        """Its parts, under the names that its class gives them."""
        ...


@dataclass(slots=True)
class Parts:
    """What a family is made of. `text_encoder` is the module behind `encode`, where there is one."""

    transformer: Transformer
    autoencoder: Autoencoder
    encode: EncodePrompts
    text_encoder: nn.Module | None = None
    second: Transformer | None = None  # another transformer, for the low noise
    student: Transformer | None = None  # distilled from the first; no adapter acts in it
    scales: Mapping[str, float] = field(default_factory=dict)  # how strongly each adapter acts
    sound: Sequence[Model] = ()  # what makes a waveform of a latent, each small beside the others
    changes: bool = False  # jobs bring adapters with them, so that the layers have to stay as they are

    @property
    def transformers(self) -> list[Transformer]:
        """One or two."""
        return [self.transformer] if self.second is None else [self.transformer, self.second]

    @property
    def held(self) -> list[Transformer]:
        """All that are kept in memory: these, and the student."""
        return self.transformers if self.student is None else [*self.transformers, self.student]
