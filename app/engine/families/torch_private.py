"""All that is used of torch under underscore names, so that an upgrade has one file to look at."""

from __future__ import annotations

from torch import nn


def listened_to(module: object) -> bool:
    """Whether something is done before or after a module's forward, such as bringing it to the device."""
    return bool(getattr(module, "_forward_pre_hooks", None) or getattr(module, "_forward_hooks", None))


def is_compiled(module: nn.Module) -> bool:
    """Whether `module.compile()` has been called: its forward may be a copy of what it was then."""
    return getattr(module, "_compiled_call_impl", None) is not None
