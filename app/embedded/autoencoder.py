"""The autoencoder: video to layers, their cover to a few numbers and back, then a network that draws crisp edges."""

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from app.embedded.cleaner import FOLD, Cleaner, Redrawer
from app.embedded.layers import TIME, Layers, blend, evened, from_cells, part, to_cells

PAINTS = 6  # channels that are colours: the ground's three, then those of what stands in front
_STEEP = 8.0  # how sure a rough cover is, in logits for each unit away from a half


class ShapesAutoencoder(ModelMixin, ConfigMixin):
    """Colours as they are, and the cover's principal components pressed into the other channels by a small network.

    Latents are (b, z, F, H, W), a cell of S x S pixels and four frames at each place: three channels for the ground,
    three for the colour in front, the rest a code for where it covers what. The first frame is taken four times, so
    that 17 frames make 5; each latent frame is made by itself, and drawn by itself but for its colours, on which the
    whole clip agrees, and for what a redrawer sees in the others. It has what diffusers' `WanPipeline` uses of its VAE.
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
        press_width: int = 256,
        width: int = 64,
    ) -> None:
        super().__init__()
        size = TIME * scale_factor_spatial**2
        self.cover_mean = nn.Parameter(torch.zeros(size), requires_grad=False)
        self.basis = nn.Parameter(torch.zeros(components, size), requires_grad=False)
        self.loudness = nn.Parameter(torch.ones(components), requires_grad=False)  # deviation of each component
        self.press = Press(components, press_width, z_dim - PAINTS)
        self.spread = Press(z_dim - PAINTS, press_width, components)
        self.cleaner = Cleaner(width)
        self.redrawer: Redrawer | None = None
        """What cleans instead, once it is put here: it has weights and a file of its own, and no part in `encode`."""

    def encode(self, video: Tensor) -> Tensor:
        """Raw latents (b, z, (f + 3) / 4, h / S, w / S) of a video (b, 3, f, h, w) in -1..1."""
        layers = part(video, self.config.scale_factor_spatial)
        ground = layers.ground[..., None, None].expand_as(layers.colour)
        return torch.cat([ground, layers.colour, self.press(self.components(layers.cover))], dim=1)

    def components(self, cover: Tensor) -> Tensor:
        """The principal components (b, n, F, H, W) of covers (b, F, H, W, 4 S S), half whitened.

        Half: divided by the root of their deviation, so that fine ones count for more than in pixels, and not for as
        much as coarse ones.
        """
        found = (cover.to(self.basis.dtype) - self.cover_mean) @ self.basis.T
        return (found / self.loudness.sqrt()).movedim(-1, 1)

    def rough_cover(self, components: Tensor) -> Tensor:
        """The cover (b, F, H, W, 4 S S) that half whitened components (b, n, F, H, W) tell of: about 0..1, blurred."""
        cover: Tensor = (components.movedim(1, -1) * self.loudness.sqrt()) @ self.basis + self.cover_mean
        return cover

    def noised_cover(self, cover: Tensor, amount: Tensor) -> Tensor:
        """The rough cover behind the latents of `cover` with noise of deviation `amount` on them, whitened."""
        mean, deviation = (each[:, PAINTS:] for each in self._statistics(cover))
        code = (self.press(self.components(cover)) - mean) / deviation
        return self.rough_cover(self.spread(code + torch.randn_like(code) * amount))

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

    def decode(self, latents: Tensor, return_dict: bool = True, given: bool = False) -> DecoderOutput | tuple[Tensor]:
        """The video (b, 3, 4 F - 3, h, w) in -1..1 behind raw latents (b, z, F, H, W).

        `given`: the first frame is that of a picture, so that there is nothing in it to be mended.
        """
        ground = latents[:, :3].mean((2, 3, 4), keepdim=True)[..., 0, 0].expand(-1, -1, latents.shape[2])
        colour = latents[:, 3:PAINTS]
        rough = self.rough_cover(self.spread(self.whitened(latents)[:, PAINTS:]))
        cover = torch.sigmoid(self.clean(rough, given))
        layers = Layers(ground, evened(colour, cover.sum(-1)), cover)
        video = blend(layers, self.config.scale_factor_spatial)
        return DecoderOutput(sample=video) if return_dict else (video,)

    def clean(self, rough: Tensor, given: bool = False) -> Tensor:
        """Logits of the crisp cover (b, F, H, W, 4 S S) behind a rough one.

        Each group of frames by itself, unless there is a redrawer, which sees the whole clip; where the first group is
        `given`, that one is by itself all the same.
        """
        side = self.config.scale_factor_spatial
        frames = from_cells(rough[:, None], side).squeeze(1)  # (b, 4 F, h, w)
        groups = functional.pixel_unshuffle(frames.reshape(-1, TIME, *frames.shape[2:]), FOLD)  # (b F, 64, h/4, w/4)
        cleaner = self.cleaner if self.redrawer is None else self.redrawer
        drawn = cleaner(groups, len(rough))
        if given and self.redrawer is not None:
            each = len(groups) // len(rough)  # groups of a clip
            drawn[::each] = self.cleaner(groups[::each])
        logits = _STEEP * (groups - 0.5) + drawn
        return to_cells(functional.pixel_shuffle(logits, FOLD).view(frames.shape)[:, None], side).squeeze(1)

    @torch.no_grad()
    def set_basis(self, mean: Tensor, basis: Tensor, loudness: Tensor) -> None:
        """Take the mean cover (4 S S,), the components (n, 4 S S) of a fit and their deviations (n,)."""
        self.cover_mean.copy_(mean)
        self.basis.copy_(basis)
        self.loudness.copy_(loudness)


class Press(nn.Module):
    """A small network at each cell by itself: many channels to few, or few to many.

    A code says only what is in its own cell, so every empty cell has the same, and a shape that moves by a cell has the
    same codes one cell further.
    """

    def __init__(self, given: int, width: int, wanted: int, blocks: int = 2) -> None:
        super().__init__()
        self.into = nn.Linear(given, width)
        self.blocks = nn.Sequential(*(Mixer(width) for _ in range(blocks)))
        self.out = nn.Linear(width, wanted)

    def forward(self, x: Tensor) -> Tensor:
        """(b, given, F, H, W) to (b, wanted, F, H, W)."""
        answer: Tensor = self.of_cells(x.movedim(1, -1)).movedim(-1, 1)
        return answer

    def of_cells(self, cells: Tensor) -> Tensor:
        """(..., given) to (..., wanted)."""
        answer: Tensor = self.out(self.blocks(self.into(cells)))
        return answer


class Mixer(nn.Module):
    """A residual pointwise network of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rise, self.fall = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same."""
        even = functional.rms_norm(x, x.shape[-1:], eps=1e-6)
        mixed: Tensor = self.fall(functional.gelu(self.rise(even), approximate="tanh"))
        return x + mixed
