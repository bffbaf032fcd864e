"""The checker's first look: which ground, which colours, and how much of each pixel every subject covers."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor

from app.embedded.checker.parts import split
from app.embedded.world import vocabulary as words

_NEAR = 75.0  # farthest from a palette colour that still counts as it, in sRGB levels (Euclidean)
_CLEAN = 45.0  # farther than this from every colour of the video is stray
_LEAST_SHARE = 0.0025  # of the picture, a frame on average: less is dirt, not a subject
_MOST_COLOURS = 4
_FAINT = 0.12  # a cover below this is noise
_PALETTE = torch.tensor(list(words.COLOURS.values()), dtype=torch.float32)  # (8, 3)


@dataclass(frozen=True)
class Layer:
    """One subject's share in every pixel: `cover` (frames, side, side) in 0..1, its shade (3,) as measured.

    `clear` (frames,) says in which frames it is seen and touches no other subject.
    """

    colour: str
    shade: Tensor
    cover: Tensor
    clear: Tensor


def ground_shade(pixels: Tensor) -> Tensor:
    """The ground's colour (3,): the median of the border, which subjects seldom reach."""
    edges = (pixels[:, :2], pixels[:, -2:], pixels[:, :, :2], pixels[:, :, -2:])
    return torch.cat([edge.reshape(-1, 3) for edge in edges]).median(0).values


def nearest_ground(shade: Tensor) -> str:
    """The word for a ground's colour (3,)."""
    return min(words.GROUNDS, key=lambda word: (torch.tensor(words.GROUNDS[word]) - shade).norm().item())


def find_layers(pixels: Tensor, ground: Tensor) -> list[Layer]:
    """The subjects of a video (frames, side, side, 3): one for each colour, more where a colour is in two places."""
    found = _find_colours(pixels, ground)
    if not found:
        return []
    cores = torch.stack([core for _, core, _ in found])
    nearest = _nearest([_off_segment(pixels, ground, shade) for _, _, shade in found])
    layers = []
    for index, (colour, core, shade) in enumerate(found):
        others = (cores.sum(0) - cores[index].int()) > 0
        mine = widened(core, _band(pixels, 4)) & ~others & ((nearest == index) | core)
        cover = torch.where(mine, _share(pixels, ground, shade), 0)
        cover = torch.where(cover < _FAINT, 0, cover)
        touched = (widened(others, _band(pixels, 2)) & core).flatten(1).any(1)
        for part in split(cover):
            layers.append(Layer(colour, shade, part, part.flatten(1).any(1) & ~touched))
    return layers


def stray_share(pixels: Tensor, ground: Tensor, layers: list[Layer]) -> float:
    """Share of a video's pixels that are neither a colour of the video nor within two pixels of a subject's edge."""
    shades = torch.stack([ground, *(layer.shade for layer in layers)])
    stray = _distances(pixels, shades).amin(-1) > _CLEAN
    for layer in layers:
        inside = layer.cover > 0.5
        stray &= ~(widened(inside, _band(pixels, 2)) & widened(~inside, _band(pixels, 2)))
    return stray.float().mean().item()


def _find_colours(pixels: Tensor, ground: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    """Colours in falling order of area: word, core (frames, side, side) of sure pixels, measured shade (3,)."""
    far, nearest = _distances(pixels, _PALETTE).min(-1)
    sure = (far < _NEAR) & (far < (pixels - ground).norm(dim=-1))
    least = _LEAST_SHARE * sure.numel()
    found: list[tuple[str, Tensor, Tensor]] = []
    while len(found) < _MOST_COLOURS:
        counts = nearest[sure].bincount(minlength=len(_PALETTE))
        if counts.max() < least:
            break
        index = int(counts.argmax())
        core = sure & (nearest == index)
        shade = _full_shade(pixels[core], ground)
        found.append((list(words.COLOURS)[index], core, shade))
        mixed = widened(core, _band(pixels, 4)) & (_off_segment(pixels, ground, shade) < _NEAR)
        sure = sure & ~mixed & ~widened(core, _band(pixels, 2))
    return found


def _full_shade(pixels: Tensor, ground: Tensor) -> Tensor:
    """The unmixed colour (3,) of a subject's pixels (n, 3): that of the half which is farthest from the ground's."""
    off = (pixels - ground).norm(dim=-1)
    return pixels[off >= off.median()].median(0).values


def _distances(pixels: Tensor, shades: Tensor) -> Tensor:
    """Euclidean distance of pixels (..., 3) to shades (k, 3): (..., k)."""
    exact = "donot_use_mm_for_euclid_dist"  # by products small distances are lost in large squares
    return torch.cdist(pixels.flatten(0, -2), shades, compute_mode=exact).reshape(*pixels.shape[:-1], len(shades))


def _share(pixels: Tensor, ground: Tensor, shade: Tensor) -> Tensor:
    """How far each pixel (..., 3) is from the ground's colour towards the shade: (...) in 0..1."""
    way = shade - ground
    return (((pixels - ground) @ way) / way.square().sum()).clamp(0, 1)


def _off_segment(pixels: Tensor, ground: Tensor, shade: Tensor) -> Tensor:
    """Distance of pixels (..., 3) from the mixtures of the ground's colour and the shade: (...)."""
    mixture = ground + _share(pixels, ground, shade)[..., None] * (shade - ground)
    off: Tensor = (pixels - mixture).norm(dim=-1)
    return off


def _band(pixels: Tensor, at_128: int) -> int:
    """A width in pixels, given for a picture of 128, for this picture."""
    return max(1, round(at_128 * pixels.shape[1] / 128))


def widened(mask: Tensor, by: int) -> Tensor:
    """A mask (frames, h, w), and what lies within so many pixels of it."""
    wide = mask.numpy()
    for axis in (1, 2):
        wide = maximum_filter1d(wide.view(np.uint8), 2 * by + 1, axis, mode="constant")
    return torch.from_numpy(wide) > 0


def _nearest(distances: list[Tensor]) -> Tensor:
    """Which of a few (f, h, w) is the least at each place, the first of equal ones: `argmin` over so few is slow."""
    least, nearest = distances[0], torch.zeros_like(distances[0], dtype=torch.long)
    for index, other in enumerate(distances[1:], start=1):
        nearest = torch.where(other < least, index, nearest)
        least = torch.minimum(least, other)
    return nearest
