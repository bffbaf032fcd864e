"""Files come in, a family's denoiser goes out, laid out as asked: ranks, adapters and parts in their order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch

from app.engine.denoiser import EncodePrompts
from app.engine.families.family import Family
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.folder import Lora, fetched, part
from app.engine.families.loading.lora import load_adapter
from app.engine.families.loading.placement import HOST, place, place_transformers
from app.engine.families.loading.single_file import SingleFile, transformer
from app.engine.families.loading.uploaded import Room, UploadedAdapters
from app.engine.families.models import Parts, Pipeline, Transformer
from app.engine.families.parallel.ranks import RankLoad, Ranks
from app.settings.placement import Parallel, Placement

Facts = TypeVar("Facts")
AS_IT_IS = Placement()


@dataclass(frozen=True, slots=True)
class Files:
    """Where a model is, a folder or a hub's id, and for what it is read; `family`: a row of `app/plan/families.py`."""

    source: str
    dtype: torch.dtype
    device: torch.device
    revision: str | None = None
    local: bool = False
    family: str = ""
    single: SingleFile | None = None  # the denoiser's weights, instead of those in the folder


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is loaded beyond its files; without a placement all of it is on the device."""

    placement: Placement = field(default_factory=Placement)
    encode: EncodePrompts | None = None  # takes the place of the model's own text encoders, which are then not read
    loras: Sequence[Lora] = ()
    parallel: Parallel = field(default_factory=Parallel)  # ranks that share each forward
    uploads: Room | None = None  # for adapters that jobs bring; None: they bring none
    mag_ratios: Sequence[float] = ()  # MagCache's magnitudes, where they were measured


PLAIN = Options()


@dataclass(frozen=True, slots=True)
class Opened(Generic[Facts]):
    """A model's parts on the host, and what else its reader has to know of it. `loras`: the pipeline class, or a
    pipeline, that knows how adapters for it are written; None where diffusers knows none."""

    parts: Parts
    facts: Facts
    loras: Pipeline | None = None


class Reader(ABC, Generic[Facts]):
    """How the models of a family are read. `module` is the subclass's or instance's own, by which ranks import it."""

    def __init__(self, module: str, split_class: str | None = None) -> None:
        self.module = module
        self.split_class = split_class  # diffusers' name of a transformer that ranks can share; None: they cannot

    @abstractmethod
    def open(self, files: Files, encode: EncodePrompts | None) -> Opened[Facts]:
        """The parts on the host; `encode` takes the place of the model's own text encoders. Raises as `load`."""

    @abstractmethod
    def family(self, opened: Opened[Facts], files: Files, options: Options) -> Family:
        """The family of parts that are where they belong."""

    @abstractmethod
    def load_encoder(self, files: Files, placement: Placement = AS_IT_IS) -> EncodePrompts:
        """The model's text encoders alone, on the device, in as many bits as the placement says. Raises as `load`."""

    def load(self, files: Files, options: Options = PLAIN) -> FamilyDenoiser:
        """The model as the options say.

        Raises:
            OSError: there are no such files, or weights in another form than safetensors.
            ValueError: they are another model's, or the options ask for what this family does not have.
            AdapterInvalid: a ValueError, for an adapter that is not one of this model.
        """
        ranks = self._ranks(files, options)  # they begin to load at once
        try:
            opened = self.open(files, options.encode)
            parts = opened.parts
            parts.scales = {lora.name: lora.scale for lora in options.loras}
            for lora in options.loras:
                for transformer, file in zip(parts.transformers, (lora.file, lora.file_2), strict=False):
                    if transformer is parts.transformer or file is not None:
                        load_adapter(lora, transformer, opened.loras, file, files.local)
            parts.changes = options.uploads is not None
            place(parts, options.placement, files.device)
            if ranks is not None:
                parts.transformer, *rest = [
                    ranks.lead(each, options.parallel, at) for at, each in enumerate(parts.transformers)
                ]
                parts.second = rest[0] if rest else None
            uploads = None
            if options.uploads is not None:
                uploads = UploadedAdapters(parts.transformers, opened.loras, options.uploads)
            return FamilyDenoiser(self.family(opened, files, options), uploads)
        except BaseException:
            if ranks is not None:
                ranks.close()
            raise

    def _ranks(self, files: Files, options: Options) -> Ranks | None:
        if options.parallel.ranks == 1:
            return None
        if self.split_class is None:
            raise ValueError("models of this family are not split among ranks: diffusers does not know where")
        if files.single is not None:
            raise ValueError("single files are not told to the ranks that share a forward; use a folder, or one GPU")
        if options.loras or options.uploads:
            raise ValueError("adapters are not told to the ranks that share a forward; merge them, or use one GPU")
        folder = self.folder(files)
        load = RankLoad(
            module=self.module,
            folder=str(folder),
            parts=self.transformer_names(folder),
            dtype=str(files.dtype).removeprefix("torch."),
            placement=asdict(options.placement),
        )
        return Ranks(options.parallel, load)

    def folder(self, files: Files) -> Path:
        """Where the model's files are on this machine. Raises OSError."""
        return fetched(files.source, files.revision, files.local, files.single is not None)

    def read_transformers(self, files: Files, folder: Path) -> list[Transformer]:
        """The transformers of the folder, on the host, or of single files in their place. Raises as `load`."""
        names = self.transformer_names(folder)
        return [transformer(folder, name, at, files.dtype, files.single, files.local) for at, name in enumerate(names)]

    def transformer_names(self, folder: Path) -> list[str]:
        """The folders of the transformers, in the order of `Parts.transformers`."""
        return ["transformer"]

    def formats(self, files: Files) -> object:
        """The pipeline class that knows how adapters for its models are written, or None; nothing is read."""
        return None

    def transformers(self, load: RankLoad, device: torch.device) -> list[Transformer]:
        """What a rank beside the first makes its part of each forward with, laid out as rank 0 lays it out."""
        dtype = getattr(torch, load["dtype"])
        read = [
            part(Path(load["folder"]), name, "diffusers", str(self.split_class), dtype, HOST) for name in load["parts"]
        ]
        place_transformers(read, Placement(**load["placement"]), device)
        return read
