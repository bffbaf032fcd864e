"""Weights in fewer bits, of a model that is there: int8 and float8 by torchao, the 4 bits of NF4 by bitsandbytes."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

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
    return _smaller(module, kind, dict(linear_layers(module)))


def linear_layers(module: Any, text: bool = False) -> Iterator[tuple[str, nn.Linear]]:
    """The layers that are made smaller, by name: of a denoiser those in its blocks, of a `text` encoder all."""
    kept = {*kept_in_float32(module), "patch_embedding", "condition_embedder"}
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.Linear) or layer.in_features < LEAST_FEATURES:
            continue
        if text or not (kept & set(name.split(".")) or name.startswith("proj_out")):
            yield name, layer


def _smaller(module: Any, kind: str, layers: Mapping[str, nn.Linear]) -> int:
    ao = _torchao()
    ao.quantize_(module, _kind(ao, kind), filter_fn=lambda layer, name: name in layers)
    return len(layers)


def quantise_text(encoder: nn.Module, kind: str) -> int:
    """Make the linear layers of text encoders smaller, in place; how many that were. Embeddings stay as they are.

    `nf4` is the 4-bit NormalFloat of QLoRA (Dettmers et al., 2023, arXiv:2305.14314), in blocks of 64; the weights
    take its form as they move to a device that bitsandbytes has kernels for, a processor among them.

    Raises:
        ServiceUnavailable: the package that does it is not installed.
    """
    layers = dict(linear_layers(encoder, text=True))
    return _nf4(encoder, layers) if kind == "nf4" else _smaller(encoder, kind, layers)


def _nf4(encoder: nn.Module, layers: Mapping[str, nn.Linear]) -> int:
    if not four_bits():
        raise ServiceUnavailable("NF4 needs bitsandbytes: pip install 'kinoray[small]'.")
    bnb = importlib.import_module("bitsandbytes")
    for name, layer in layers.items():
        made = bnb.nn.Linear4bit(
            layer.in_features,
            layer.out_features,
            bias=layer.bias is not None,
            compute_dtype=layer.weight.dtype,
            quant_type="nf4",
            device="meta",
        )
        # Stored as if in the layer's own type: T5 casts what it feeds a layer to the type of that layer's weight.
        made.weight = bnb.nn.Params4bit(
            layer.weight.data, requires_grad=False, quant_type="nf4", quant_storage=layer.weight.dtype, module=made
        )
        made.bias = layer.bias
        encoder.set_submodule(name, made)
    return len(layers)


def four_bits() -> bool:
    """Whether bitsandbytes is installed."""
    return importlib.util.find_spec("bitsandbytes") is not None


def _torchao() -> ModuleType:
    if not available():
        raise ServiceUnavailable("Quantisation needs torchao: pip install 'kinoray[quantise]'.")
    return importlib.import_module("torchao.quantization")


def _kind(ao: ModuleType, kind: str) -> object:
    made: object = {"int8": ao.Int8WeightOnlyConfig, "float8": ao.Float8WeightOnlyConfig}[kind]()
    return made
