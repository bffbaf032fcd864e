"""Model offload: the parts of a model take turns on the device; who is called moves in, and who was there moves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from app.engine.denoiser import EncodePrompts, TextEmbedding
from app.engine.families.models import Autoencoder, Model


class Offload:
    """One part at a time on the device. A part that is called again finds itself still there."""

    def __init__(self, device: torch.device, home: torch.device) -> None:
        self.resident: Model | nn.Module | None = None
        self.device = device
        self._home = home

    def onload(self, part: Model | nn.Module) -> None:
        """The part's turn: the one before leaves first, so that both never need room at once."""
        if self.resident is part:
            return
        self.offload()
        part.to(self.device)
        self.resident = part

    def offload(self) -> None:
        """Whoever is there goes home."""
        if self.resident is not None:
            self.resident.to(self._home)
            self.resident = None

    def hook(self, part: Model | nn.Module) -> None:
        """From now on the part's own `forward` brings it in."""
        part.register_forward_pre_hook(lambda module, args: self.onload(part))


class OffloadedAutoencoder:
    """An autoencoder whose `decode` and `encode` bring it in; everything else is the autoencoder's own."""

    def __init__(self, autoencoder: Autoencoder, offload: Offload) -> None:
        self._autoencoder = autoencoder
        self._offload = offload

    def __getattr__(self, name: str) -> Any:
        return getattr(self._autoencoder, name)

    def eval(self) -> OffloadedAutoencoder:
        """As the autoencoder's own."""
        self._autoencoder.eval()
        return self

    def decode(self, latent: torch.Tensor, *args: object, **more: object) -> Any:
        """As the autoencoder's own, on the device."""
        self._offload.onload(self._autoencoder)
        return self._autoencoder.decode(latent, *args, **more)

    def encode(self, video: torch.Tensor, *args: object, **more: object) -> Any:
        """As the autoencoder's own, on the device, wherever the video is."""
        self._offload.onload(self._autoencoder)
        return self._autoencoder.encode(video.to(self._offload.device), *args, **more)


def offloaded_encoder(
    encode: EncodePrompts, module: nn.Module, offload: Offload, leaves: bool = False
) -> EncodePrompts:
    """The same encoder, whose `module` comes in for the call, and `leaves` after it or waits to be sent home."""

    def called(prompts: Sequence[str]) -> list[TextEmbedding]:
        offload.onload(module)
        try:
            return encode(prompts)
        finally:
            if leaves:
                offload.offload()

    return called
