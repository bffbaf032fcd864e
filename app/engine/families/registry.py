"""Loader names come in, denoisers go out: each family's file is imported only when a model of it is wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, Protocol

import torch

from app.engine.denoiser import Denoiser
from app.engine.families.loading.placement import precision
from app.engine.families.loading.reader import PLAIN, Files, Listen, Options
from app.settings.placement import Placement

LOADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wan": "app.engine.families.wan.load",
        "ltx": "app.engine.families.ltx",
        "hunyuan": "app.engine.families.hunyuan",
        "hunyuan15": "app.engine.families.hunyuan15",
        "cogvideox": "app.engine.families.cogvideox",
        "z_image": "app.engine.families.z_image",
    }
)
"""Loader (of `app/plan/families.py`) to the module whose `READER` reads its models."""

DTYPES: Final = MappingProxyType({"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16})


class Reads(Protocol):
    """What the module of a loader offers as its `READER`."""

    def load(self, files: Files, options: Options = PLAIN) -> Denoiser: ...

    def load_encoder(self, files: Files) -> Listen: ...


def reader(loader: str) -> Reads:
    """Raises KeyError: there is no such loader."""
    found: Reads = import_module(LOADERS[loader]).READER
    return found


def files_of(
    source: str,
    *,
    revision: str | None = None,
    dtype: str = "bfloat16",
    local: bool = False,
    family: str = "",
    threads: int | None = None,
) -> Files:
    """Files for a GPU where torch sees one, else for this CPU, where torch then uses so many `threads`.

    `dtype` may be auto, too: bfloat16 where the device multiplies it. `family` is the row, for models that do not tell
    by themselves of which they are. Raises KeyError: there is no such precision.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(threads or os.cpu_count() or 1)
    exact = precision(Placement(dtype=dtype), device) if dtype == "auto" else DTYPES[dtype]
    return Files(source, exact, device, revision, local, family)
