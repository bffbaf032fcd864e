"""Fitting the autoencoder: components in closed form, then the press to few channels, then the cleaner of edges."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.layers import TIME, part
from app.embedded.precision import autocast
from app.embedded.training.muon import optimizers, step_all
from app.embedded.training.recipe import Budget
from app.embedded.world.scenes import NEWS, draw_asks, place
from app.embedded.world.world import render

MAX_NOISE = 0.4
"""Largest deviation of the noise on whitened latents while the networks learn."""
_POOL, _POOL_STEPS = 256, 300  # clips drawn at a time, steps they serve for
_CELLS = 1536  # cells in a step, beside a sixteenth as many empty ones

Tell = Callable[[float, str], None]
"""Told the share of the work done and how it goes."""


def clips(count: int, picture: int, seed: int) -> Tensor:
    """Freshly drawn training clips: float (count, 3, 17, picture, picture) in -1..1; half are off the lattice."""
    asks = draw_asks(count, NEWS, Random(seed))
    scenes = [*place(asks[: count // 2], seed), *place(asks[count // 2 :], seed + 1, loose=True)]
    return to_float(render(scenes, picture))


def to_float(video: Tensor) -> Tensor:
    """uint8 video (n, f, h, w, 3) as float (n, 3, f, h, w) in -1..1."""
    return video.permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1)


def fit_linear(
    channels: int, components: int, picture: int, spatial: int, seed: int, count: int = 384
) -> ShapesAutoencoder:
    """The autoencoder whose components are those of the covers in `count` clips; its networks are untrained."""
    size = TIME * spatial**2
    total, moment, seen = torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64), 0
    for start in range(0, count, 32):
        cover = part(clips(32, picture, seed + start), spatial).cover.flatten(0, 3)  # (cells, 4 S S)
        total += cover.sum(0)
        moment += cover.T @ cover
        seen += len(cover)
    mean = total / seen
    values, vectors = torch.linalg.eigh((moment / seen - torch.outer(mean, mean)).float())
    torch.manual_seed(seed)
    autoencoder: ShapesAutoencoder = ShapesAutoencoder(
        z_dim=channels,
        components=components,
        scale_factor_spatial=spatial,
        latents_mean=(0.0,) * channels,
        latents_std=(1.0,) * channels,
    )
    loudness = values.flip(0)[:components].clamp(min=1e-8).sqrt()
    autoencoder.set_basis(mean.float(), vectors.flip(1)[:, :components].T.contiguous(), loudness)
    return autoencoder


def train_press(
    autoencoder: ShapesAutoencoder, picture: int, budget: Budget, seed: int, tell: Tell, pool: int = _POOL
) -> float:
    """Teach the press and its inverse to keep the components in few channels; returns the last loss.

    The channels are brought to deviation 1 (over all cells, most of which are empty) and carry noise while learning, so
    that what is near in latents is near in pictures, and a denoiser's small errors stay small.
    """
    networks = nn.ModuleList([autoencoder.press, autoencoder.spread]).train().requires_grad_(True)
    both = optimizers(networks, rate=2e-3, muon_rate=4e-3)
    began, step, smooth = time.monotonic(), 0, 0.0
    while (done := budget.done(step, time.monotonic() - began)) < 1:
        if step % _POOL_STEPS == 0:
            drawn, empty, share = _cells(autoencoder, pool, picture, seed + step)
        torch.manual_seed(seed * 100_003 + step)
        given = torch.cat([drawn[torch.randint(len(drawn), (_CELLS,))], empty.expand(_CELLS // 16, -1)])
        raw = autoencoder.press.of_cells(given)
        mean, deviation = _moments(raw[:_CELLS], raw[-1], share)
        noise = torch.randn_like(raw) * MAX_NOISE * torch.rand(len(raw), 1)
        loss = (autoencoder.spread.of_cells((raw - mean) / (deviation + 1e-4) + noise) - given).square().mean()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(networks.parameters(), 1.0)
        step_all(both, min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * done)))
        smooth = loss.item() if step == 0 else 0.98 * smooth + 0.02 * loss.item()
        step += 1
        tell(done, f"step {step}, error {smooth / drawn.square().mean().item():.4f} of the components' variance")
    networks.eval().requires_grad_(False)
    _note_statistics(autoencoder, picture, seed + 7)
    return smooth


@torch.no_grad()
def _cells(autoencoder: ShapesAutoencoder, count: int, picture: int, seed: int) -> tuple[Tensor, Tensor, float]:
    """Half whitened components (cells, n) of all cells of fresh clips that hold something, (1, n) of an empty one, and
    the share of cells that hold something."""
    side, parts, cells = autoencoder.config.scale_factor_spatial, [], 0
    for first in range(0, count, 32):
        cover = part(clips(32, picture, seed * 1009 + first), side).cover.flatten(0, 3)
        parts.append(cover[cover.amax(1) > 0])
        cells += len(cover)
    held = torch.cat(parts)
    empty = torch.zeros(1, held.shape[1])
    found = autoencoder.components(torch.cat([held, empty])[None, None, None])[0, :, 0, 0].T  # (cells + 1, n)
    return found[:-1], found[-1:], len(held) / cells


def _moments(held: Tensor, empty: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Mean and deviation of channels over all cells, a `share` of them like `held` (m, z), the rest `empty` (z,)."""
    mean = share * held.mean(0) + (1 - share) * empty
    variance = share * (held - mean).square().mean(0) + (1 - share) * (empty - mean).square()
    return mean, variance.sqrt()


@torch.no_grad()
def _note_statistics(autoencoder: ShapesAutoencoder, picture: int, seed: int) -> None:
    """Write the channels' means and deviations over fresh clips into the configuration."""
    raw = torch.cat([autoencoder.encode(few) for few in torch.split(clips(256, picture, seed), 8)])
    means, deviations = raw.mean((0, 2, 3, 4)).tolist(), raw.std((0, 2, 3, 4)).tolist()
    autoencoder.register_to_config(latents_mean=tuple(means), latents_std=tuple(deviations))


def train_cleaner(autoencoder: ShapesAutoencoder, picture: int, budget: Budget, seed: int, tell: Tell) -> float:
    """Teach the cleaner to draw crisp covers from latents with noise on them; returns the last loss (cross entropy)."""
    cleaner = autoencoder.cleaner.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(cleaner.parameters(), lr=0.0, weight_decay=0.01)
    side = autoencoder.config.scale_factor_spatial
    began, step, smooth = time.monotonic(), 0, 0.0
    while (done := budget.done(step, time.monotonic() - began)) < 1:
        if step % 48 == 0:
            covers = part(clips(64, picture, seed + step), side).cover
        rate = 2e-3 * min(1, (step + 1) / 30) * (1 - done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(seed * 100_003 + step)
        loss = _lesson(autoencoder, covers[torch.randperm(len(covers))[:4]])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(cleaner.parameters(), 1.0)
        optimizer.step()
        smooth = loss.item() if step == 0 else 0.95 * smooth + 0.05 * loss.item()
        step += 1
        tell(done, f"step {step}, cross entropy {smooth:.4f}")
    cleaner.eval().requires_grad_(False)
    return smooth


def _lesson(autoencoder: ShapesAutoencoder, cover: Tensor) -> Tensor:
    """The cleaner's loss on covers (b, F, H, W, 4 S S), each clip with its own amount of noise on the latents."""
    with torch.no_grad():
        amount = MAX_NOISE * torch.rand(len(cover), 1, 1, 1, 1) ** 1.5
        rough = autoencoder.noised_cover(cover, amount)
    with autocast(torch.device("cpu")):
        drawn = autoencoder.clean(rough)
    return functional.binary_cross_entropy_with_logits(drawn.float(), cover)


@torch.no_grad()
def psnr(autoencoder: ShapesAutoencoder, picture: int, noise: float, seed: int = 7, rough: bool = False) -> float:
    """Peak signal-to-noise ratio in dB of fresh clips' covers after encoding, noise on the latents and decoding."""
    cover = part(clips(24, picture, seed), autoencoder.config.scale_factor_spatial).cover
    torch.manual_seed(seed)
    drawn = autoencoder.noised_cover(cover, torch.tensor(noise))
    drawn = drawn.clamp(0, 1) if rough else torch.sigmoid(autoencoder.clean(drawn))
    return (-10 * torch.log10((drawn - cover).square().mean())).item()


def save(autoencoder: ShapesAutoencoder, folder: Path) -> None:
    """Write the autoencoder as bf16-free float16 safetensors with its configuration."""
    autoencoder.half().save_pretrained(folder)
    autoencoder.float()
