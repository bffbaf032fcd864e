"""The built-in model as a family: its weights read, put on the device there is, and stepped exactly as Wan is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from app.embedded.load import read_autoencoder, read_transformer
from app.embedded.profile import STUDENT_FOLDER, WEIGHTS, profile, student_of
from app.embedded.text import TextEncoder
from app.embedded.world.rephrase import rephrased
from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.family import FamilyDenoiser
from app.engine.families.loading.placement import place_transformers
from app.engine.families.loading.reader import PLAIN, Files, Opened, Options, Reader
from app.engine.families.models import Parts, Transformer
from app.engine.families.parallel.ranks import RankLoad
from app.engine.families.registry import files_of
from app.engine.families.wan.family import Wan
from app.settings.placement import Placement
from app.types import ModelProfile

CALIBRATION_PROMPTS = (
    "a red ball moves to the right on a black background",
    "a tiny white square falls on a dark green field",
    "a yellow star spins on a navy backdrop",
    "a pink disc bounces up and down on a sky blue background",
    "an orange box stands still on a gray background",
    "a huge crimson triangle shrinks on a sand background",
    "a green ring rises while a white ball orbits over a night blue background",
    "a red circle moves right and a blue square grows on a light blue canvas",
)


class EmbeddedReader(Reader[None]):
    """Reads the weights that Kinoray ships with; where `Files` say that a model is means nothing here."""

    def open(self, files: Files, encode: EncodePrompts | None) -> Opened[None]:
        folder = self.folder(files)
        transformer = read_transformer(folder / "transformer", files.dtype)
        autoencoder = read_autoencoder(folder / "autoencoder", files.dtype)
        parts = Parts(transformer, autoencoder, encode or _encoding(TextEncoder.load()))
        if student_of(folder) is not None:
            parts.student = read_transformer(folder / STUDENT_FOLDER, files.dtype)
        return Opened(parts, None)

    def family(self, opened: Opened[None], files: Files, options: Options) -> Wan:
        student = student_of(self.folder(files))
        revision = "" if student is None else student.revision
        return Wan(opened.parts, files.device, mag_ratios=options.mag_ratios, student=revision)

    def load_encoder(self, files: Files) -> EncodePrompts:
        encoder = TextEncoder.load()
        encoder.bert.to(files.device)
        return _encoding(encoder)

    def folder(self, files: Files) -> Path:
        return WEIGHTS

    def transformers(self, load: RankLoad, device: torch.device) -> list[Transformer]:
        read: list[Transformer] = [
            read_transformer(Path(load["folder"]) / name, getattr(torch, load["dtype"])) for name in load["parts"]
        ]
        place_transformers(read, Placement(**load["placement"]), device)
        return read


READER = EmbeddedReader(__name__, "CleanWanTransformer")


def load_denoiser(dtype: str, threads: int | None = None, options: Options = PLAIN) -> FamilyDenoiser:
    """The built-in model in `dtype`, on a GPU where torch sees one; `threads` limits torch on a CPU."""
    options = replace(options, placement=replace(options.placement, dtype=dtype))
    return READER.load(files_of(str(WEIGHTS), dtype=dtype, threads=threads, ranks=options.parallel.ranks), options)


def built_in_profile() -> ModelProfile:
    """What the built-in model can make. Raises FileNotFoundError when its weights are not there."""
    return profile()


def _encoding(encoder: TextEncoder) -> EncodePrompts:
    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        read = [rephrased(prompt).text for prompt in prompts]
        return [{TOKENS: tokens} for tokens in encoder.tokens(read).float().cpu()]

    return encode
