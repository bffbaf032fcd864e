"""A model's parts without numbers, from their configurations alone, and what each weighs as a placement lays it out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import torch
from torch import nn

from app.embedded.precision import native_bfloat16
from app.engine.families.diffusers_private import hooked, kept_in_float32
from app.engine.families.loading.quantised import linear_layers
from app.settings.placement import Placement

LIBRARIES: Final = ("diffusers", "transformers", "diffusers.pipelines.ltx2")
NF4_BITS: Final = 4 + 32 / 64  # and a float32 for each block of 64
ROW_BYTES: Final = 5  # of torchao's int8: a float32 scale and a zero point for each output
TRANSFORMER, TEXT = "transformer", "text_encoder"  # how the names of these parts begin


@dataclass(frozen=True, slots=True)
class Weighed:
    """One part in bytes. `turn`: what of it is on the device at once where its blocks come one by one.

    `products` are the multiplications of one token by its blocks, `width` and `blocks` what attention costs beside.
    """

    name: str
    resident: int
    turn: int
    products: int = 0
    width: int = 0
    blocks: int = 0


def skeleton(library: str, kind: str, facts: Mapping[str, Any]) -> nn.Module:
    """A part of that class, its weights on the meta device.

    Raises:
        ValueError: the library is none of `LIBRARIES`, or has no such model.
    """
    from accelerate import init_empty_weights  # type: ignore[import-untyped]

    found = getattr(import_module(library), kind, None) if library in LIBRARIES else None
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ValueError(f"{library[:40]} has no model {kind[:80]}")
    made: Any = found
    with init_empty_weights():
        if library.startswith("diffusers"):
            return made.from_config(dict(facts))  # type: ignore[no-any-return]
        part = made(made.config_class.from_dict(dict(facts)))
    part.tie_weights()  # an embedding that two layers share is counted once
    return part  # type: ignore[no-any-return]


def weighed(name: str, part: nn.Module, placement: Placement, dtype: str, exact: bool) -> Weighed:
    """What a part on the meta device weighs in this placement; `exact`: it stays in float32.

    Changes its types: one that rests in 8 bits does so from then on, and is to be weighed in such placements alone.
    """
    # transformers' models mean float16 alone where they say so.
    kept = frozenset() if name.startswith(TEXT) else frozenset(kept_in_float32(part))  # type: ignore[arg-type]
    resting = any(map(hooked, part.modules()))
    for path, weight in () if resting else part.named_parameters():
        weight.data = weight.data.to(torch.float32 if exact or kept & set(path.split(".")) else getattr(torch, dtype))
    if name.startswith(TRANSFORMER) and placement.layerwise != "none" and not resting:
        part.enable_layerwise_casting(
            storage_dtype=getattr(torch, placement.layerwise), compute_dtype=getattr(torch, dtype)
        )  # type: ignore[operator]
    sizes = _sizes(name, part, placement)
    blocks = [(path, child) for path, child in part.named_children() if isinstance(child, nn.ModuleList)]
    groups = [
        _within(sizes, f"{path}.{first}") for path, child in blocks for first, _ in enumerate(child) if len(child) > 1
    ]
    outside = sum(sizes.values()) - sum(groups)
    # One group works while the next one comes.
    turn = outside + 2 * placement.blocks_per_group * max(groups, default=0)
    products = sum(
        layer.in_features * layer.out_features
        for path, child in blocks
        for layer in child.modules()
        if isinstance(layer, nn.Linear)
    )
    return Weighed(name, sum(sizes.values()), min(turn, sum(sizes.values())), products, _width(part), len(groups))


def _sizes(name: str, part: nn.Module, placement: Placement) -> dict[str, int]:
    """Bytes of each weight by its path."""
    sizes = {path: each.numel() * each.element_size() for path, each in part.named_parameters()}
    bits = None
    if name.startswith(TRANSFORMER) and placement.quantise != "none":
        bits = 8.0
    if name.startswith(TEXT) and placement.quantise_text != "none":
        bits = 8.0 if placement.quantise_text == "int8" else NF4_BITS
    if bits is not None:
        for path, layer in linear_layers(part, text=name.startswith(TEXT)):
            scales = layer.out_features * ROW_BYTES if bits == 8.0 else 0
            sizes[f"{path}.weight"] = int(layer.weight.numel() * bits / 8) + scales
    return sizes


def _within(sizes: Mapping[str, int], path: str) -> int:
    return sum(size for name, size in sizes.items() if name.startswith(f"{path}."))


def _width(part: nn.Module) -> int:
    """Of a token in attention: heads times their width, or the configuration's own word for it."""
    config: Any = getattr(part, "config", None)
    heads, each = getattr(config, "num_attention_heads", None), getattr(config, "attention_head_dim", None)
    if isinstance(heads, int) and isinstance(each, int):
        return heads * each
    width = getattr(config, "dim", 0)
    return width if isinstance(width, int) else 0


def products_a_s(rounds: int = 3) -> float:
    """Floating-point operations a second of a large product on this machine's device, the best of some rounds."""
    gpu = torch.cuda.is_available()
    device, side = torch.device("cuda" if gpu else "cpu"), 8192 if gpu else 1024
    dtype = torch.bfloat16 if native_bfloat16(device) else torch.float32
    left = torch.ones(side, side, dtype=dtype, device=device)
    took: list[float] = []
    for _ in range(rounds + 1):  # the first warms up
        began = time.perf_counter()
        float((left @ left)[0, 0])  # waits for the device
        took.append(time.perf_counter() - began)
    return float(2 * side**3 / min(took[1:]))
