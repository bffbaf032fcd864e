"""Wan's image conditioning: the pictures that a video begins and ends with, as latents and as tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from PIL import Image

from app.engine.denoiser import TOKENS, Frames
from app.engine.families.models import Autoencoder
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.types import FIRST, LAST, VideoSpec

if TYPE_CHECKING:  # their import alone complains where torchvision is missing
    from transformers import CLIPImageProcessor, CLIPVisionModel

LATENT = "latent"
ENDS = "ends"  # there is a picture to end with
Encoded = Mapping[str, torch.Tensor]
Clip: TypeAlias = "tuple[CLIPImageProcessor, CLIPVisionModel]"


class ChannelConditioning:
    """Wan 2.1 and 2.2 I2V: the picture and grey frames as latents, and a mask, are further channels of the noise.

    `clip` is the image processor and encoder whose last but one layer Wan 2.1 hears, too. A model of `both` ends hears
    two pictures; with one alone, as for the warm-up, it begins and ends with that.
    """

    needed = True

    def __init__(self, autoencoder: Autoencoder, clip: Clip | None = None, both: bool = False) -> None:
        self._autoencoder = autoencoder
        self._clip = clip
        self._both = both

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, F', H', W') and, with CLIP, `tokens` (P, E)."""
        return self._encoded([image, image] if self._both else [image], spec)

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """The same of a first picture, or of a first and a last one: then `ends` (1,), and `tokens` (2P, E).

        Raises:
            InvalidRequest: there is no first one, or one in another role.
        """
        given = {each.role: each.frames for each in inputs}
        if not {FIRST} <= given.keys() <= {FIRST, LAST} or len(given) < len(inputs):
            raise InvalidRequest("Wan takes a picture to begin with, and one to end with.", "input_references")
        if LAST not in given:
            return self.encode(given[FIRST], spec)
        return self._encoded([given[FIRST], given[LAST]], spec)

    def _encoded(self, ends: Sequence[Frames], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """Of one end or both, with grey frames behind or between."""
        first, *last = [pixels(image) for image in ends]
        grey = first.new_zeros((3, spec.frames - len(ends), *first.shape[-2:]))
        found = {LATENT: latents(self._autoencoder, torch.cat([first, grey, *last], dim=1))}
        if last:
            found[ENDS] = torch.ones(1)
        if self._clip is not None:
            processor, encoder = self._clip
            seen = processor(images=[Image.fromarray(image[0]) for image in ends], return_tensors="pt")
            hidden = encoder(**seen.to(encoder.device), output_hidden_states=True).hidden_states[-2]
            found[TOKENS] = hidden.flatten(0, 1).float().cpu()
        return found

    def model_input(self, latent: torch.Tensor, image: Encoded) -> torch.Tensor:
        """The noise, a mask that is 1 where frames are given, and the pictures' latents.

        Of the mask's channels each is one of the frames of a latent one; the first latent frame is one frame alone.
        """
        scale = self._autoencoder.config.scale_factor_temporal
        mask = latent.new_zeros((scale, *latent.shape[1:]))
        mask[:, 0] = 1
        if ENDS in image:
            mask[-1, -1] = 1
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
    """(F, H, W, 3) uint8 as float32 (3, F, H, W) in -1..1."""
    return 2.0 * torch.from_numpy(image.copy()).permute(3, 0, 1, 2).float().div(255.0) - 1.0


def moments(autoencoder: Autoencoder, image: Frames) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of what an autoencoder draws the latent of a picture from, float32 (C, 1, H', W') each."""
    at = next(autoencoder.parameters())
    found = autoencoder.encode(pixels(image)[None].to(at.device, autoencoder.dtype), return_dict=False)[0]
    return found.mean[0].float().cpu(), found.std[0].float().cpu()


def latents(autoencoder: Autoencoder, video: torch.Tensor) -> torch.Tensor:
    """The likeliest latents of a video (3, F, H, W), normalised, float32 (C, F', H', W') on the CPU."""
    config = autoencoder.config
    device = next(autoencoder.parameters()).device
    found = autoencoder.encode(video[None].to(device, autoencoder.dtype), return_dict=False)[0].mode().float()
    mean = torch.tensor(config.latents_mean).view(1, config.z_dim, 1, 1, 1).to(found)
    scale = 1.0 / torch.tensor(config.latents_std).view(1, config.z_dim, 1, 1, 1).to(found)
    normal: torch.Tensor = ((found - mean) * scale)[0].cpu()
    return normal
