"""How a Wan model sees the picture that a video begins with: as latents beside or in the noise, and as CLIP tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from PIL import Image

from app.engine.denoiser import Frames
from app.types import VideoSpec

Picture = Mapping[str, torch.Tensor]


class Sight(Protocol):
    """From a picture to tensors, and from a latent and these to what the transformer gets."""

    @property
    def needed(self) -> bool:
        """Whether there is no video without a picture."""
        ...

    def look(self, picture: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """A picture, uint8 (1, H, W, 3) of the video's size, as float32 tensors on the CPU."""
        ...

    def shown(self, latent: torch.Tensor, picture: Picture) -> torch.Tensor:
        """What the transformer gets, (C or more, F', H', W')."""
        ...

    def finished(self, latent: torch.Tensor, picture: Picture) -> torch.Tensor:
        """What is decoded."""
        ...


class Beside:
    """Wan 2.1 and 2.2 I2V: the picture and grey frames as latents, and a mask, are further channels of the noise.

    `clip` is the image processor and encoder whose last but one layer Wan 2.1 hears, too.
    """

    needed = True

    def __init__(self, autoencoder: Any, clip: tuple[Any, Any] | None = None) -> None:
        self._autoencoder = autoencoder
        self._clip = clip

    def look(self, picture: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, F', H', W') and, with CLIP, `tokens` (P, E)."""
        first = pixels(picture)
        grey = first.new_zeros((3, spec.frames - 1, *first.shape[-2:]))
        found = {"latent": latents(self._autoencoder, torch.cat([first, grey], dim=1))}
        if self._clip is not None:
            processor, encoder = self._clip
            seen = processor(images=Image.fromarray(picture[0]), return_tensors="pt").to(encoder.device)
            hidden = encoder(**seen, output_hidden_states=True).hidden_states[-2]
            found["tokens"] = hidden[0].float().cpu()
        return found

    def shown(self, latent: torch.Tensor, picture: Picture) -> torch.Tensor:
        """The noise, a mask that is 1 in the first latent frame, and the picture's latents."""
        scale = self._autoencoder.config.scale_factor_temporal
        mask = latent.new_zeros((scale, *latent.shape[1:]))
        mask[:, 0] = 1
        return torch.cat([latent, mask, picture["latent"]])

    def finished(self, latent: torch.Tensor, picture: Picture) -> torch.Tensor:
        return latent


class Within:
    """Wan 2.2 TI2V: the picture is the first latent frame, which has no noise; without one it makes videos of text."""

    needed = False

    def __init__(self, autoencoder: Any) -> None:
        self._autoencoder = autoencoder

    def look(self, picture: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, 1, H', W')."""
        return {"latent": latents(self._autoencoder, pixels(picture))}

    def shown(self, latent: torch.Tensor, picture: Picture) -> torch.Tensor:
        return torch.cat([picture["latent"], latent[:, 1:]], dim=1) if picture else latent

    def finished(self, latent: torch.Tensor, picture: Picture) -> torch.Tensor:
        return self.shown(latent, picture)


def pixels(picture: Frames) -> torch.Tensor:
    """(1, H, W, 3) uint8 as float32 (3, 1, H, W) in -1..1."""
    return 2.0 * torch.from_numpy(picture.copy()).permute(3, 0, 1, 2).float().div(255.0) - 1.0


def latents(autoencoder: Any, video: torch.Tensor) -> torch.Tensor:
    """The likeliest latents of a video (3, F, H, W), normalised, float32 (C, F', H', W') on the CPU."""
    config = autoencoder.config
    device = next(autoencoder.parameters()).device
    found = autoencoder.encode(video[None].to(device, autoencoder.dtype), return_dict=False)[0].mode().float()
    mean = torch.tensor(config.latents_mean).view(1, config.z_dim, 1, 1, 1).to(found)
    scale = 1.0 / torch.tensor(config.latents_std).view(1, config.z_dim, 1, 1, 1).to(found)
    normal: torch.Tensor = ((found - mean) * scale)[0].cpu()
    return normal
