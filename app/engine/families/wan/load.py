"""Reads a Wan model from a diffusers folder or the hub: its parts checked, in their precision, as a family."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import WanPipeline

from app.engine.denoiser import EncodePrompts
from app.engine.families.family import Family, ImageConditioning
from app.engine.families.loading.folder import Index, config, has, part
from app.engine.families.loading.placement import HOST, place_encoder
from app.engine.families.loading.reader import AS_IT_IS, Files, Opened, Options, Reader
from app.engine.families.models import Parts, Pipeline
from app.engine.families.wan.family import Wan
from app.engine.families.wan.image import ChannelConditioning, FirstFrameConditioning
from app.engine.families.wan.t5_text import T5Text
from app.settings.placement import Placement

PIPELINES = ("WanPipeline", "WanImageToVideoPipeline")
TRANSFORMER = "WanTransformer3DModel"


@dataclass(frozen=True, slots=True)
class Opening:
    """A folder on this machine, and what its index says: the experts' boundary, a timestep for every token."""

    folder: Path
    boundary: float | None
    per_token: bool


class WanReader(Reader[Opening]):
    """Any Wan 2.1 or 2.2 model of text or text and picture; what it is follows from its own configuration.

    Transformers and text encoder are in the files' precision, autoencoder and CLIP in float32, as diffusers advises.
    Weights are read from safetensors alone, and code that comes with a model is never run.
    """

    pipelines: tuple[str, ...] = PIPELINES
    transformer = TRANSFORMER
    lora_format: Pipeline = WanPipeline

    def open(self, files: Files, encode: EncodePrompts | None) -> Opened[Opening]:
        folder = self.folder(files)
        index = self._index(folder)
        autoencoder = part(folder, "vae", "diffusers", "AutoencoderKLWan", torch.float32, HOST)
        first, *rest = self.read_transformers(files, folder)
        module = None
        if encode is None:
            encode = text = T5Text.load(folder, files.dtype, HOST)
            module = text.module
        parts = Parts(first, autoencoder, encode, module, rest[0] if rest else None)
        boundary = index.get("boundary_ratio")
        share = float(boundary) if isinstance(boundary, (int, float)) else None
        facts = Opening(folder, share, bool(index.get("expand_timesteps")))
        return Opened(parts, facts, self.lora_format)

    def family(self, opened: Opened[Opening], files: Files, options: Options) -> Family:
        facts = opened.facts
        return Wan(
            opened.parts,
            files.device,
            boundary=facts.boundary,
            image=_image(facts, opened.parts, files.device),
            per_token=facts.per_token,
            mag_ratios=options.mag_ratios,
        )

    def formats(self, files: Files) -> object:
        return self.lora_format

    def load_encoder(self, files: Files, placement: Placement = AS_IT_IS) -> EncodePrompts:
        folder = self.folder(files)
        self._index(folder)
        text = T5Text.load(folder, files.dtype, HOST)
        place_encoder(text.module, placement, files.device)
        return text

    def transformer_names(self, folder: Path) -> list[str]:
        index = self._index(folder)
        two = has(index, "transformer_2") and index.get("boundary_ratio") is not None
        return ["transformer", "transformer_2"] if two else ["transformer"]

    def _index(self, folder: Path) -> Index:
        """What the folder's index says. Raises ValueError: it is another pipeline's."""
        index = config(folder, "model_index.json")
        if index.get("_class_name") not in self.pipelines:
            raise ValueError(f"{folder} is a {index.get('_class_name')}, not one of {', '.join(self.pipelines)}")
        return index


READER = WanReader(__name__, TRANSFORMER)


def _image(facts: Opening, parts: Parts, device: torch.device) -> ImageConditioning | None:
    if facts.per_token:
        return FirstFrameConditioning(parts.autoencoder)
    if parts.transformer.config.in_channels == parts.autoencoder.config.z_dim:
        return None
    if parts.transformer.config.image_dim is None:
        return ChannelConditioning(parts.autoencoder)
    from transformers import CLIPImageProcessor  # its import alone complains where torchvision is missing

    processor = CLIPImageProcessor.from_pretrained(facts.folder / "image_processor", local_files_only=True)
    encoder = part(facts.folder, "image_encoder", "transformers", "CLIPVisionModel", torch.float32, device)
    both = parts.transformer.config.pos_embed_seq_len is not None  # first-last-frame models place two pictures
    return ChannelConditioning(parts.autoencoder, (processor, encoder), both)
