"""Teaching the upscaler: frames drawn small, and as the autoencoder leaves them, to the same frames drawn larger."""

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import torch
from rich.console import Console
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.load import read_autoencoder
from app.embedded.profile import UPSCALER_FOLDER, WEIGHTS
from app.embedded.training.fit import to_float
from app.embedded.upscaler import Upscaler
from app.embedded.world.scenes import NEWS, draw_asks, place
from app.embedded.world.world import render


@dataclass(frozen=True)
class UpscalerRecipe:
    """Every number of the training. `soft`: the share of frames that went through the autoencoder first.

    `again`: crops of each batch that are enlarged twice, held to those drawn four times as large.
    """

    seed: int = 0
    side: int = 128
    width: int = 24
    blocks: int = 3
    steps: int = 6000
    batch: int = 12
    crop: int = 32
    clips: int = 32
    pool_steps: int = 250
    soft: float = 0.3
    rate: float = 2e-3
    edge_weight: float = 8.0
    again: int = 3


@dataclass(frozen=True)
class Frames:
    """Frames of the same moments, uint8 (n, 3, side, side): as drawn or decoded, twice and four times as large."""

    small: Tensor
    double: Tensor
    fourfold: Tensor


@torch.no_grad()
def draw(autoencoder: ShapesAutoencoder, recipe: UpscalerRecipe, seed: int) -> Frames:
    """Two frames of each of `recipe.clips` training clips; half of the clips are off the lattice."""
    asks = draw_asks(recipe.clips, NEWS, Random(seed))
    half = recipe.clips // 2
    scenes = [*place(asks[:half], seed), *place(asks[half:], seed + 1, loose=True)]
    rng, found = Random(seed), list[tuple[Tensor, Tensor, Tensor]]()
    for scene in scenes:
        video = render([scene], recipe.side)
        if rng.random() < recipe.soft:
            video = _redrawn(autoencoder, video)
        times = rng.sample(range(video.shape[1]), 2)
        double, fourfold = (render([scene], factor * recipe.side)[0, times] for factor in (2, 4))
        found.append((video[0, times], double, fourfold))
    small, double, fourfold = (torch.cat(each).permute(0, 3, 1, 2).contiguous() for each in zip(*found, strict=True))
    return Frames(small, double, fourfold)


def _redrawn(autoencoder: ShapesAutoencoder, video: Tensor) -> Tensor:
    """uint8 video (1, f, h, w, 3) as the autoencoder gives it back."""
    decoded = autoencoder.decode(autoencoder.encode(to_float(video)), return_dict=False)[0]
    again: Tensor = decoded.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 4, 1)
    return again


def batch_of(frames: Frames, recipe: UpscalerRecipe, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Crops in 0..1 of one size and place in all three: (b, 3, c, c), twice and four times that; half have an edge."""
    found = []
    for number in range(recipe.batch):
        chosen = int(torch.randint(len(frames.small), (1,), generator=generator))
        for _ in range(8):
            top, left = torch.randint(recipe.side - recipe.crop + 1, (2,), generator=generator).tolist()
            one = frames.small[chosen, :, top : top + recipe.crop, left : left + recipe.crop]
            if number % 8 == 0 or int(one.amax()) - int(one.amin()) and one.float().flatten(1).std(1).amax() > 10:
                break
        found.append((chosen, top, left))
    crops = (
        torch.stack(
            [
                whole[n, :, by * top : by * (top + recipe.crop), by * left : by * (left + recipe.crop)]
                for n, top, left in found
            ]
        ).float()
        / 255
        for by, whole in ((1, frames.small), (2, frames.double), (4, frames.fourfold))
    )
    small, double, fourfold = crops
    return small, double, fourfold


def error_of(made: Tensor, truth: Tensor, weight: float) -> Tensor:
    """Absolute error (nearly: smooth at 0), edges of the truth counted `1 + weight` times as much as flat places."""
    spread = functional.max_pool2d(truth, 5, 1, 2) + functional.max_pool2d(-truth, 5, 1, 2)
    weights = 1 + weight * (spread.amax(1, keepdim=True) > 24 / 255)
    return (weights * ((made - truth).square() + 1e-6).sqrt()).mean()


def train(autoencoder: ShapesAutoencoder, recipe: UpscalerRecipe, tell: Callable[[str], None]) -> Upscaler:
    """The network after `recipe.steps`; the same recipe gives the same one on the same machine; `tell` hears of it."""
    torch.manual_seed(recipe.seed)
    network = Upscaler(recipe.width, recipe.blocks)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-4)
    generator, began, told = torch.Generator().manual_seed(recipe.seed), time.monotonic(), 0.0
    frames = draw(autoencoder, recipe, recipe.seed)
    for step in range(recipe.steps):
        if step and step % recipe.pool_steps == 0:
            frames = draw(autoencoder, recipe, recipe.seed + step)
        done = step / recipe.steps
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * done))
        small, double, fourfold = batch_of(frames, recipe, generator)
        made = network(small)
        twice = network(made[: recipe.again].clamp(0, 1))
        error = error_of(made, double, recipe.edge_weight)
        error = error + error_of(twice, fourfold[: recipe.again], recipe.edge_weight)
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        told = error.item() if step == 0 else 0.98 * told + 0.02 * error.item()
        if (step + 1) % 250 == 0:
            tell(f"step {step + 1} of {recipe.steps}, error {told:.5f}, {time.monotonic() - began:.0f} s")
    return network.eval()


def export(network: Upscaler, recipe: UpscalerRecipe, folder: Path) -> None:
    """Write weights, sizes and recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), folder / "upscaler.safetensors")
    (folder / "config.json").write_text(json.dumps({"width": recipe.width, "blocks": recipe.blocks}, indent=2) + "\n")
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")


def main() -> None:
    """`python -m app.embedded.training.upscale`: about a quarter of an hour on one core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS / UPSCALER_FOLDER, help="where it is written to")
    parser.add_argument("--autoencoder", type=Path, default=WEIGHTS / "autoencoder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=UpscalerRecipe.steps)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = UpscalerRecipe(steps=asked.steps)
    console = Console()
    export(train(read_autoencoder(asked.autoencoder), recipe, console.print), recipe, asked.weights)


if __name__ == "__main__":
    main()
