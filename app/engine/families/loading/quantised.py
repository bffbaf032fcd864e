"""Weights in fewer bits: torchao's weight-only kinds, for a model that is there and for diffusers' loaders."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from torch import nn

from app.engine.families.diffusers_private import kept_in_float32
from app.engine.families.models import Transformer
from app.errors import ServiceUnavailable

LEAST_FEATURES = 16
"""Layers with fewer inputs are left alone: their scales would weigh as much as they save."""


def available() -> bool:
    """Whether torchao is installed."""
    return importlib.util.find_spec("torchao") is not None


def quantise(module: Transformer, kind: str) -> int:
    """Make the linear layers' weights smaller, in place; how many layers that were.

    Layers that diffusers wants in float32 are left alone. Activations stay as they are.

    Raises:
        ServiceUnavailable: torchao is not installed.
    """
    ao = _torchao()
    kept = kept_in_float32(module) + ("patch_embedding", "condition_embedder")
    names: list[str] = []

    def fits(layer: nn.Module, name: str) -> bool:
        wanted = isinstance(layer, nn.Linear) and layer.in_features >= LEAST_FEATURES
        if wanted and not set(kept) & set(name.split(".")) and not name.startswith("proj_out"):
            names.append(name)
            return True
        return False

    ao.quantize_(module, _kind(ao, kind), filter_fn=fits)
    return len(names)


def _torchao() -> ModuleType:
    if not available():
        raise ServiceUnavailable("Quantisation needs torchao: pip install 'kinoray[quantise]'.")
    return importlib.import_module("torchao.quantization")


def _kind(ao: ModuleType, kind: str) -> object:
    made: object = {"int8": ao.Int8WeightOnlyConfig, "float8": ao.Float8WeightOnlyConfig}[kind]()
    return made
