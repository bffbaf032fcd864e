"""MiniMax-H3's pictures: encoded as diffusers' blocks do, they are held at nearly no noise in front of the video.

One half of the released weights begins or ends with keyframes (the workflow `fl2va`), the other refers to pictures of
whom and what is to be seen (`ref2va`). Both halves see them twice: as latents, and through the text encoder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from diffusers import MiniMaxH3Scheduler
from diffusers.modular_pipelines.minimax_h3.before_denoise import (
    MiniMaxH3PrepareLayoutStep,
    MiniMaxH3Ref2VAPrepareLayoutStep,
)
from diffusers.modular_pipelines.minimax_h3.before_encoder import MiniMaxH3Ref2VASetupStep
from diffusers.modular_pipelines.minimax_h3.encoders import encode_vae_condition
from diffusers.modular_pipelines.minimax_h3.references import MiniMaxH3ImageReference
from PIL import Image

from app.engine.denoiser import Frames
from app.engine.families.minimax_h3.text import Looked
from app.engine.families.models import Autoencoder
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.types import FIRST, LAST, REFERENCE, VideoSpec

HELD: Final = 0.999  # how clean a picture is held at, where 1 is without noise
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the autoencoder's pixels, ImageNet's
MOST_REFERENCES: Final = 9
SHORT_EDGE: Final = 2048  # pixels at which a reference is encoded, whatever its own size
_PIXELS: Final = ".pixels"
_FIELD: Final = "input_references"
Picture = Mapping[str, torch.Tensor]
"""Of the picture n of role r: `n.r` (C, 1, H', W'), and until the job begins `n.r.pixels` (H, W, 3), 0..255."""


class Pictures(ABC):
    """The InputConditioning of a half of the weights, and what the family asks it beside."""

    needed = False
    roles: tuple[str, ...]

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """Of one picture in the role that comes first. Raises as `encode_inputs`."""
        return self.encode_inputs([Shown(self.roles[0], image)], spec)

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """Latents and pixels of each, in the order in which the model reads them.

        Raises:
            InvalidRequest: it takes no such inputs.
        """
        self.check(inputs)
        found: dict[str, torch.Tensor] = {}
        for place, each in enumerate(sorted(inputs, key=lambda given: self.roles.index(given.role))):
            name, picture = f"{place}.{each.role}", each.frames[0]
            at = next(self._autoencoder.parameters()).device
            seen = torch.from_numpy(np.array(self.normal(Image.fromarray(picture)))).to(at).permute(2, 0, 1)
            found[name] = encode_vae_condition(self._autoencoder, seen[None, :, None], MEAN, STD)[0]
            found[name + _PIXELS] = torch.from_numpy(picture.copy()).float()
        return found

    def model_input(self, latent: torch.Tensor, image: Picture) -> torch.Tensor:
        return latent

    def final_latent(self, latent: torch.Tensor, image: Picture) -> torch.Tensor:
        return latent

    def normal(self, picture: Image.Image) -> Image.Image:
        """A picture as the model sees it."""
        return picture

    @abstractmethod
    def check(self, inputs: Sequence[Shown]) -> None:
        """Refuse what it does not take. Raises InvalidRequest."""

    def looked(self, prompt: str, shown: Picture) -> Looked:
        """A prompt with all that is shown."""
        pictures = [self.normal(picture) for picture in _pixels(shown)]
        return Looked.at(prompt, pictures, REFERENCE in self.roles)

    @abstractmethod
    def layout(self, tags: torch.Tensor, sides: Sequence[int], sound: int, shown: Picture, *facts: Any) -> Any:
        """Where each row of the sequence is and of which kind, on the CPU: of words with these tags, a video latent of
        such (F', H', W'), so many rows of sound to a channel, and the pictures."""


class Keyframes(Pictures):
    """A picture to begin with, one to end with, or both, of the video's size."""

    roles = (FIRST, LAST)

    def check(self, inputs: Sequence[Shown]) -> None:
        given = [each.role for each in inputs]
        if not set(given) <= set(self.roles) or len(set(given)) < len(given):
            raise InvalidRequest("MiniMax-H3 takes a picture to begin with, and one to end with.", _FIELD)

    def layout(self, tags: torch.Tensor, sides: Sequence[int], sound: int, shown: Picture, *facts: Any) -> Any:
        anchors = tuple(name.partition(".")[2] for name in names(shown))  # diffusers calls them first and last, too
        return MiniMaxH3PrepareLayoutStep.build_packed_sequence(tags, *sides, sound, *facts, anchors)


class References(Pictures):
    """Pictures of whom and what is to be seen, of any size from 1:4 to 4:1, in the order of the request."""

    needed = True
    roles = (REFERENCE,)

    def __init__(self, autoencoder: Autoencoder, short_edge: int = SHORT_EDGE) -> None:
        super().__init__(autoencoder)
        self._setting_up = MiniMaxH3Ref2VASetupStep().init_pipeline()
        self._setting_up.update_components(reference_image_short_edge=short_edge)

    def check(self, inputs: Sequence[Shown]) -> None:
        if not 1 <= len(inputs) <= MOST_REFERENCES or any(each.role != REFERENCE for each in inputs):
            raise InvalidRequest(f"MiniMax-H3 takes 1 to {MOST_REFERENCES} pictures to refer to.", _FIELD)
        for each in inputs:
            height, width = each.frames.shape[1:3]
            if len(each.frames) != 1 or max(height, width) > 4 * min(height, width):
                raise InvalidRequest("MiniMax-H3 refers to pictures from 1:4 to 4:1.", _FIELD)

    def normal(self, picture: Image.Image) -> Image.Image:
        given = {"references": [MiniMaxH3ImageReference(image=picture)], "num_frames": 124}  # which say nothing of it
        found: Image.Image = self._setting_up(output="normalized_references", **given)[0].image
        return found

    def layout(self, tags: torch.Tensor, sides: Sequence[int], sound: int, shown: Picture, *facts: Any) -> Any:
        latents = [shown[name][None] for name in names(shown)]
        kinds = [MiniMaxH3ImageReference(image=None) for _ in latents]
        return MiniMaxH3Ref2VAPrepareLayoutStep.build_ref2va_packed_sequence(
            tags, kinds, latents, [], *sides, sound, *facts
        )


def names(shown: Picture) -> list[str]:
    """Of the latents, in the order in which the model reads them."""
    return sorted((name for name in shown if not name.endswith(_PIXELS)), key=lambda name: int(name.partition(".")[0]))


def _pixels(shown: Picture) -> list[Image.Image]:
    """The pictures themselves."""
    seen = [shown[name + _PIXELS].round().clamp(0, 255).to(torch.uint8) for name in names(shown)]
    return [Image.fromarray(each.cpu().numpy()) for each in seen]


def noised(shown: Picture, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """The latents with the little noise that they are held at, drawn before that of video and sound."""
    scheduler = MiniMaxH3Scheduler()
    noise = {name: torch.randn(shown[name].shape, generator=generator) for name in names(shown)}
    return {name: scheduler.scale_noise(shown[name].cpu(), HELD, drawn) for name, drawn in noise.items()}
