"""Models whose diffusers pipeline reads all their parts: its class, how it hears, and what a family is made of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

import torch
from torch import nn

from app.engine.denoiser import EncodePrompts
from app.engine.families.family import Family
from app.engine.families.loading.placement import place_encoder
from app.engine.families.loading.reader import AS_IT_IS, Files, Opened, Options, Reader
from app.engine.families.models import Parts, Pipeline
from app.engine.samplers.levels import Bend
from app.settings.placement import Placement

_TEXT = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "connectors")
_SOUND = ("audio_vae", "vocoder")


class PipelineClass(Protocol):
    """A diffusers pipeline's class."""

    def __call__(self, *parts: object) -> Pipeline: ...

    def from_pretrained(self, source: str, **options: object) -> Pipeline: ...


Build: TypeAlias = Callable[[Parts, Pipeline, Files], Family]


class PipelineReader(Reader[Pipeline]):
    """Reads a family by its pipeline's class.

    `pipeline` says which class, `text_encoder` how it encodes prompts, `build` makes the family; `not_for_text` are the
    parts that the pipeline can be made without when it is only to encode, `never` those that nothing here asks.
    """

    def __init__(
        self,
        module: str,
        pipeline: Callable[[Files], PipelineClass],
        text_encoder: Callable[[Pipeline, Files], EncodePrompts],
        build: Build,
        *,
        not_for_text: Sequence[str] = ("transformer", "vae"),
        never: Sequence[str] = (),
        split_class: str | None = None,
    ) -> None:
        super().__init__(module, split_class)
        self._never = tuple(never)
        self._pipeline = pipeline
        self._text_encoder = text_encoder
        self._build = build
        self._not_for_text = not_for_text

    def open(self, files: Files, encode: EncodePrompts | None) -> Opened[Pipeline]:
        without = (*self._never, *(() if encode is None else _TEXT))
        given: dict[str, object] = {}
        if files.single is not None:
            (given["transformer"],) = self.read_transformers(files, self.folder(files))
        pipeline = _read(self._pipeline(files), files, without, given=given)
        encoders = nn.ModuleList(_encoders(pipeline))
        encode = encode or self._text_encoder(pipeline, files)
        parts = Parts(pipeline.transformer, pipeline.vae, encode, encoders)
        parts.sound = [each for each in (getattr(pipeline, name, None) for name in _SOUND) if each is not None]
        return Opened(parts, pipeline, pipeline)

    def family(self, opened: Opened[Pipeline], files: Files, options: Options) -> Family:
        return self._build(opened.parts, opened.facts, files)

    def formats(self, files: Files) -> object:
        return self._pipeline(files)

    def load_encoder(self, files: Files, placement: Placement = AS_IT_IS) -> EncodePrompts:
        pipeline = _read(self._pipeline(files), files, (*self._never, *self._not_for_text))
        place_encoder(nn.ModuleList(_encoders(pipeline)), placement, files.device)
        return self._text_encoder(pipeline, files)


def bent(family: Callable[[Parts, Bend, torch.device], Family]) -> Build:
    """For a family that needs nothing of its pipeline but how the noise levels are bent."""
    return lambda parts, pipeline, files: family(parts, Bend.of(pipeline.scheduler.config), files.device)


def _encoders(pipeline: Pipeline) -> list[nn.Module]:
    found = [getattr(pipeline, name, None) for name in ("text_encoder", "text_encoder_2", "connectors")]
    return [encoder.eval() for encoder in found if encoder is not None]


def _read(
    pipeline: PipelineClass, files: Files, without: Sequence[str], given: Mapping[str, object] = MappingProxyType({})
) -> Pipeline:
    """A pipeline of that class on the host, some parts left out, some `given`. Code that comes with it is never run."""
    known = inspect.signature(pipeline).parameters
    return pipeline.from_pretrained(
        files.source,
        revision=files.revision,
        dtype=files.dtype,
        use_safetensors=True,
        local_files_only=files.local,
        **{name: None for name in without if name in known},
        **given,
    )
