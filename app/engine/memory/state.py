"""Memory of the device: how much is held, what a job's state takes, and how it moves to host memory and back."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace

import torch

from app.engine.denoiser import JobState
from app.errors import DeviceOutOfMemory

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; the kernels differ


def held_bytes(device: torch.device) -> int:
    """Most that torch has ever held on a CUDA device; elsewhere the most that has been resident of the process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def state_bytes(state: JobState) -> int:
    """What the tensors of a state take."""
    sizes: list[int] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    for part in fields(state):
        _mapped(getattr(state, part.name), note)
    return sum(sizes)


def move_state(state: JobState, device: str | torch.device) -> torch.device:
    """Bring all tensors of a state, wherever in it they are, to `device`, bit for bit; the device they came from.

    Raises:
        DeviceOutOfMemory: there is no room; the state is left where it was.
    """
    home = state.latent.device
    try:
        moved = {
            part.name: _mapped(getattr(state, part.name), lambda tensor: tensor.to(device)) for part in fields(state)
        }
    except torch.OutOfMemoryError as error:
        raise DeviceOutOfMemory("A paused job's state does not fit into the device's memory.") from error
    for name, value in moved.items():
        setattr(state, name, value)
    return home


def _mapped(value: object, change: Callable[[torch.Tensor], torch.Tensor]) -> object:
    """The value with each tensor in it changed: in lists, tuples, dicts and records."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_mapped(one, change) for one in value)
    if isinstance(value, dict):
        return {key: _mapped(one, change) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: getattr(value, part.name) for part in fields(value) if part.init}
        changed = {name: _mapped(part, change) for name, part in parts.items()}
        return replace(value, **changed) if any(changed[name] is not parts[name] for name in parts) else value
    return value


def let_go(error: BaseException) -> None:
    """Free what an error's traceback keeps alive: after an out-of-memory those are the tensors that took the memory."""
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
