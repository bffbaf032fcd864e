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
        self.device = device
        self._home = home

    def enter(self, part: nn.Module) -> None:
        """The part's turn: the one before leaves first, so that both never need room at once."""
        if self.here is part:
            return
        if self.here is not None:
            self.here.to(self._home)
        part.to(self.device)
        self.here = part

    def leave(self) -> None:
        """Whoever is there goes home."""
        if self.here is not None:
            self.here.to(self._home)
            self.here = None

    def announced(self, part: nn.Module) -> None:
        """From now on the part's own `forward` brings it in."""
        part.register_forward_pre_hook(lambda module, args: self.enter(part))


class VisitingDecoder:
    """An autoencoder whose `decode` and `encode` bring it in; everything else is the autoencoder's own."""

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

    def encode(self, video: torch.Tensor, *args: Any, **more: Any) -> Any:
        """As the autoencoder's own, on the device, wherever the video is."""
        self._visits.enter(self._autoencoder)
        return self._autoencoder.encode(video.to(self._visits.device), *args, **more)


def visiting_encoder(
    encode: Callable[[Sequence[str]], Any], module: nn.Module, visits: Visits, leaves: bool = False
) -> Callable[[Sequence[str]], Any]:
    """The same encoder, whose `module` comes in for the call, and `leaves` after it or waits to be sent home."""

    def called(prompts: Sequence[str]) -> Any:
        visits.enter(module)
        try:
            return encode(prompts)
        finally:
            if leaves:
                visits.leave()

    return called
