"""A picture that an LTX-2 video begins with: its first latent frame, which has no noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from diffusers.pipelines.ltx2.utils import apply_image_conditioning_crf
from PIL import Image

from app.engine.denoiser import Frames
from app.engine.families.models import Autoencoder
from app.types import VideoSpec

LATENT = "latent"


class FirstFrame:
    """The ImageConditioning of LTX-2. The picture goes through H.264 of a quality first, as frames did in training.

    `halved`: it is seen by the first of two stages, which has half the sides; the second goes on from what came of it.
    """

    needed = False

    def __init__(self, autoencoder: Autoencoder, crf: int, halved: bool = False) -> None:
        self._autoencoder = autoencoder
        self._crf = crf
        self._halved = halved

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, 1, H', W'), normalised."""
        model = self._autoencoder
        picture = apply_image_conditioning_crf(image[0], self._crf).copy()
        if self._halved:
            sides = (spec.width // 2, spec.height // 2)
            picture = np.asarray(Image.fromarray(picture).resize(sides, Image.Resampling.BILINEAR)).copy()
        pixels = torch.from_numpy(picture)
        video = 2.0 * pixels.permute(2, 0, 1)[None, :, None].float().div(255.0) - 1.0  # (1, 3, 1, H, W)
        device = next(model.parameters()).device
        found = model.encode(video.to(device, model.dtype), return_dict=False)[0].mode().float()
        mean, std = (part.view(1, -1, 1, 1, 1).to(found) for part in (model.latents_mean, model.latents_std))
        normal: torch.Tensor = ((found - mean) / std)[0].cpu()
        return {LATENT: normal}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if not image or image[LATENT].shape[-2:] != latent.shape[-2:]:
            return latent
        return torch.cat([image[LATENT], latent[:, 1:]], dim=1)

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return self.model_input(latent, image)
