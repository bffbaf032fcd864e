"""Loader names come in, denoisers go out: each family's file is imported only when a model of it is wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Final, cast

import torch

from app.engine.denoiser import Denoiser
from app.engine.families.folder import Lora

LOADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wan": "app.engine.families.wan_load",
    }
)
"""Loader (of `app/plan/families.py`) to the module whose `load` reads its models."""

DTYPES: Final = MappingProxyType({"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16})


def load(
    loader: str,
    source: str,
    *,
    revision: str | None = None,
    dtype: str = "bfloat16",
    local: bool = False,
    loras: Sequence[Lora] = (),
    threads: int | None = None,
) -> Denoiser:
    """A model from a folder or the hub, on a GPU where torch sees one; `threads` limits torch on a CPU.

    Raises:
        KeyError: there is no such loader or precision.
        ValueError: the source holds another model, or the family takes no LoRA.
        OSError: files are missing.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(threads or os.cpu_count() or 1)
    module = import_module(LOADERS[loader])
    if loras and not getattr(module, "TAKES_LORAS", False):
        raise ValueError(f"models of the loader {loader} take no LoRA")
    more = {"loras": loras} if loras else {}
    return cast(
        Denoiser, module.load(source, revision=revision, dtype=DTYPES[dtype], device=device, local=local, **more)
    )
