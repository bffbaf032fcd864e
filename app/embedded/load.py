"""Reading the built-in model from its weights folder: everything that an engine needs, checked, in one record."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.cleaner import Redrawer
from app.embedded.model import KEPT_IN_FLOAT32, CleanWanTransformer
from app.embedded.profile import REDRAWER_FOLDER, WEIGHTS, known_to, redrawer_mark, revision
from app.embedded.text import TextEncoder


@dataclass(frozen=True)
class EmbeddedModel:
    """The built-in model, ready to sample, on the CPU and in eval mode."""

    transformer: CleanWanTransformer
    autoencoder: ShapesAutoencoder
    text_encoder: TextEncoder
    flow_shift: float
    frames: int
    fps: int
    picture: int  # side in pixels
    revision: str  # changes whenever a weight of the denoiser or the autoencoder does
    knows: frozenset[str] = frozenset()  # beyond the first world; see `profile.known_to`


def load(dtype: torch.dtype = torch.float32, weights: Path = WEIGHTS) -> EmbeddedModel:
    """Read the model; transformer and autoencoder in `dtype`, the text encoder always in float32."""
    facts = json.loads((weights / "model.json").read_text())
    return EmbeddedModel(
        transformer=read_transformer(weights / "transformer", dtype),
        autoencoder=drawing_autoencoder(weights, dtype),
        text_encoder=TextEncoder.load(),
        flow_shift=facts["flow_shift"],
        frames=facts["frames"],
        fps=facts["fps"],
        picture=facts["picture"],
        revision=revision(weights),
        knows=known_to(weights),
    )


def read_transformer(folder: Path, dtype: torch.dtype = torch.float32) -> CleanWanTransformer:
    """The denoiser; in a half precision, the parts that diffusers wants in float32 stay so."""
    transformer: CleanWanTransformer = CleanWanTransformer.from_config(_config(folder))
    _fill(transformer, folder, dtype, keep=KEPT_IN_FLOAT32)
    return transformer


def read_autoencoder(folder: Path, dtype: torch.dtype = torch.float32) -> ShapesAutoencoder:
    """The autoencoder, all of it in `dtype`."""
    autoencoder: ShapesAutoencoder = ShapesAutoencoder.from_config(_config(folder))
    _fill(autoencoder, folder, dtype)
    return autoencoder


def drawing_autoencoder(weights: Path = WEIGHTS, dtype: torch.dtype = torch.float32) -> ShapesAutoencoder:
    """The autoencoder of a weights folder, with its redrawer, where it has one of exactly these weights."""
    autoencoder = read_autoencoder(weights / "autoencoder", dtype)
    if redrawer_mark(weights):
        redrawer = Redrawer(int(autoencoder.config.width))
        redrawer.load_state_dict(load_file(weights / REDRAWER_FOLDER / "redrawer.safetensors"))
        redrawer.to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload] # 7 % sooner
        autoencoder.redrawer = redrawer.eval().requires_grad_(False)
    return autoencoder


def _config(folder: Path) -> dict[str, object]:
    config: dict[str, object] = json.loads((folder / "config.json").read_text())
    return config


def _fill(module: nn.Module, folder: Path, dtype: torch.dtype, keep: frozenset[str] = frozenset()) -> None:
    """Read weights in place, without diffusers' loader: its need of accelerate depends on the precision."""
    saved = load_file(folder / "diffusion_pytorch_model.safetensors")
    cast = {n: w.to(torch.float32 if keep & set(n.split(".")) else dtype) for n, w in saved.items()}
    module.load_state_dict(cast, strict=True, assign=True)
    module.eval().requires_grad_(False)
