"""Files in diffusers' format come in, a family's denoiser goes out, or its text encoders by themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from app.engine.denoiser import Heard
from app.engine.families.family import Family, FamilyDenoiser
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.lora import Wardrobe, put_on
from app.engine.families.loading.placement import Parts, place
from app.settings.placement import Parallel, Placement

Listen: TypeAlias = Callable[[Sequence[str]], list[Heard]]
"""Prompts to what text encoders make of each."""

_TEXT = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")


@dataclass(frozen=True, slots=True)
class Files:
    """Where a model is, a folder or a hub's id, and for what it is read; `family`: a row of `app/plan/families.py`."""

    source: str
    dtype: torch.dtype
    device: torch.device
    revision: str | None = None
    local: bool = False
    family: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is loaded beyond its files; without a placement all of it is on the device."""

    placement: Placement = field(default_factory=Placement)
    listen: Listen | None = None  # takes the place of the model's own text encoders, which are then not read
    loras: Sequence[Lora] = ()
    parallel: Parallel = field(default_factory=Parallel)  # ranks that share each forward
    mag_ratios: Sequence[float] = ()  # MagCache's magnitudes, where they were measured


PLAIN = Options()


@dataclass(frozen=True, slots=True)
class Reader:
    """How the models of a family are read: their pipeline's class, how it hears, what the denoiser is made of."""

    pipeline: Callable[[Files], Any]
    listen: Callable[[Any, Files], Listen]
    family: Callable[[Parts, Any, Files], Family]
    unheard: Sequence[str] = ("transformer", "vae")  # parts that the pipeline can be made without, to hear alone

    def load(self, files: Files, options: Options = PLAIN) -> FamilyDenoiser:
        """The model as the options say.

        Raises:
            OSError: there are no such files, or weights in another form than safetensors.
            ValueError: they are another model's, or the options ask for what these families do not have.
        """
        if options.parallel.ranks > 1:
            raise ValueError("models of this family are not split among ranks; Wan is")
        listen = options.listen
        pipeline = _read(self.pipeline(files), files, without=() if listen is None else _TEXT)
        for lora in options.loras:
            put_on(lora, pipeline.transformer, pipeline, lora.file, files.local)
        wardrobe = Wardrobe(pipeline.transformer)
        encoders = torch.nn.ModuleList(_encoders(pipeline))
        parts = Parts(pipeline.transformer, pipeline.vae, listen or self.listen(pipeline, files), encoders)
        place(parts, options.placement, files.device)
        return FamilyDenoiser(self.family(parts, pipeline, files), wardrobe)

    def load_encoder(self, files: Files) -> Listen:
        """The model's text encoders alone, on the device. Raises as `load`."""
        pipeline = _read(self.pipeline(files), files, without=self.unheard)
        for encoder in _encoders(pipeline):
            encoder.to(files.device)
        return self.listen(pipeline, files)


def _encoders(pipeline: Any) -> list[Any]:
    found = [getattr(pipeline, name, None) for name in ("text_encoder", "text_encoder_2")]
    return [encoder.eval() for encoder in found if encoder is not None]


def _read(pipeline: Any, files: Files, without: Sequence[str]) -> Any:
    """A pipeline of that class on the host, some parts left out. Code that comes with a model is never run."""
    known = inspect.signature(pipeline.__init__).parameters
    return pipeline.from_pretrained(
        files.source,
        revision=files.revision,
        dtype=files.dtype,
        use_safetensors=True,
        local_files_only=files.local,
        **{name: None for name in without if name in known},
    )
