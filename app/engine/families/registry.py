"""Rows of `app/plan/families.py` come in, readers of their models go out; a family's file is imported when wanted."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

import torch

from app.engine.denoiser import EncodePrompts
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.placement import precision
from app.engine.families.loading.reader import AS_IT_IS, PLAIN, Files, Options
from app.engine.families.loading.single_file import SingleFile
from app.engine.families.models import Transformer
from app.engine.families.parallel.ranks import RankLoad
from app.settings.placement import Placement

EMBEDDED: Final = "embedded"  # the loader of the built-in model, which has no row
_ROOM: Final = __name__.rpartition(".")[0]


class Reads(Protocol):
    """What the module of a loader offers as its `READER`; see `Reader`."""

    def load(self, files: Files, options: Options = PLAIN) -> FamilyDenoiser: ...

    def load_encoder(self, files: Files, placement: Placement = AS_IT_IS) -> EncodePrompts: ...

    def transformer_names(self, folder: Path) -> list[str]: ...

    def formats(self, files: Files) -> object: ...

    def transformers(self, load: RankLoad, device: torch.device) -> list[Transformer]: ...


def reader(loader: str) -> Reads:
    """The reader that a row's `loader` names. Raises ModuleNotFoundError: there is no such file."""
    return reader_of(f"{_ROOM}.{loader}")


def reader_of(module: str) -> Reads:
    """The `READER` of a module of this room.

    Raises:
        ValueError: it is another's.
    """
    if not module.startswith(f"{_ROOM}."):
        raise ValueError(f"{module} is no model family")
    found: Reads = import_module(module).READER
    return found


def files_of(
    source: str,
    *,
    revision: str | None = None,
    dtype: str = "bfloat16",
    local: bool = False,
    family: str = "",
    threads: int | None = None,
    ranks: int = 1,
    single: SingleFile | None = None,
) -> Files:
    """Files for a GPU where torch sees one, else for this CPU, whose `threads` (all that there are) `ranks` share.

    Ray gives a worker as many threads as it has logical CPUs; a model wants all that there are. `dtype` may be auto,
    too: bfloat16 where the device multiplies it. `family` is the row, for models that do not tell by themselves of
    which they are.

    Raises:
        ValueError: there is no such precision.
    """
    device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cpu":
        torch.set_num_threads(max(1, (threads or os.cpu_count() or 1) // ranks))
    exact = torch.float16 if dtype == "float16" else precision(Placement(dtype=dtype), device)
    return Files(source, exact, device, revision, local, family, single)
