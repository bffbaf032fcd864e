"""Weights in fewer bits: torchao's weight-only kinds, for a model that is there and for diffusers' loaders."""

from __future__ import annotations

import importlib.util
from typing import Any

from torch import nn

from app.errors import ServiceUnavailable

LEAST_FEATURES = 16
"""Layers with fewer inputs are left alone: their scales would weigh as much as they save."""


def available() -> bool:
    """Whether torchao is installed."""
    return importlib.util.find_spec("torchao") is not None


def quantise(module: nn.Module, kind: str) -> int:
    """Make the linear layers' weights smaller, in place; how many layers that were.

    Layers that diffusers wants in float32 are left alone. Activations stay as they are.

    Raises:
        ServiceUnavailable: torchao is not installed.
    """
    ao = _torchao()
    kept = tuple(getattr(module, "_keep_in_fp32_modules", None) or ()) + ("patch_embedding", "condition_embedder")
    names: list[str] = []

    def fits(layer: nn.Module, name: str) -> bool:
        wanted = isinstance(layer, nn.Linear) and layer.in_features >= LEAST_FEATURES
        if wanted and not set(kept) & set(name.split(".")) and not name.startswith("proj_out"):
            names.append(name)
            return True
        return False

    ao.quantize_(module, _kind(ao, kind), filter_fn=fits)
    return len(names)


def _torchao() -> Any:
    if not available():
        raise ServiceUnavailable("Quantisation needs torchao: pip install 'kinoray[quantise]'.")
    import torchao.quantization as ao

    return ao


def _kind(ao: Any, kind: str) -> Any:
    return {"int8": ao.Int8WeightOnlyConfig, "float8": ao.Float8WeightOnlyConfig}[kind]()
