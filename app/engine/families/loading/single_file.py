"""A denoiser's weights from one file, GGUF or safetensors, in the layers that the model's folder describes."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from app.engine.families.diffusers_private import read_as_single_file
from app.engine.families.loading.folder import config, part

GGUF: Final = ".gguf"


@dataclass(frozen=True, slots=True)
class SingleFile:
    """Where the files are: `source` is a file, a folder or a hub id, `file_2` the second expert's."""

    source: str
    file: str | None = None
    file_2: str | None = None
    revision: str | None = None

    def path(self, at: int, local: bool) -> Path | None:
        """The file of the first (0) or second (1) transformer on this machine; None: it has none, the folder has.

        Raises:
            OSError: it is not there.
        """
        name, here = (self.file, self.file_2)[at], Path(self.source).expanduser()
        if here.is_file():
            return here if at == 0 else None
        if name is None:
            return None
        if here.is_dir():
            return here / name
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(self.source, name, revision=self.revision, local_files_only=local))


def transformer(folder: Path, name: str, at: int, dtype: torch.dtype, single: SingleFile | None, local: bool) -> Any:
    """A model's transformer on the host, in eval mode: its weights from the single file where there is one.

    A GGUF's stay in its own bits and are widened to `dtype` for each product; floats of 8 bits are widened as they
    are read, and `Placement.layerwise` has them rest so again.

    Raises:
        OSError: a file is missing, or is not what its name says.
        ValueError: the folder describes no transformer of diffusers, or one that is not read from single files, or the
            file is another model's.
        ModuleNotFoundError: a GGUF, and the package gguf is not installed.
    """
    kind = transformer_class(folder / name)
    path = None if single is None else single.path(at, local)
    if path is None:
        return part(folder, name, "diffusers", kind.__name__, dtype, torch.device("cpu"))
    if not hasattr(kind, "from_single_file") or not read_as_single_file(kind):
        raise ValueError(f"diffusers reads no single files of {kind.__name__}")
    options: dict[str, object] = {}
    if path.suffix == GGUF:
        if importlib.util.find_spec("gguf") is None:
            raise ModuleNotFoundError("a .gguf is read by the package gguf: pip install 'kinoray[gguf]'")
        from diffusers import GGUFQuantizationConfig

        options["quantization_config"] = GGUFQuantizationConfig(compute_dtype=dtype)
    options |= {"config": str(folder), "subfolder": name, "torch_dtype": dtype, "local_files_only": True}
    try:
        model = kind.from_single_file(str(path), **options)
    except NotImplementedError as error:  # torch's word for weights without numbers
        raise ValueError(f"{path.name} lacks weights of {kind.__name__}; it is another model's") from error
    if any(each.is_meta for each in model.parameters()):
        raise ValueError(f"{path.name} lacks weights of {kind.__name__}; it is another model's")
    return model.eval().requires_grad_(False)


def transformer_class(folder: Path) -> Any:
    """The class of diffusers that a part's configuration names; no code that comes with a model is ever run.

    Raises:
        ValueError: it names none.
    """
    import diffusers

    name = str(config(folder, "config.json").get("_class_name"))
    kind = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.ModelMixin)):
        raise ValueError(f"diffusers has no model {name[:80]}")
    return kind
