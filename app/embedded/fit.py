"""Fitting the autoencoder: principal components in closed form, then a cleaning network that undoes their blur."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from app.embedded.autoencoder import TIME, LinearAutoencoder
from app.embedded.precision import autocast
from app.embedded.recipe import Budget
from app.embedded.scenes import draw_asks, place
from app.embedded.world import render

LOUDEST = 2.0
"""Deviation of the loudest channel after whitening."""
MAX_NOISE = 0.5
"""Largest deviation of the noise in the cleaning network's lessons, as a share of each channel's own."""

Tell = Callable[[float, str], None]
"""Told the share of the work done and how it goes."""


def clips(count: int, picture: int, seed: int, two_share: float = 0.5) -> Tensor:
    """Freshly drawn training clips: float (count, 3, 17, picture, picture) in -1..1."""
    return to_float(render(place(draw_asks(count, two_share, Random(seed)), seed), picture))


def to_float(video: Tensor) -> Tensor:
    """uint8 video (n, f, h, w, 3) as float (n, 3, f, h, w) in -1..1."""
    return video.permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1)


def fit_linear(
    channels: int, picture: int, spatial: int, seed: int, whitening: float, count: int = 384
) -> LinearAutoencoder:
    """The autoencoder whose linear part is the principal components of `count` clips; its cleaner is untrained.

    `whitening` is the power of a channel's deviation that it is divided by: 1 makes all channels equally loud, 0 leaves
    them as they are in pixels. In between, noise hides fine channels long before coarse ones, as it does in pixels, so
    that a denoiser settles what is where before it draws edges.
    """
    size = 3 * TIME * spatial**2
    bare = LinearAutoencoder(z_dim=1, scale_factor_spatial=spatial, width=4)
    total, moment, seen = torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64), 0
    for part in range(0, count, 32):
        patches = bare.patches(clips(32, picture, seed + part)).flatten(0, 3)  # (p, patch)
        total += patches.sum(0)
        moment += patches.T @ patches
        seen += len(patches)
    mean = total / seen
    values, vectors = torch.linalg.eigh((moment / seen - torch.outer(mean, mean)).float())
    deviations = values.flip(0)[:channels].clamp(min=0).sqrt()
    scale = deviations[0] ** (1 - whitening) / LOUDEST
    autoencoder: LinearAutoencoder = LinearAutoencoder(
        z_dim=channels,
        scale_factor_spatial=spatial,
        latents_mean=(0.0,) * channels,
        latents_std=tuple((deviations**whitening * scale).tolist()),
    )
    autoencoder.set_basis(mean.float(), vectors.flip(1)[:, :channels].T.contiguous())
    return autoencoder


def train_cleaner(autoencoder: LinearAutoencoder, picture: int, budget: Budget, seed: int, tell: Tell) -> float:
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


def noise_deviation(raw: Tensor) -> Tensor:
    """Deviation (1, z, 1, 1, 1) of noise like a denoiser's errors in raw latents: loud channels are guessed well."""
    spread = raw.std(dim=(0, 2, 3, 4))
    return spread.clamp(max=6 * spread.min().item()).view(1, -1, 1, 1, 1)


def _lesson(autoencoder: LinearAutoencoder, video: Tensor) -> Tensor:
    """The cleaner's loss on clips (b, 3, f, h, w), each with its own amount of noise on the latents."""
    with torch.no_grad():
        raw = autoencoder.encode(video)
        deviation = noise_deviation(raw)
        amount = MAX_NOISE * torch.rand(len(video), 1, 1, 1, 1) ** 1.5
        rough = autoencoder.inverse(_faded(raw) + torch.randn_like(raw) * deviation * amount)
        wanted = torch.cat([video[:, :, :1].expand(-1, -1, TIME - 1, -1, -1), video], dim=2)
        wanted = wanted.view(rough.transpose(1, 2).shape).transpose(1, 2)  # (b, F, 3, 4, h, w)
    with autocast(torch.device("cpu")):
        drawn = autoencoder.clean(rough)
    error: Tensor = (drawn.float() - wanted).abs().mean()
    return error


def _faded(raw: Tensor) -> Tensor:
    """Half of the latents with their finest components weakened, as a denoiser in doubt leaves them: blurred."""
    channels = raw.shape[1]
    first = torch.randint(channels // 4, 2 * channels, (len(raw), 1))
    weakened = torch.arange(channels) >= first  # (b, z)
    keep = torch.where(weakened, torch.rand(len(raw), 1), 1.0)
    return raw * keep.view(len(raw), channels, 1, 1, 1)


@torch.no_grad()
def psnr(autoencoder: LinearAutoencoder, picture: int, noise: float, seed: int = 7, linear: bool = False) -> float:
    """Peak signal-to-noise ratio in dB of fresh clips after encoding, whitened noise and decoding."""
    video = clips(24, picture, seed)
    raw = autoencoder.encode(video)
    torch.manual_seed(seed)
    raw = raw + torch.randn_like(raw) * noise_deviation(raw) * noise
    if linear:
        drawn = autoencoder.inverse(raw).transpose(1, 2).flatten(2, 3)[:, :, TIME - 1 :]
    else:
        drawn = autoencoder.decode(raw, return_dict=False)[0]
    return (10 * torch.log10(4 / (drawn - video).square().mean())).item()


def save(autoencoder: LinearAutoencoder, folder: Path) -> None:
    """Write the autoencoder as bf16-free float16 safetensors with its configuration."""
    autoencoder.half().save_pretrained(folder)
    autoencoder.float()
