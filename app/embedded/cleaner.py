"""The networks that draw crisp covers from rough ones: the last learned part of a video's way from latent to pixels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.embedded.layers import TIME

FOLD = 4
"""Side of the pixel blocks that they see as channels."""


class Cleaner(nn.Module):
    """A two-level convolutional network on folded covers: four frames of 4 x 4 blocks as 64 channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = TIME * FOLD * FOLD
        self.into = nn.Conv2d(channels, width, 1)
        self.fine_in = Block(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.coarse = nn.Sequential(Block(2 * width), Block(2 * width))
        self.up = nn.Conv2d(2 * width, 4 * width, 1)
        self.fine_out = nn.Sequential(Block(width), Block(width))
        self.out = nn.Conv2d(width, channels, 1)
        _silence(self.out)

    def forward(self, folded: Tensor, clips: int = 1) -> Tensor:
        """What to add to folded logits (b F, 64, h, w) of so many clips b; h and w even."""
        fine = self.fine_in(self.into(folded))
        coarse = self.seen_together(self.coarse(self.down(fine)), clips)
        fine = fine + functional.pixel_shuffle(self.up(coarse), 2)
        answer: Tensor = self.out(self.fine_out(fine))
        return answer

    def seen_together(self, coarse: Tensor, clips: int) -> Tensor:
        """Coarse features (b F, 2 w, h / 2, w / 2): here each group of frames goes by itself."""
        return coarse


class Redrawer(Cleaner):
    """A cleaner that has learned from what a denoiser makes, and sees the whole clip.

    Where a denoiser leaves a shape in pieces, its other frames still tell what shape it is: at the coarse level each
    place sees itself in the groups before and behind, and what is anywhere in the clip.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width)
        wide = 2 * width
        self.along = nn.Conv1d(wide, wide, 3, padding=1)
        self.gather = nn.Linear(2 * wide, wide)
        self.tell = nn.Linear(wide, wide)
        self.after = nn.Sequential(Block(wide), Block(wide))
        for last in (self.along, self.tell, *(block.mix for block in self.after if isinstance(block, Block))):
            _silence(last)  # so that it begins as the cleaner whose weights it takes

    def seen_together(self, coarse: Tensor, clips: int) -> Tensor:
        """Coarse features (b F, 2 w, h / 2, w / 2) that know of the rest of their clips, of which there are b."""
        _, width, h, w = coarse.shape
        clip = coarse.view(clips, -1, width, h, w)
        groups = clip.shape[1]
        anywhere = torch.cat([clip.mean((1, 3, 4)), clip.amax((1, 3, 4))], dim=1)
        told: Tensor = self.tell(functional.silu(self.gather(anywhere)))  # (b, 2 w)
        places = clip.permute(0, 3, 4, 2, 1).reshape(-1, width, groups)
        along = self.along(functional.silu(places)).view(clips, h, w, width, groups).permute(0, 4, 3, 1, 2)
        mixed: Tensor = self.after((clip + along + told[:, None, :, None, None]).reshape(coarse.shape))
        return mixed


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


def _silence(layer: nn.Module) -> None:
    """Have a layer answer 0 until it learns otherwise."""
    for weights in layer.parameters():
        nn.init.zeros_(weights)
