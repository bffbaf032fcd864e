"""All that is used of diffusers under underscore names, so that an upgrade has one file to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLWan, CogVideoXPipeline, ParallelConfig
from diffusers.hooks.context_parallel import apply_context_parallel
from diffusers.hooks.hooks import HookRegistry, StateManager
from diffusers.loaders.single_file_model import _get_single_file_loadable_mapping_class
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify
from torch import nn

from app.engine.families.models import Model, Transformer

_TRANSIENT = ("head_block_output", "head_block_input")  # of a step cache, used within a forward only

_HOOK, _PARALLEL = "_diffusers_hook", "_parallel_config"

CacheState = dict[str, dict[str, object]]
"""What a hook has kept, by context ("cond", "uncond"): values by name, tensors among them."""


def kept_in_float32(module: Model) -> tuple[str, ...]:
    """Parts of the names of layers that diffusers wants in float32 whatever the model's precision."""
    return tuple(getattr(module, "_keep_in_fp32_modules", None) or ())


def repeated_blocks(module: object) -> tuple[str, ...]:
    """The classes of the blocks that a model repeats, where it says so."""
    return tuple(getattr(module, "_repeated_blocks", None) or ())


def read_as_single_file(kind: type) -> bool:
    """Whether diffusers knows how single files of that class of model are written."""
    return _get_single_file_loadable_mapping_class(kind) is not None


def hooked(module: nn.Module) -> bool:
    """Whether hooks of diffusers stand around its forward: offload, layerwise casting, step caches, ranks."""
    return hasattr(module, _HOOK)


def brought_in(module: nn.Module) -> bool:
    """Whether accelerate's hooks bring its weights in for its forward."""
    return hasattr(module, "_hf_hook")


def is_split(transformer: object) -> bool:
    """Whether its sequences are shared among ranks."""
    return getattr(transformer, _PARALLEL, None) is not None


def can_be_split(transformer: object) -> bool:
    """Whether diffusers knows where its sequences can be cut."""
    return bool(getattr(transformer, "_cp_plan", None))


def split_on_host(transformer: Transformer, parallel: ParallelConfig) -> None:
    """As `enable_parallelism`, which would ask for an accelerator's number, on a processor."""
    processors = [getattr(module, "processor", None) for module in transformer.modules()]
    for each in (transformer, *(processor for processor in processors if hasattr(processor, _PARALLEL))):
        setattr(each, _PARALLEL, parallel)
    apply_context_parallel(transformer, parallel.context_parallel_config, transformer._cp_plan)


def rotary_angles(
    pipeline: CogVideoXPipeline, height: int, width: int, frames: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """CogVideoX's cosines and sines for pictures of this size, (N, d) each; `frames` are latent ones."""
    angles: tuple[torch.Tensor, torch.Tensor] = pipeline._prepare_rotary_positional_embeddings(
        height, width, frames, device
    )
    return angles


def decoded_in_pieces(autoencoder: object, latent: torch.Tensor) -> Iterator[torch.Tensor] | None:
    """What an AutoencoderKLWan decodes a latent (1, C, F', H', W') to, piece by piece, (1, 3, f, H, W) each: together
    they are what `decode` gives, which keeps them all on the device. None: it is laid out so that it has to be asked.
    """
    if not isinstance(autoencoder, AutoencoderKLWan) or autoencoder.use_tiling or hooked(autoencoder):
        return None
    return _pieces(autoencoder, latent)


def _pieces(autoencoder: AutoencoderKLWan, latent: torch.Tensor) -> Iterator[torch.Tensor]:
    """As its `_decode`, whose convolutions remember the frames before."""
    autoencoder.clear_cache()
    found = autoencoder.post_quant_conv(latent)
    for place in range(latent.shape[2]):
        autoencoder._conv_idx = [0]
        first = {"first_chunk": True} if place == 0 else {}
        piece = autoencoder.decoder(
            found[:, :, place : place + 1], feat_cache=autoencoder._feat_map, feat_idx=autoencoder._conv_idx, **first
        )
        if autoencoder.config.patch_size is not None:
            piece = unpatchify(piece, patch_size=autoencoder.config.patch_size)
        yield piece.clamp(-1.0, 1.0)
    autoencoder.clear_cache()


def cache_states(transformer: Transformer) -> list[StateManager]:
    """What the hooks of a step cache keep their states in, each once, in the order of the modules."""
    registries: list[HookRegistry] = [getattr(part, _HOOK) for part in transformer.modules() if hooked(part)]
    hooks = [registry.hooks[name] for registry in registries for name in registry._hook_order]
    found = [value for hook in hooks for value in vars(hook).values() if isinstance(value, StateManager)]
    return list({id(manager): manager for manager in found}.values())


def kept_state(manager: StateManager) -> CacheState:
    """Its states as plain dicts, whose tensors can move with a job's others."""
    return {
        name: {key: None if key in _TRANSIENT else value for key, value in vars(one).items()}
        for name, one in manager._state_cache.items()
    }


def revive_state(manager: StateManager, kept: Mapping[str, Mapping[str, object]] | None, step: int) -> None:
    """Give it a job's states. Without any, as after a resume, the cache starts anew at this step."""
    made: dict[str, Any] = {}
    for name in kept or (("cond", "uncond") if step else ()):
        one = made[name] = manager._state_cls(*manager._init_args, **manager._init_kwargs)
        if kept:
            vars(one).update(kept[name])
        elif hasattr(one, "step_index"):
            one.step_index = step
    manager._state_cache = made


def clear_state(manager: StateManager) -> None:
    """It holds no job's states."""
    manager._state_cache = {}


def calibration_ratios(manager: StateManager) -> tuple[float, ...]:
    """What a MagCache in calibration has measured of the conditional passes."""
    return tuple(float(ratio) for ratio in manager._state_cache["cond"].calibration_ratios)
