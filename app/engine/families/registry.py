"""Loader names come in, denoisers go out: each family's file is imported only when a model of it is wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, cast

import torch

from app.engine.denoiser import Denoiser
from app.engine.families.folder import Lora
from app.engine.presets import Placement

LOADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wan": "app.engine.families.wan_load",
        "ltx": "app.engine.families.ltx",
        "hunyuan": "app.engine.families.hunyuan",
        "hunyuan15": "app.engine.families.hunyuan15",
        "cogvideox": "app.engine.families.cogvideox",
        "z_image": "app.engine.families.z_image",
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
    placement: Placement | None = None,
    family: str = "",
) -> Denoiser:
    """A model from a folder or the hub, on a GPU where torch sees one; `threads` limits torch on a CPU.

    `dtype` may be auto, too: bfloat16 where the device multiplies it. `placement` says how the parts are laid out.
    `family` is the row, for loaders whose models do not tell by themselves of which they are.

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
    from app.engine.families.placement import precision

    exact = precision(Placement(dtype=dtype), device) if dtype == "auto" else DTYPES[dtype]
    more: dict[str, Any] = {"loras": loras} if loras else {}
    if family and getattr(module, "KNOWS_FAMILY", False):
        more["family"] = family
    made = module.load(source, revision=revision, dtype=exact, device=device, local=local, placement=placement, **more)
    return cast(Denoiser, made)
