"""Wan VACE: WanVACETransformer3DModel, equal to WanVACEPipeline: references, a control video and where it holds.

All-in-one video creation and editing (Jiang et al., arXiv 2503.07598): what is kept and what is changed of a video are
two latents, references are latent frames in front of it, and a mask says of each pixel which it is. References step
with the video, and are cut off in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from diffusers import WanVACEPipeline
from diffusers.video_processor import VideoProcessor
from PIL import Image

from app.engine.denoiser import TOKENS, Frames
from app.engine.families.family import Row
from app.engine.families.loading.reader import Files, Opened, Options
from app.engine.families.models import Autoencoder, Parts, Pipeline
from app.engine.families.wan.family import Wan
from app.engine.families.wan.image import latents, pixels
from app.engine.families.wan.load import Opening, WanReader
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.types import CONTROL, MASK, REFERENCE, Plan, VideoSpec

TRANSFORMER = "WanVACETransformer3DModel"
SEEN = "control"  # (2C + 64, R + F', H', W'): kept, changed, and the mask's pixels
SCALE = "scale"  # (1,): how strongly it holds
SHOWN = "shown"  # (R,): as many references are in front
_KNOWN_SHAPES = 4


class VaceConditioning:
    """How VACE sees its inputs. `patch` is how many latent pixels the transformer takes together."""

    needed = False

    def __init__(self, autoencoder: Autoencoder, patch: int) -> None:
        self._autoencoder = autoencoder
        self._patch = patch
        self._nothing: dict[VideoSpec, dict[str, torch.Tensor]] = {}

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """Raises InvalidRequest: it begins with no picture."""
        raise InvalidRequest("VACE takes references, a control video and masks.", "input_reference", "image_not_taken")

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`control`, `scale` and, with references, `shown`.

        Raises:
            InvalidRequest: an input in another role, or several where one is taken.
        """
        references = [each.frames for each in inputs if each.role == REFERENCE]
        others = {each.role: each for each in inputs if each.role != REFERENCE}
        if not others.keys() <= {CONTROL, MASK} or len(others) + len(references) < len(inputs):
            raise InvalidRequest("VACE takes references, a control video and its mask.", "input_references")
        size = (spec.frames, spec.height, spec.width)
        video, mask = torch.zeros(3, *size), torch.ones(3, *size)
        if CONTROL in others:
            video = pixels(others[CONTROL].frames).expand(3, *size)
        if MASK in others:
            mask = ((pixels(others[MASK].frames) + 1) / 2).clamp(0, 1).expand(3, *size)
        changed = torch.where(mask > 0.5, 1.0, 0.0)
        halves = [latents(self._autoencoder, video * part) for part in (1 - changed, changed)]
        seen, places = torch.cat(halves), self._places(mask[0])
        for picture in references:  # each in front of those before it
            latent = latents(self._autoencoder, self._reference(picture, spec))
            seen = torch.cat([torch.cat([latent, torch.zeros_like(latent)]), seen], dim=1)
            places = torch.cat([torch.zeros_like(places[:, :1]), places], dim=1)
        strength = others[CONTROL].strength if CONTROL in others else 1.0
        found = {SEEN: torch.cat([seen, places]), SCALE: torch.tensor([strength])}
        return found | ({SHOWN: torch.ones(len(references))} if references else {})

    def nothing(self, spec: VideoSpec) -> Mapping[str, torch.Tensor]:
        """What a video of text alone is shown; remembered, as it is the same for every one of a shape."""
        spec = VideoSpec(spec.width, spec.height, spec.frames, 1)
        if spec not in self._nothing:
            while len(self._nothing) >= _KNOWN_SHAPES:
                del self._nothing[next(iter(self._nothing))]
            self._nothing[spec] = self.encode_inputs((), spec)
        return self._nothing[spec]

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return latent

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Without the references."""
        return latent[:, len(image[SHOWN]) :] if SHOWN in image else latent

    def _reference(self, picture: Frames, spec: VideoSpec) -> torch.Tensor:
        """(3, 1, H, W): all of the picture, on white."""
        processor = VideoProcessor(vae_scale_factor=int(self._autoencoder.config.scale_factor_spatial))
        plain = processor.preprocess(Image.fromarray(picture[0]), None, None)
        scale = min(spec.height / plain.shape[2], spec.width / plain.shape[3])
        height, width = int(plain.shape[2] * scale), int(plain.shape[3] * scale)
        fitted = torch.nn.functional.interpolate(plain, size=(height, width), mode="bilinear", align_corners=False)
        canvas = torch.ones(3, 1, spec.height, spec.width)
        top, left = (spec.height - height) // 2, (spec.width - width) // 2
        canvas[:, 0, top : top + height, left : left + width] = fitted[0]
        return canvas

    def _places(self, mask: torch.Tensor) -> torch.Tensor:
        """A mask (F, H, W) as latents have it: each of the pixels of a latent one is a channel, (64, F', H', W')."""
        config = self._autoencoder.config
        spatial, temporal = int(config.scale_factor_spatial), int(config.scale_factor_temporal)
        frames, height, width = mask.shape
        grain = spatial * self._patch
        sides = (height // grain * self._patch, width // grain * self._patch)
        cells = mask.reshape(frames, sides[0], spatial, sides[1], spatial)
        apart = cells.permute(2, 4, 0, 1, 3).flatten(0, 1)  # (64, F, H', W')
        fewer = ((frames + temporal - 1) // temporal, *sides)
        return torch.nn.functional.interpolate(apart[None], size=fewer, mode="nearest-exact")[0]


class Vace(Wan):
    """Wan whose transformer is shown what to keep, to change and to take up; one expert or two."""

    def __init__(self, parts: Parts, device: torch.device | None = None, *, boundary: float | None = None) -> None:
        patch = int(parts.transformer.config.patch_size[1])
        self._seeing = VaceConditioning(parts.autoencoder, patch)
        super().__init__(parts, device, boundary=boundary, image=self._seeing)
        self.step_caches = None  # they would not see what it is shown

    def begun_shape(self, plan: Plan) -> tuple[int, int, int, int]:
        channels, frames, height, width = self.latent_shape(plan.spec)
        return channels, frames + sum(each.role == REFERENCE for each in plan.references), height, width

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(self.begun_shape(plan), generator=generator, dtype=torch.float32)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        shown = [self._shown(row) for row in rows]
        layers = len(self._transformer.config.vace_layers)
        scales = torch.stack([each[SCALE] for each in shown]).to(self.device)[:, :, None]  # (B, 1, 1)
        return self._expert(rows).run(
            self.inputs(rows, self._transformer.dtype),
            self.timesteps(rows),
            [row.text[TOKENS] for row in rows],
            [],
            {
                "control_hidden_states": torch.stack([each[SEEN].to(self.device) for each in shown]),
                "control_hidden_states_scale": scales.expand(layers, *scales.shape),
            },
        )

    def _shown(self, row: Row) -> Mapping[str, torch.Tensor]:
        return row.state.conditioning.picture or self._seeing.nothing(row.state.plan.spec)


class VaceReader(WanReader):
    """Reads VACE from a diffusers folder or the hub, as Wan is read."""

    pipelines = ("WanVACEPipeline",)
    transformer = TRANSFORMER
    lora_format: Pipeline = WanVACEPipeline

    def family(self, opened: Opened[Opening], files: Files, options: Options) -> Vace:
        return Vace(opened.parts, files.device, boundary=opened.facts.boundary)


READER = VaceReader(__name__)
