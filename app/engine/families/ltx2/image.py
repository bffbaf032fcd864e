"""A picture that an LTX-2 video begins with: its first latent frame, which has no noise."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers.pipelines.ltx2.utils import apply_image_conditioning_crf

from app.engine.denoiser import Frames
from app.engine.families.models import Autoencoder
from app.types import VideoSpec

LATENT = "latent"


class FirstFrame:
    """The ImageConditioning of LTX-2. The picture goes through H.264 of a quality first, as frames did in training."""

    needed = False

    def __init__(self, autoencoder: Autoencoder, crf: int) -> None:
        self._autoencoder = autoencoder
        self._crf = crf

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, 1, H', W'), normalised."""
        model = self._autoencoder
        pixels = torch.from_numpy(apply_image_conditioning_crf(image[0], self._crf).copy())
        video = 2.0 * pixels.permute(2, 0, 1)[None, :, None].float().div(255.0) - 1.0  # (1, 3, 1, H, W)
        device = next(model.parameters()).device
        found = model.encode(video.to(device, model.dtype), return_dict=False)[0].mode().float()
        mean, std = (part.view(1, -1, 1, 1, 1).to(found) for part in (model.latents_mean, model.latents_std))
        normal: torch.Tensor = ((found - mean) / std)[0].cpu()
        return {LATENT: normal}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([image[LATENT], latent[:, 1:]], dim=1) if image else latent

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return self.model_input(latent, image)
