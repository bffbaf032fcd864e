"""Reads one half of a MiniMax-H3 repository: that of text and keyframes; `references` in this room reads the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from diffusers.modular_pipelines.minimax_h3.modular_pipeline import MiniMaxH3ModularPipeline

from app.engine.denoiser import EncodePrompts
from app.engine.families.loading.folder import fetched, part
from app.engine.families.loading.placement import HOST, place_encoder
from app.engine.families.loading.reader import AS_IT_IS, Files, Opened, Options, Reader
from app.engine.families.minimax_h3.family import MiniMaxH3
from app.engine.families.minimax_h3.pictures import Keyframes, Pictures
from app.engine.families.minimax_h3.text import H3Text
from app.engine.families.models import Autoencoder, Parts
from app.settings.placement import Placement

HALVES: Final = ("transformer", "transformer_ref")


@dataclass(frozen=True, slots=True)
class Opening:
    """The sound's autoencoder, and whether the text encoder sees pictures: a shared one, elsewhere, does not."""

    sound: Autoencoder
    sees: bool


class H3Reader(Reader[Opening]):
    """Reads the half that `transformer` names, whose pictures are of `pictures`; the other stays where it is."""

    transformer = HALVES[0]
    pictures: type[Pictures] = Keyframes

    def folder(self, files: Files) -> Path:
        other = next(half for half in HALVES if half != self.transformer)
        return fetched(files.source, files.revision, files.local, files.single is not None, (f"{other}/*",))

    def transformer_names(self, folder: Path) -> list[str]:
        return [self.transformer]

    def open(self, files: Files, encode: EncodePrompts | None) -> Opened[Opening]:
        folder = self.folder(files)
        video = part(folder, "vae", "diffusers", "AutoencoderKLMiniMaxH3", files.dtype, HOST)
        sound = part(folder, "audio_vae", "diffusers", "AutoencoderKLMiniMaxH3Audio", torch.float32, HOST)
        (transformer,) = self.read_transformers(files, folder)
        module, sees = None, encode is None
        if encode is None:
            encode = text = H3Text.load(folder, files.dtype, HOST)
            module = text.module
        parts = Parts(transformer, video, encode, module, sound=[sound])
        return Opened(parts, Opening(sound, sees), MiniMaxH3ModularPipeline)

    def family(self, opened: Opened[Opening], files: Files, options: Options) -> MiniMaxH3:
        shown = self.pictures(opened.parts.autoencoder) if opened.facts.sees else None
        if shown is None and self.pictures.needed:
            raise ValueError("its text encoder looks at the pictures, and cannot be shared: give the model its own")
        return MiniMaxH3(opened.parts, opened.facts.sound, files.device, shown)

    def formats(self, files: Files) -> object:
        return MiniMaxH3ModularPipeline

    def load_encoder(self, files: Files, placement: Placement = AS_IT_IS) -> EncodePrompts:
        text = H3Text.load(self.folder(files), files.dtype, HOST)
        place_encoder(text.module, placement, files.device)
        return text


READER = H3Reader(__name__)
