"""All that is used of torch under underscore names, so that an upgrade has one file to look at."""

from __future__ import annotations

from torch import nn


def is_compiled(module: nn.Module) -> bool:
    """Whether `module.compile()` has been called: its forward may be a copy of what it was then."""
    return getattr(module, "_compiled_call_impl", None) is not None
