"""How a model is laid out on its device, as data: four presets, single overrides of them, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

MOST_RANKS = 8  # GPUs of one machine
BATCH_GAIN = 0.03
"""What a batch size has to save per job over the next smaller one. Jobs that are not in a forward wait for it, so any
saving makes all of them sooner done; the rest is for what measured times are off by (`benchmarks.gains`)."""

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dtype": ("auto", "float32", "bfloat16"),
        "offload": ("none", "model", "group"),
        "layerwise": ("none", "float8_e4m3fn", "float8_e5m2"),
        "quantise": ("none", "int8", "float8"),
        "quantise_text": ("none", "int8", "nf4"),
        "compile": ("none", "default", "max-autotune-no-cudagraphs", "reduce-overhead"),
    }
)

_CHANGE_BITS = ("tf32", "vae_tiling", "layerwise", "quantise", "quantise_text", "compile")


@dataclass(frozen=True, slots=True)
class Placement:
    """One way to lay a model out. What a device cannot do of it is left out there, with a reason in the log."""

    dtype: str = "float32"  # of the weights and activations; auto: bfloat16 where the device multiplies it
    tf32: bool = False  # float32 products on tensor cores at ten bits of mantissa
    vae_slicing: bool = False  # videos are decoded one after the other
    vae_tiling: bool = False  # a large picture is decoded in overlapping tiles
    offload: str = "none"  # model: the parts take turns on the device; group: the denoiser's blocks come one by one
    blocks_per_group: int = 1  # of a group offload
    layerwise: str = "none"  # weights rest in this type and are widened for their layer's turn
    quantise: str = "none"  # weights alone, by torchao
    quantise_text: str = "none"  # the text encoders' weights alone: int8 by torchao, nf4 by bitsandbytes
    compile: str = "none"  # the repeated blocks, by torch.compile in this mode (regional compilation)
    compile_on_cpu: bool = False  # on a processor too, where the first step of each shape takes a minute
    batch_gain: float = BATCH_GAIN  # what a batch size has to save per job over the next smaller one

    def __post_init__(self) -> None:
        for name, legal in CHOICES.items():
            if getattr(self, name) not in legal:
                raise ValueError(f"{name} is one of {', '.join(legal)}, not {str(getattr(self, name))[:40]!r}")
        for part in fields(self):
            if part.type == "bool" and not isinstance(getattr(self, part.name), bool):
                raise ValueError(f"{part.name} is true or false")
        if isinstance(self.batch_gain, bool) or not 0 <= float(self.batch_gain) < 1:
            raise ValueError("batch_gain is at least 0 and below 1")
        if type(self.blocks_per_group) is not int or not 1 <= self.blocks_per_group <= 64:
            raise ValueError("blocks_per_group is 1 to 64")
        if self.quantise != "none" and self.layerwise != "none":
            raise ValueError("quantise and layerwise both shrink the same weights; choose one")
        if self.offload == "group" and self.compile != "none":
            raise ValueError("blocks that come and go are not compiled; choose offload or compile")

    def bits(self, dtype: str | None = None) -> str:
        """What of it changes a video's bits, in one word; `dtype` takes the place of its own."""
        odd = [name for name in _CHANGE_BITS if getattr(self, name) not in (False, "none")]
        return "+".join(
            [
                dtype or self.dtype,
                *(name if (found := getattr(self, name)) is True else f"{name}={found}" for name in odd),
            ]
        )

    @property
    def label(self) -> str:
        """What of it changes times and memory, in one word: step times are kept by it."""
        same = Placement(dtype=self.dtype, batch_gain=self.batch_gain)
        odd = [part.name for part in fields(self) if getattr(self, part.name) != getattr(same, part.name)]
        return "+".join([self.dtype, *(f"{name}={getattr(self, name)}" for name in odd)])


@dataclass(frozen=True, slots=True)
class Parallel:
    """How many ranks share each forward (context parallelism), by Ulysses, by ring, or both."""

    ulysses: int = 1
    ring: int = 1

    def __post_init__(self) -> None:
        for name in ("ulysses", "ring"):
            if type(getattr(self, name)) is not int or not 1 <= getattr(self, name) <= MOST_RANKS:
                raise ValueError(f"{name} is 1 to {MOST_RANKS}")
        if self.ranks > MOST_RANKS:
            raise ValueError(f"at most {MOST_RANKS} ranks")

    @property
    def ranks(self) -> int:
        return self.ulysses * self.ring


def parallel_of(wish: Mapping[str, int]) -> Parallel:
    """Raises ValueError when there is no such kind, or the degree makes no sense."""
    unknown = sorted(set(wish) - {"ulysses", "ring"})
    if unknown:
        raise ValueError(f"parallel has ulysses and ring, not {unknown[0][:40]!r}")
    return Parallel(**wish)


PRESETS: Mapping[str, Placement] = MappingProxyType(
    {
        # Much per second: any batch size that saves a little is formed.
        "throughput": Placement(dtype="auto", tf32=True, compile="default", batch_gain=0.02),
        # One video soon: a batch slows those of its jobs that would have gone first, so it has to save something.
        "latency": Placement(dtype="auto", tf32=True, compile="max-autotune-no-cudagraphs", batch_gain=0.1),
        # A large model on a small device: blocks come one by one and rest in 8 bits, pictures are decoded in tiles.
        "memory": Placement(
            dtype="auto", tf32=True, vae_slicing=True, vae_tiling=True, offload="group", layerwise="float8_e4m3fn"
        ),
        # The same for 8 to 16 GiB, where the text encoder is what does not fit: its weights take 4 bits.
        "small": Placement(
            dtype="auto",
            tf32=True,
            vae_slicing=True,
            vae_tiling=True,
            offload="group",
            layerwise="float8_e4m3fn",
            quantise_text="nf4",
        ),
    }
)


def chosen(preset: str | None, overrides: Mapping[str, Any], dtype: str | None = None) -> Placement:
    """The preset's row, or plain float32 without one, with what is overridden; `dtype` comes before the preset's.

    Raises:
        ValueError: no such preset or field, or a value that it cannot have.
    """
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset is one of {', '.join(PRESETS)}, not {preset[:40]!r}")
    known = {part.name for part in fields(Placement)}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise ValueError(f"there is no {unknown[0][:40]!r} in a placement; there is: {', '.join(sorted(known))}")
    row = Placement() if preset is None else PRESETS[preset]
    return replace(row, **({} if dtype is None else {"dtype": dtype}) | dict(overrides))
