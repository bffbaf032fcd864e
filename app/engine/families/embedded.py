"""The built-in model as a family: its weights read, put on the device there is, and stepped exactly as Wan is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.checker.drafts import unseen
from app.embedded.load import drawing_autoencoder, read_transformer
from app.embedded.profile import ACROSS, PICTURES, STUDENT_FOLDER, WEIGHTS, known_to, profile, student_of
from app.embedded.reading import world_of
from app.embedded.settle import as_given, named_by, settled
from app.embedded.text import TextEncoder
from app.embedded.world.rephrase import rephrased
from app.engine.denoiser import TOKENS, Conditioning, EncodePrompts, Frames, TextEmbedding
from app.engine.families.family import Row
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.placement import place_transformers
from app.engine.families.loading.reader import AS_IT_IS, PLAIN, Files, Opened, Options, Reader
from app.engine.families.models import Autoencoder, Parts, Transformer
from app.engine.families.parallel.ranks import RankLoad
from app.engine.families.registry import files_of
from app.engine.families.wan.family import Wan
from app.engine.families.wan.image import LATENT, FirstFrameConditioning, pixels
from app.plan.prompt.worlds import World
from app.plan.similar.likeness import facts_of
from app.settings.placement import Placement
from app.types import ModelProfile, MustShow, Plan, VideoSpec

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


PIXELS, GROUND, SUBJECTS = "pixels", "ground", "subjects"


class FirstPicture(FirstFrameConditioning):
    """The picture as the first latent frame: the autoencoder takes a first frame four times, so one is a whole latent.

    It is exactly the latent that the first frame of a drawn clip has, and its decoded frames are all the picture.
    Once the prompt is known the picture's subjects are put where the denoiser can move them (`app.embedded.settle`).
    """

    def __init__(self, autoencoder: Autoencoder, world: World) -> None:
        super().__init__(autoencoder)
        self._world = world

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`latent` (C, 1, H', W') and `pixels` (H, W, 3), 0..255."""
        return {LATENT: self._latent(image), PIXELS: torch.from_numpy(image[0].astype(np.float32))}

    def prompted(self, prompt: str, image: Mapping[str, torch.Tensor]) -> tuple[str | None, dict[str, torch.Tensor]]:
        """What is asked instead, of a prompt that names nobody, and the picture for it.

        That is the `latent` of the settled picture with its `ground` (3,) and `subjects` (n, ROW), or else its own.
        """
        picture = image[PIXELS].cpu().numpy().astype(np.uint8)[None]
        facts = facts_of(prompt, self._world)
        motions, told = facts.motions_by_colour, None
        if not facts.subjects and len(facts.motions) <= 1:  # "make it rise"
            motion = facts.motions[0] if facts.motions else "still"
            told = named_by(picture, motion)
            motions = {"": motion} if told else {}
        moved = settled(picture, motions)
        if moved is None:
            return told, {LATENT: image[LATENT]}
        undo = {GROUND: torch.from_numpy(moved.ground), SUBJECTS: torch.from_numpy(moved.subjects)}
        return told, {LATENT: self._latent(moved.picture), **undo}

    def as_given(self, frames: NDArray[np.float32], image: Mapping[str, torch.Tensor]) -> NDArray[np.float32]:
        if SUBJECTS not in image:
            return frames
        return as_given(frames, image[GROUND].cpu().numpy(), image[SUBJECTS].cpu().numpy())

    def _latent(self, image: Frames) -> torch.Tensor:
        autoencoder = self._autoencoder
        assert isinstance(autoencoder, ShapesAutoencoder)
        at = next(autoencoder.parameters())
        found: torch.Tensor = autoencoder.whitened(autoencoder.encode(pixels(image)[None].to(at)))[0]
        return found.float().cpu()


class Shapes(Wan):
    """Wan with a timestep for each token only where somebody in the forward has a picture: it costs a tenth more.

    It can say what its videos show. A prompt that names nobody is heard as of those in the picture.
    """

    def heard(self, plan: Plan, conditioning: Conditioning) -> Conditioning:
        """With the picture as it suits the prompt; a conditioning that has been here stays as it is."""
        if not isinstance(self.image, FirstPicture) or PIXELS not in conditioning.picture:
            return conditioning
        told, picture = self.image.prompted(plan.prompt, conditioning.picture)
        if told is None:
            return replace(conditioning, picture=picture)
        (words,) = self.encode([told])
        return replace(conditioning, prompt={name: each.float() for name, each in words.items()}, picture=picture)

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        """With a picture to begin with as it is."""
        autoencoder = self._autoencoder
        if plan.image is None or not isinstance(autoencoder, ShapesAutoencoder):
            return super().decode(latent, plan)
        raw = autoencoder.raw(latent[None].to(self.device, autoencoder.dtype))
        video: torch.Tensor = autoencoder.decode(raw, return_dict=False, given=True)[0][0]
        return video

    def unseen(self, frames: Frames, shown: MustShow) -> float | None:
        """As the denoiser says it: its world is drawn by code, so that a checker can read its videos."""
        return unseen(frames, shown)

    def timesteps(self, rows: Sequence[Row]) -> torch.Tensor:
        if any(row.state.conditioning.picture for row in rows):
            return super().timesteps(rows)
        numbers = [row.state.timestep for row in rows]
        return torch.tensor(numbers, dtype=torch.float32, device=self.device)


class EmbeddedReader(Reader[None]):
    """Reads the weights that Kinoray ships with; where `Files` say that a model is means nothing here."""

    def open(self, files: Files, encode: EncodePrompts | None) -> Opened[None]:
        folder = self.folder(files)
        transformer = read_transformer(folder / "transformer", files.dtype)
        autoencoder = drawing_autoencoder(folder, files.dtype)
        parts = Parts(transformer, autoencoder, encode or self._encoding(TextEncoder.load(), files))
        if student_of(folder) is not None:
            parts.student = read_transformer(folder / STUDENT_FOLDER, files.dtype)
        return Opened(parts, None)

    def family(self, opened: Opened[None], files: Files, options: Options) -> Wan:
        folder, ratios = self.folder(files), options.mag_ratios
        student = student_of(folder)
        own = "" if student is None else student.revision
        if PICTURES not in known_to(folder):
            return Shapes(opened.parts, files.device, mag_ratios=ratios, student=own)
        image = FirstPicture(opened.parts.autoencoder, world_of(known_to(folder)))
        family = Shapes(opened.parts, files.device, image=image, per_token=True, mag_ratios=ratios, student=own)
        family.text_of_picture = family
        return family

    def load_encoder(self, files: Files, placement: Placement = AS_IT_IS) -> EncodePrompts:
        """Its encoder, of 33 million parameters, stays as it is: nothing would be saved."""
        encoder = TextEncoder.load()
        encoder.bert.to(files.device)
        return self._encoding(encoder, files)

    def folder(self, files: Files) -> Path:
        return WEIGHTS

    def _encoding(self, encoder: TextEncoder, files: Files) -> EncodePrompts:
        reads = partial(rephrased, goes_across=ACROSS in known_to(self.folder(files)))

        def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
            read = [reads(prompt).text for prompt in prompts]
            return [{TOKENS: tokens} for tokens in encoder.tokens(read).float().cpu()]

        return encode

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
