"""`python -m cluster.style_pictures`: the built-in model draws the page's picture of each style (app/studio/styles)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from PIL import Image

from app.embedded.checker.sample import decode, sample
from app.embedded.load import load
from app.plan.styles.styles import TEMPLATES

STYLES: Final = Path(__file__).resolve().parent.parent / "app" / "studio" / "styles"
MOST_BYTES: Final = 4_096
"""Of each: they are part of the page."""
SIDE: Final = 96
SEED: Final = 11
MIDDLE: Final = 8
"""The frame that is shown."""
SUBJECTS: Final = {
    "cinematic": "a big orange ball rises over a night blue background",
    "commercial": "a big yellow ring spins on a gray background",
    "artistic": "a pink star spins and a purple ball orbits on a sandy beach",
    "educational": "a red circle moves right and a blue square moves left on a sky blue background",
    "social": "a big pink star bounces on a dark green background",
    "corporate": "a blue square moves up on a gray background",
}
"""What the built-in model knows, as each style is for."""


def small(picture: Image.Image) -> bytes:
    """A picture of SIDE pixels as a WebP within MOST_BYTES. Raises ValueError."""
    plain = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    for quality in (85, 70, 50, 30):
        file = io.BytesIO()
        plain.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= MOST_BYTES:
            return file.getvalue()
    raise ValueError(f"The picture has more than {MOST_BYTES:,} bytes.")


def make(folder: Path = STYLES, steps: int = 30) -> int:
    """Write a picture for each of the server's styles; returns their bytes. Raises ValueError."""
    folder.mkdir(exist_ok=True)
    model = load()
    prompts = [
        " ".join((TEMPLATES[style].before, f"{SUBJECTS[style]},", TEMPLATES[style].after)) for style in TEMPLATES
    ]
    latents = sample(model.transformer, model.text_encoder, prompts, steps=steps, seed=SEED)
    for style, video in zip(TEMPLATES, decode(model.autoencoder, latents), strict=True):
        (folder / f"{style}.webp").write_bytes(small(Image.fromarray(video[MIDDLE].numpy())))
    return sum((folder / f"{style}.webp").stat().st_size for style in TEMPLATES)


if __name__ == "__main__":
    print(f"{make():,} bytes")  # noqa: T201
