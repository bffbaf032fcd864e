"""Reading the built-in model from its weights folder: everything that an engine needs, checked, in one record."""

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from app.embedded.autoencoder import LinearAutoencoder
from app.embedded.model import CleanWanTransformer
from app.embedded.text import TextEncoder

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class EmbeddedModel:
    """The built-in model, ready to sample, on the CPU and in eval mode."""

    transformer: CleanWanTransformer
    autoencoder: LinearAutoencoder
    text_encoder: TextEncoder
    flow_shift: float
    frames: int
    fps: int
    picture: int  # side in pixels
    revision: str  # changes whenever any weight does


def load(dtype: torch.dtype = torch.float32, weights: Path = WEIGHTS) -> EmbeddedModel:
    """Read the model; transformer and autoencoder in `dtype`, the text encoder always in float32."""
    facts = json.loads((weights / "model.json").read_text())
    how = {"torch_dtype": dtype, "local_files_only": True, "low_cpu_mem_usage": False}
    transformer = CleanWanTransformer.from_pretrained(weights / "transformer", **how)
    autoencoder = LinearAutoencoder.from_pretrained(weights / "autoencoder", **how)
    return EmbeddedModel(
        transformer=transformer.eval().requires_grad_(False),
        autoencoder=autoencoder.eval().requires_grad_(False),
        text_encoder=TextEncoder.load(),
        flow_shift=facts["flow_shift"],
        frames=facts["frames"],
        fps=facts["fps"],
        picture=facts["picture"],
        revision=revision(weights),
    )


def revision(weights: Path = WEIGHTS) -> str:
    """The first 12 hex digits of the SHA-256 over the weights files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(weights.rglob("*.safetensors")):
        digest.update(path.relative_to(weights).as_posix().encode())
        with path.open("rb") as file:
            for block in iter(partial(file.read, 1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()[:12]
