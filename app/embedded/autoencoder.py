"""The autoencoder: video to principal components, to a few channels and back, then a network that draws crisp edges."""

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

TIME = 4  # frames in a patch
_FOLD = 4  # side of the pixel blocks that the cleaning network sees as channels


class ShapesAutoencoder(ModelMixin, ConfigMixin):
    """Principal components of 4 x S x S space-time patches, pressed into `z_dim` channels by a small network.

    The first frame is taken four times, so that 17 frames make 5; each latent frame is made and drawn by itself, so the
    first 4 n + 1 frames are the first n + 1 latent frames. It has what diffusers' `WanPipeline` uses of its VAE.
    Latents are raw; `latents_mean` and `latents_std` whiten them.
    """

    @register_to_config
    def __init__(
        self,
        z_dim: int = 32,
        components: int = 192,
        scale_factor_spatial: int = 16,
        scale_factor_temporal: int = TIME,
        latents_mean: tuple[float, ...] = (),
        latents_std: tuple[float, ...] = (),
        press_width: int = 192,
        width: int = 96,
    ) -> None:
        super().__init__()
        size = 3 * TIME * scale_factor_spatial**2
        self.patch_mean = nn.Parameter(torch.zeros(size), requires_grad=False)
        self.basis = nn.Parameter(torch.zeros(components, size), requires_grad=False)
        self.loudness = nn.Parameter(torch.ones(components), requires_grad=False)  # deviation of each component
        self.press = Press(components, press_width, z_dim)
        self.spread = Press(z_dim, press_width, components)
        self.cleaner = Cleaner(width)

    def encode(self, video: Tensor) -> Tensor:
        """Raw latents (b, z, (f + 3) / 4, h / S, w / S) of a video (b, 3, f, h, w) in -1..1."""
        latents: Tensor = self.press(self.components(self.patches(video)))
        return latents

    def components(self, patches: Tensor) -> Tensor:
        """The principal components (b, n, F, H, W) of patches (b, F, H, W, patch), half whitened.

        Half: divided by the root of their deviation, so that fine ones count for more than in pixels, and not for as
        much as coarse ones.
        """
        found = (patches.to(self.basis.dtype) - self.patch_mean) @ self.basis.T
        return (found / self.loudness.sqrt()).movedim(-1, 1)

    def whitened(self, latents: Tensor) -> Tensor:
        """Raw latents (b, z, F, H, W) brought to mean 0 and deviation 1."""
        mean, deviation = self._statistics(latents)
        return (latents - mean) / deviation

    def raw(self, whitened: Tensor) -> Tensor:
        """What `whitened` made of them, undone."""
        mean, deviation = self._statistics(whitened)
        return whitened * deviation + mean

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of raw latents, each (1, z, 1, 1, 1), of a kind with `like`."""
        known = self.config.latents_mean, self.config.latents_std
        mean, deviation = (
            torch.tensor(each, dtype=like.dtype, device=like.device).view(1, -1, 1, 1, 1) for each in known
        )
        return mean, deviation

    def patches(self, video: Tensor) -> Tensor:
        """A video (b, 3, f, h, w) as flat space-time patches (b, F, H, W, 3 * 4 * S * S)."""
        video = torch.cat([video[:, :, :1].expand(-1, -1, TIME - 1, -1, -1), video], dim=2)
        side = self.config.scale_factor_spatial
        b, c, f, h, w = video.shape
        blocks = video.reshape(b, c, f // TIME, TIME, h // side, side, w // side, side)
        return blocks.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)  # (b, F, H, W, 3 4 S S)

    def inverse(self, components: Tensor) -> Tensor:
        """The pixels of half whitened components (b, n, F, H, W): (b, F, 3, 4, h, w), groups of four frames."""
        side = self.config.scale_factor_spatial
        patches = (
            components.movedim(1, -1) * self.loudness.sqrt()
        ) @ self.basis + self.patch_mean  # (b, F, H, W, patch)
        blocks = patches.view(*patches.shape[:4], 3, TIME, side, side)  # (b, F, H, W, 3, 4, S, S)
        return blocks.permute(0, 1, 4, 5, 2, 6, 3, 7).flatten(6).flatten(4, 5)

    def decode(self, latents: Tensor, return_dict: bool = True) -> DecoderOutput | tuple[Tensor]:
        """The video (b, 3, 4 F - 3, h, w) in -1..1 behind raw latents (b, z, F, H, W)."""
        groups = self.clean(self.inverse(self.spread(self.whitened(latents))))
        video = groups.transpose(1, 2).flatten(2, 3)[:, :, TIME - 1 :].clamp(-1, 1)
        return DecoderOutput(sample=video) if return_dict else (video,)

    def clean(self, groups: Tensor) -> Tensor:
        """Rough groups of frames (b, F, 3, 4, h, w) made crisp, same shape; each group by itself."""
        folded = functional.pixel_unshuffle(groups.flatten(0, 1).flatten(1, 2), _FOLD)  # (b F, 192, h/4, w/4)
        mended = folded + self.cleaner(folded)
        return functional.pixel_shuffle(mended, _FOLD).view(groups.shape)

    @torch.no_grad()
    def set_basis(self, mean: Tensor, basis: Tensor, loudness: Tensor) -> None:
        """Take the patch mean (patch,), the components (n, patch) of a fit and their deviations (n,)."""
        self.patch_mean.copy_(mean)
        self.basis.copy_(basis)
        self.loudness.copy_(loudness)


class Press(nn.Module):
    """A small network on the grid of patches, each latent frame by itself: many channels to few, or few to many."""

    def __init__(self, given: int, width: int, wanted: int, blocks: int = 2) -> None:
        super().__init__()
        self.into = nn.Linear(given, width)
        self.blocks = nn.Sequential(*(Mixer(width) for _ in range(blocks)))
        self.out = nn.Linear(width, wanted)

    def forward(self, x: Tensor) -> Tensor:
        """(b, given, F, H, W) to (b, wanted, F, H, W)."""
        frames = x.permute(0, 2, 3, 4, 1).flatten(0, 1)  # (b F, H, W, given)
        answer: Tensor = self.out(self.blocks(self.into(frames)))
        return answer.reshape(x.shape[0], x.shape[2], *answer.shape[1:]).permute(0, 4, 1, 2, 3)


class Mixer(nn.Module):
    """A residual look at the neighbours (depthwise 3 x 3) and a pointwise network of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.rise, self.fall = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, H, W, width) to the same."""
        near = self.look(x.movedim(-1, 1)).movedim(1, -1)
        near = functional.rms_norm(near, near.shape[-1:], eps=1e-6)  # by itself at every place
        mixed: Tensor = self.fall(functional.gelu(self.rise(near), approximate="tanh"))
        return x + mixed


class Cleaner(nn.Module):
    """A two-level convolutional network on folded pixels: four frames of 4 x 4 blocks as 192 channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = 3 * TIME * _FOLD * _FOLD
        self.into = nn.Conv2d(channels, width, 1)
        self.fine_in = Block(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.coarse = nn.Sequential(Block(2 * width), Block(2 * width))
        self.up = nn.Conv2d(2 * width, 4 * width, 1)
        self.fine_out = nn.Sequential(Block(width), Block(width))
        self.out = nn.Conv2d(width, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias if self.out.bias is not None else self.out.weight)

    def forward(self, folded: Tensor) -> Tensor:
        """What to add to folded frames (b, 192, h, w); h and w even."""
        fine = self.fine_in(self.into(folded))
        coarse = self.coarse(self.down(fine))
        fine = fine + functional.pixel_shuffle(self.up(coarse), 2)
        answer: Tensor = self.out(self.fine_out(fine))
        return answer


class Block(nn.Module):
    """A residual 3 x 3 and a pointwise convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(width, width, 3, padding=1)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, width, h, w) to the same."""
        mixed: Tensor = self.mix(functional.silu(self.spread(x)))
        return x + mixed
