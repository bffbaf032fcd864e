"""Lays a family's parts out on the device there is: each option is done, or left out with the reason in the log."""

from __future__ import annotations

import importlib.util
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from app.embedded.precision import native_bfloat16
from app.engine.families.diffusers_private import repeated_blocks
from app.engine.families.loading.offload import Offload, OffloadedAutoencoder, offloaded_encoder
from app.engine.families.loading.quantised import available, four_bits, quantise, quantise_text
from app.engine.families.models import Autoencoder, Parts, Transformer
from app.settings.placement import Placement

log = logging.getLogger(__name__)
HOST = torch.device("cpu")
MODEL = "model"  # the offload whose parts take turns as wholes
MIN_FLOAT8_GPU = (8, 9)  # compute capability of the first GPUs that multiply float8


@dataclass(slots=True)
class Done:
    """What became of a placement."""

    applied: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # option -> why not

    def skip(self, option: str, why: str) -> None:
        """Leave it out."""
        self.skipped[option] = why
        log.info("Without %s: %s", option, why)


def precision(placement: Placement, device: torch.device) -> torch.dtype:
    """The type to load the denoiser and the autoencoder in. What was named is used, however slow it is there."""
    native = native_bfloat16(device)
    if placement.dtype == "auto":
        return torch.bfloat16 if native else torch.float32
    if placement.dtype == "bfloat16" and not native:
        log.warning("This processor does not multiply bfloat16: steps will be many times slower than in float32.")
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[placement.dtype]


def place(parts: Parts, placement: Placement, device: torch.device) -> Done:
    """Lay the parts out; they were loaded on the host, in `precision(placement, device)`. Replaces members of `parts`.

    Raises:
        DeviceOutOfMemory: never by itself; torch's own error where the parts do not fit.
    """
    done = Done()
    _tf32(placement, device, done)
    for transformer in parts.held:
        _shrink(transformer, placement, device, done, parts.changes)
    _shrink_text(parts.text_encoder, placement, done)
    _move(parts, placement, device, done)
    _tiles(parts.autoencoder, placement, done)
    for transformer in () if parts.changes else parts.held:
        _compile(transformer, placement, device, done)
    if parts.changes and placement.compile != "none":
        done.skip("compile", "jobs bring adapters, which change the layers")
    if done.applied:
        log.info("Placed with %s", ", ".join(done.applied))
    return done


def place_transformers(transformers: Sequence[Transformer], placement: Placement, device: torch.device) -> None:
    """Lay out transformers that have no other parts beside them, as `place` does: those of a rank beside the first."""
    done = Done()
    _tf32(placement, device, done)
    for transformer in transformers:
        _shrink(transformer, placement, device, done)
    _move_transformers(transformers, placement, device, done)
    for transformer in transformers:
        _compile(transformer, placement, device, done)


def _tf32(placement: Placement, device: torch.device, done: Done) -> None:
    if not placement.tf32:
        return
    if device.type != "cuda":
        done.skip("tf32", "only NVIDIA GPUs have it")
        return
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    done.applied.append("tf32")


def _shrink(
    transformer: Transformer, placement: Placement, device: torch.device, done: Done, changes: bool = False
) -> None:
    """Fewer bits for the weights, before anything moves."""
    adapted = changes or getattr(transformer, "peft_config", None)
    if adapted and (placement.quantise, placement.layerwise) != ("none", "none"):
        done.skip("fewer bits", "adapters are switched on and off in the layers as they are")
        return
    if getattr(transformer, "is_quantized", False) and (placement.quantise, placement.layerwise) != ("none", "none"):
        done.skip("fewer bits", "its file has fewer bits already")
        return
    if placement.quantise != "none":
        why = no_quantise(placement, device)
        if why:
            done.skip("quantise", why)
        else:
            layers = quantise(transformer, placement.quantise)
            done.applied.append(f"quantise {placement.quantise} ({layers} layers)")
    if placement.layerwise != "none":
        rest = getattr(torch, placement.layerwise)
        transformer.enable_layerwise_casting(storage_dtype=rest, compute_dtype=transformer.dtype)
        done.applied.append(f"layerwise {placement.layerwise}")


def place_encoder(encoder: nn.Module, placement: Placement, device: torch.device) -> None:
    """Lay out text encoders that have no other parts beside them, as `place` does: those that replicas share."""
    done = Done()
    _shrink_text(encoder, placement, done)
    encoder.to(device)
    if done.applied:
        log.info("Placed the text encoders with %s", ", ".join(done.applied))


def _shrink_text(encoder: nn.Module | None, placement: Placement, done: Done) -> None:
    """Fewer bits for the text encoders, where they are the replica's own: nf4, else int8, else as they are."""
    kind = placement.quantise_text
    if kind == "none":
        return
    if encoder is None:
        done.skip("quantise_text", "the text encoders are not this replica's")
        return
    if kind == "nf4" and not four_bits():
        done.skip("quantise_text nf4", "bitsandbytes is not installed")
        kind = "int8"
    if kind == "int8" and not available():
        done.skip("quantise_text int8", "torchao is not installed")
        return
    done.applied.append(f"quantise_text {kind} ({quantise_text(encoder, kind)} layers)")


def left_out(placement: Placement, device: torch.device) -> dict[str, str]:
    """What of a placement's precision, bits and compiling this machine cannot do or is slow at, and why."""
    why = {"quantise": no_quantise(placement, device), "compile": no_compile(placement, device)}
    if placement.dtype == "bfloat16" and not native_bfloat16(device):
        why["dtype"] = "this processor does not multiply bfloat16"
    return {option: reason for option, reason in why.items() if reason}


def no_quantise(placement: Placement, device: torch.device) -> str:
    """Why its weights are not quantised here; "" where they are, or none is asked for."""
    if placement.quantise != "none" and not available():
        return "torchao is not installed"
    if placement.quantise == "float8" and not _multiplies_float8(device):
        return "this device does not multiply float8"
    return ""


def no_compile(placement: Placement, device: torch.device) -> str:
    """Why its blocks are not compiled here; "" where they are, or it is not asked for."""
    if placement.compile == "none":
        return ""
    if device.type == "cpu" and not placement.compile_on_cpu:
        return "its start-up costs more than it saves on a processor"
    return "" if shutil.which("cc") or shutil.which("gcc") else "there is no C compiler here"


def _multiplies_float8(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= MIN_FLOAT8_GPU


def _move(parts: Parts, placement: Placement, device: torch.device, done: Done) -> None:
    turns = _move_transformers(parts.held, placement, device, done, parts.changes)
    for small in parts.sound:
        small.to(device)
    if turns is None:
        for part in (parts.autoencoder, parts.text_encoder):
            if part is not None:
                part.to(device)
        return
    parts.autoencoder = OffloadedAutoencoder(parts.autoencoder, turns)
    if parts.text_encoder is not None:
        # Blocks that come one by one send nobody home, so that the encoder has to leave by itself.
        leaves = f"offload {MODEL}" not in done.applied
        parts.encode = offloaded_encoder(parts.encode, parts.text_encoder, turns, leaves)


def _move_transformers(
    transformers: Sequence[Transformer],
    placement: Placement,
    device: torch.device,
    done: Done,
    changes: bool = False,
) -> Offload | None:
    """To the device, or to where they come from for their turns; then the others take turns with them."""
    offload = placement.offload
    if offload != "none" and device.type == "cpu":
        done.skip("offload", "the device is the host itself")
        offload = "none"
    if offload == "none":
        for transformer in transformers:
            transformer.to(device)
        return None
    if offload == "group" and importlib.util.find_spec("accelerate") is None:
        done.skip("offload group", "accelerate is not installed; the parts take turns instead")
        offload = MODEL
    if offload == "group" and changes:
        done.skip("offload group", "jobs bring adapters, which change the blocks; the parts take turns instead")
        offload = MODEL
    turns = Offload(device, HOST)
    for transformer in transformers:
        if offload == "group":
            offload_blocks(transformer, device, placement.blocks_per_group)
        else:
            turns.hook(transformer)
    done.applied.append(f"offload {offload}")
    return turns


def offload_blocks(transformer: Transformer, device: torch.device, blocks: int) -> None:
    """The denoiser's blocks rest on the host and come to the device for their turn, the next one while one works."""
    transformer.enable_group_offload(
        onload_device=device,
        offload_device=HOST,
        offload_type="block_level",
        num_blocks_per_group=blocks,
        use_stream=device.type == "cuda" and blocks == 1,  # streams go with single blocks only
        low_cpu_mem_usage=True,
    )


def _tiles(autoencoder: Autoencoder, placement: Placement, done: Done) -> None:
    for option, name in (("vae_slicing", "enable_slicing"), ("vae_tiling", "enable_tiling")):
        if not getattr(placement, option):
            continue
        if not hasattr(autoencoder, name):
            done.skip(option, "this autoencoder has none")
            continue
        getattr(autoencoder, name)()
        done.applied.append(option)


def _compile(transformer: Transformer, placement: Placement, device: torch.device, done: Done) -> None:
    if placement.compile == "none":
        return
    if not repeated_blocks(transformer):
        done.skip("compile", "this model does not say which of its blocks repeat")
    elif why := no_compile(placement, device):
        done.skip("compile", why)
    else:
        transformer.compile_repeated_blocks(mode=placement.compile)
        done.applied.append(f"compile {placement.compile}")
