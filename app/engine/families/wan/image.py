"""Wan's image conditioning: the picture that a video begins with as latents beside or in the noise, and as tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import torch
from PIL import Image

from app.engine.denoiser import TOKENS, Frames
from app.engine.families.models import Autoencoder
from app.types import VideoSpec

if TYPE_CHECKING:  # their import alone complains where torchvision is missing
    from transformers import CLIPImageProcessor, CLIPVisionModel

LATENT = "latent"
Encoded = Mapping[str, torch.Tensor]
Clip: TypeAlias = "tuple[CLIPImageProcessor, CLIPVisionModel]"


class ChannelConditioning:
    """Wan 2.1 and 2.2 I2V: the picture and grey frames as latents, and a mask, are further channels of the noise.

    `clip` is the image processor and encoder whose last but one layer Wan 2.1 hears, too.
    """

    needed = True

    def __init__(self, autoencoder: Autoencoder, clip: Clip | None = None) -> None:
        self._autoencoder = autoencoder
        self._clip = clip

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, F', H', W') and, with CLIP, `tokens` (P, E)."""
        first = pixels(image)
        grey = first.new_zeros((3, spec.frames - 1, *first.shape[-2:]))
        found = {LATENT: latents(self._autoencoder, torch.cat([first, grey], dim=1))}
        if self._clip is not None:
            processor, encoder = self._clip
            seen = processor(images=Image.fromarray(image[0]), return_tensors="pt").to(encoder.device)
            hidden = encoder(**seen, output_hidden_states=True).hidden_states[-2]
            found[TOKENS] = hidden[0].float().cpu()
        return found

    def model_input(self, latent: torch.Tensor, image: Encoded) -> torch.Tensor:
        """The noise, a mask that is 1 in the first latent frame, and the picture's latents."""
        scale = self._autoencoder.config.scale_factor_temporal
        mask = latent.new_zeros((scale, *latent.shape[1:]))
        mask[:, 0] = 1
        return torch.cat([latent, mask, image[LATENT]])

    def final_latent(self, latent: torch.Tensor, image: Encoded) -> torch.Tensor:
        return latent


class FirstFrameConditioning:
    """Wan 2.2 TI2V: the picture is the first latent frame, which has no noise; without one it makes videos of text."""

    needed = False

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, 1, H', W')."""
        return {LATENT: latents(self._autoencoder, pixels(image))}

    def model_input(self, latent: torch.Tensor, image: Encoded) -> torch.Tensor:
        return torch.cat([image[LATENT], latent[:, 1:]], dim=1) if image else latent

    def final_latent(self, latent: torch.Tensor, image: Encoded) -> torch.Tensor:
        return self.model_input(latent, image)


def pixels(image: Frames) -> torch.Tensor:
    """(1, H, W, 3) uint8 as float32 (3, 1, H, W) in -1..1."""
    return 2.0 * torch.from_numpy(image.copy()).permute(3, 0, 1, 2).float().div(255.0) - 1.0


def latents(autoencoder: Autoencoder, video: torch.Tensor) -> torch.Tensor:
    """The likeliest latents of a video (3, F, H, W), normalised, float32 (C, F', H', W') on the CPU."""
    config = autoencoder.config
    device = next(autoencoder.parameters()).device
    found = autoencoder.encode(video[None].to(device, autoencoder.dtype), return_dict=False)[0].mode().float()
    mean = torch.tensor(config.latents_mean).view(1, config.z_dim, 1, 1, 1).to(found)
    scale = 1.0 / torch.tensor(config.latents_std).view(1, config.z_dim, 1, 1, 1).to(found)
    normal: torch.Tensor = ((found - mean) * scale)[0].cpu()
    return normal
