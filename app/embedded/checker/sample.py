"""`python -m app.embedded.checker.sample`: a contact sheet of what the model makes of some prompts, to look at."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.load import drawing_autoencoder, read_transformer
from app.embedded.model import CleanWanTransformer, sigmas
from app.embedded.precision import autocast
from app.embedded.profile import WEIGHTS
from app.embedded.text import TextEncoder

PROMPTS = (
    "a red ball moves to the right on a black background",
    "on a sandy beach, a big blue star spins",
    "A green ring rises over a night blue background.",
    "a tiny white square falls on a dark green field",
    "a purple triangle grows in front of a grey wall",
    "a pink disc bounces up and down on a sky blue background",
    "an orange box stands still on a gray background",
    "a yellow star moves in a circle, black backdrop",
    "a huge crimson sphere shrinks on a light blue canvas",
    "a yellow hoop slides left across a navy background",
    "a red circle moves right and a blue square moves left on a sand background",
    "a green star spins while a white ball bounces on a black background",
    "a pink triangle falls and an orange ring grows on a dark green background",
    "a purple ball orbits and a yellow box stands still on a sky blue background",
)


@torch.no_grad()
def sample(
    model: CleanWanTransformer,
    text_encoder: TextEncoder,
    prompts: Sequence[str],
    steps: int = 30,
    guidance: float = 3.0,
    seed: int = 0,
    shift: float = 3.0,
    own_levels: Sequence[float] = (),
) -> Tensor:
    """Whitened latents (prompts, z, 5, 8, 8) by Euler steps with guidance; each prompt has noise of its own seed.

    `shift` is the noise schedule's, in `model.json` as `flow_shift`; `own_levels` take the place of `steps` and it: a
    student's, which falls from 1 to the last one above 0. At a guidance of 1 there is no unconditional pass.
    """
    side = 8
    text, passes = text_encoder.tokens(prompts), 1 if guidance == 1 else 2
    if passes == 2:
        text = torch.cat([text, text_encoder.tokens([""]).expand(len(prompts), -1, -1)])
    shape = (model.config.in_channels, 5, side, side)
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(seed + i)) for i in range(len(prompts))]
    latents = torch.stack(noise)
    levels = torch.tensor([*own_levels, 0.0]) if own_levels else sigmas(steps, shift)
    for level, following in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        timestep = torch.full((passes * len(prompts),), 1000 * level)
        with autocast(torch.device("cpu")):
            velocity = model(latents.repeat(passes, 1, 1, 1, 1), timestep, text, return_dict=False)[0].float()
        if passes == 2:
            asked, free = velocity.chunk(2)
            velocity = free + guidance * (asked - free)
        latents = latents + (following - level) * velocity
    return latents


@torch.no_grad()
def decode(autoencoder: ShapesAutoencoder, latents: Tensor, given: bool = False) -> Tensor:
    """uint8 video (n, f, h, w, 3) from whitened latents, whose first one may be that of a `given` picture."""
    video = autoencoder.decode(autoencoder.raw(latents), return_dict=False, given=given)[0]
    return ((video + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 4, 1)


def sheet(videos: Tensor, frames: Sequence[int] = (0, 3, 6, 9, 12, 16), columns: int = 2) -> Image.Image:
    """Some frames of each video in a row, videos below each other in columns."""
    rows = [torch.cat([video[frame] for frame in frames], dim=1) for video in videos]
    rows += [torch.zeros_like(rows[0])] * (-len(rows) % columns)
    tall = len(rows) // columns
    stacks = [torch.cat(rows[column * tall : (column + 1) * tall]) for column in range(columns)]
    return Image.fromarray(torch.cat(stacks, dim=1).numpy())


def main(arguments: Sequence[str] | None = None) -> None:
    """Sample the prompts and write the sheet."""
    parser = argparse.ArgumentParser(prog="python -m app.embedded.checker.sample", description=__doc__)
    parser.add_argument("prompts", nargs="*", default=list(PROMPTS))
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--out", type=Path, default=Path("sheet.png"))
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shift", type=float, help="of the noise schedule; unset: what the model was trained with")
    asked = parser.parse_args(arguments)
    model, autoencoder = (
        read_transformer(asked.weights / "transformer"),
        drawing_autoencoder(asked.weights),
    )
    shift = asked.shift or json.loads((asked.weights / "model.json").read_text())["flow_shift"]
    latents = sample(model, TextEncoder.load(), asked.prompts, asked.steps, asked.guidance, asked.seed, shift)
    sheet(decode(autoencoder, latents)).save(asked.out)


if __name__ == "__main__":
    main()
