"""Fitting the autoencoder: components in closed form, then the press to few channels, then the cleaner of edges."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn

from app.embedded.autoencoder import TIME, ShapesAutoencoder
from app.embedded.muon import optimizers, step_all
from app.embedded.precision import autocast
from app.embedded.recipe import Budget
from app.embedded.scenes import draw_asks, place
from app.embedded.world import render

MAX_NOISE = 0.3
"""Largest deviation of the noise on whitened latents while the networks learn."""
_POOL, _POOL_STEPS, _BATCH = 512, 150, 32  # clips drawn at a time, steps they serve for, clips in a step

Tell = Callable[[float, str], None]
"""Told the share of the work done and how it goes."""


def clips(count: int, picture: int, seed: int, two_share: float = 0.5) -> Tensor:
    """Freshly drawn training clips: float (count, 3, 17, picture, picture) in -1..1."""
    return to_float(render(place(draw_asks(count, two_share, Random(seed)), seed), picture))


def to_float(video: Tensor) -> Tensor:
    """uint8 video (n, f, h, w, 3) as float (n, 3, f, h, w) in -1..1."""
    return video.permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1)


def fit_linear(
    channels: int, components: int, picture: int, spatial: int, seed: int, count: int = 384
) -> ShapesAutoencoder:
    """The autoencoder whose components are those of `count` clips; its networks are untrained."""
    size = 3 * TIME * spatial**2
    bare = ShapesAutoencoder(z_dim=1, components=1, scale_factor_spatial=spatial, press_width=4, width=4)
    total, moment, seen = torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64), 0
    for part in range(0, count, 32):
        patches = bare.patches(clips(32, picture, seed + part)).flatten(0, 3)  # (p, patch)
        total += patches.sum(0)
        moment += patches.T @ patches
        seen += len(patches)
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

    The channels are brought to deviation 1 and carry noise while learning, so that what is near in latents is near in
    pictures, and a denoiser's small errors stay small. Their statistics go into the configuration.
    """
    networks = nn.ModuleList([autoencoder.press, autoencoder.spread]).train().requires_grad_(True)
    both = optimizers(networks, rate=2e-3, muon_rate=4e-3)
    began, step, smooth = time.monotonic(), 0, 0.0
    while (done := budget.done(step, time.monotonic() - began)) < 1:
        if step % _POOL_STEPS == 0:
            drawn = _components(autoencoder, pool, picture, seed + step)
        torch.manual_seed(seed * 100_003 + step)
        given = drawn[torch.randint(len(drawn), (_BATCH,))]
        raw = autoencoder.press(given)
        mean, deviation = raw.mean((0, 2, 3, 4), keepdim=True), raw.std((0, 2, 3, 4), keepdim=True)
        noise = torch.randn_like(raw) * MAX_NOISE * torch.rand(_BATCH, 1, 1, 1, 1)
        loss = (autoencoder.spread((raw - mean) / (deviation + 1e-4) + noise) - given).square().mean()
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
def _components(autoencoder: ShapesAutoencoder, count: int, picture: int, seed: int) -> Tensor:
    """Half whitened components (count, n, F, H, W) of freshly drawn clips."""
    parts = []
    for first in range(0, count, 32):
        video = clips(32, picture, seed * 1009 + first)
        parts += [autoencoder.components(autoencoder.patches(few)) for few in torch.split(video, 8)]
    return torch.cat(parts)


@torch.no_grad()
def _note_statistics(autoencoder: ShapesAutoencoder, picture: int, seed: int) -> None:
    """Write the channels' means and deviations over fresh clips into the configuration."""
    raw = autoencoder.press(_components(autoencoder, 256, picture, seed))
    means, deviations = raw.mean((0, 2, 3, 4)).tolist(), raw.std((0, 2, 3, 4)).tolist()
    autoencoder.register_to_config(latents_mean=tuple(means), latents_std=tuple(deviations))


def train_cleaner(autoencoder: ShapesAutoencoder, picture: int, budget: Budget, seed: int, tell: Tell) -> float:
    """Teach the cleaner to draw crisp frames from latents with noise on them; returns the last loss (mean |error|)."""
    cleaner = autoencoder.cleaner.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(cleaner.parameters(), lr=0.0, weight_decay=0.01)
    began, step, smooth = time.monotonic(), 0, 0.0
    video = clips(64, picture, seed)
    while (done := budget.done(step, time.monotonic() - began)) < 1:
        if step % 48 == 47:
            video = clips(64, picture, seed + step)
        rate = 2e-3 * min(1, (step + 1) / 30) * (1 - done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(seed * 100_003 + step)
        loss = _lesson(autoencoder, video[torch.randperm(len(video))[:4]])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(cleaner.parameters(), 1.0)
        optimizer.step()
        smooth = loss.item() if step == 0 else 0.95 * smooth + 0.05 * loss.item()
        step += 1
        tell(done, f"step {step}, mean |error| {smooth:.4f}")
    cleaner.eval()
    return smooth


def _lesson(autoencoder: ShapesAutoencoder, video: Tensor) -> Tensor:
    """The cleaner's loss on clips (b, 3, f, h, w), each with its own amount of noise on the latents."""
    with torch.no_grad():
        latents = autoencoder.whitened(autoencoder.encode(video))
        amount = MAX_NOISE * torch.rand(len(video), 1, 1, 1, 1) ** 1.5
        rough = autoencoder.inverse(autoencoder.spread(latents + torch.randn_like(latents) * amount))
        wanted = torch.cat([video[:, :, :1].expand(-1, -1, TIME - 1, -1, -1), video], dim=2)
        wanted = wanted.view(rough.transpose(1, 2).shape).transpose(1, 2)  # (b, F, 3, 4, h, w)
    with autocast(torch.device("cpu")):
        drawn = autoencoder.clean(rough)
    error: Tensor = (drawn.float() - wanted).abs().mean()
    return error


@torch.no_grad()
def psnr(autoencoder: ShapesAutoencoder, picture: int, noise: float, seed: int = 7, rough: bool = False) -> float:
    """Peak signal-to-noise ratio in dB of fresh clips after encoding, noise on the latents and decoding."""
    video = clips(24, picture, seed)
    latents = autoencoder.whitened(autoencoder.encode(video))
    torch.manual_seed(seed)
    groups = autoencoder.inverse(autoencoder.spread(latents + torch.randn_like(latents) * noise))
    drawn = groups if rough else autoencoder.clean(groups)
    drawn = drawn.transpose(1, 2).flatten(2, 3)[:, :, TIME - 1 :].clamp(-1, 1)
    return (10 * torch.log10(4 / (drawn - video).square().mean())).item()


def save(autoencoder: ShapesAutoencoder, folder: Path) -> None:
    """Write the autoencoder as bf16-free float16 safetensors with its configuration."""
    autoencoder.half().save_pretrained(folder)
    autoencoder.float()
