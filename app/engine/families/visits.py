"""Parts of a model that take turns on the device: who is called moves in, and who was there goes back to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


class Visits:
    """One part at a time on the device (model offload). A part that is called again finds itself still there."""

    def __init__(self, device: torch.device, home: torch.device) -> None:
        self.here: nn.Module | None = None
        self._device = device
        self._home = home

    def enter(self, part: nn.Module) -> None:
        """The part's turn: the one before leaves first, so that both never need room at once."""
        if self.here is part:
            return
        if self.here is not None:
            self.here.to(self._home)
        part.to(self._device)
        self.here = part

    def announced(self, part: nn.Module) -> None:
        """From now on the part's own `forward` brings it in."""
        part.register_forward_pre_hook(lambda module, args: self.enter(part))


class VisitingDecoder:
    """An autoencoder whose `decode` brings it in; everything else is the autoencoder's own."""

    def __init__(self, autoencoder: Any, visits: Visits) -> None:
        self._autoencoder = autoencoder
        self._visits = visits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._autoencoder, name)

    def eval(self) -> VisitingDecoder:
        """As the autoencoder's own."""
        self._autoencoder.eval()
        return self

    def decode(self, *args: Any, **more: Any) -> Any:
        """As the autoencoder's own, on the device."""
        self._visits.enter(self._autoencoder)
        return self._autoencoder.decode(*args, **more)


def visiting_encoder(
    encode: Callable[[Sequence[str]], torch.Tensor], module: nn.Module, visits: Visits
) -> Callable[[Sequence[str]], torch.Tensor]:
    """The same encoder, whose `module` comes in for the call."""

    def called(prompts: Sequence[str]) -> torch.Tensor:
        visits.enter(module)
        return encode(prompts)

    return called
