"""What a video shows, judged from its pixels alone: the end of the story that began with a prompt."""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.embedded.checker import colours, motions, shapes
from app.embedded.checker.colours import Layer
from app.embedded.world import vocabulary as words

_PAIR_SCALE = 0.82  # two subjects share the picture, so a size word means a little less
_FEWEST_WHOLE = 6  # frames in which nothing is cut off by the edge; below, those at the edge are used too
_CUT = 0.5  # cover at the edge of the picture beyond which a subject is cut off
_FEWEST_CLEAR = 4  # frames that a judgement needs; below, frames with subjects that touch are used too


@dataclass(frozen=True)
class SeenSubject:
    """One subject as seen; `motion` is "unclear" where its way is none of the world's."""

    colour: str
    shape: str
    motion: str
    size: str
    radius: float  # mean over the frames, units of the picture's side
    fit: float  # overlap (intersection over union) with the ideal outline of its shape, 0..1
    place: tuple[float, float] = (0.5, 0.5)  # mean over the frames of x and y, units of the picture's side


@dataclass(frozen=True)
class Seen:
    """What a video shows: its ground, its subjects (largest first), and how clean it is.

    `stray` is the share of pixels, off the edges of subjects, that have neither the ground's nor a subject's colour.
    """

    ground: str
    subjects: tuple[SeenSubject, ...]
    stray: float

    def subject(self, colour: str) -> SeenSubject | None:
        """The subject of a colour; None unless there is just one."""
        found = [subject for subject in self.subjects if subject.colour == colour]
        return found[0] if len(found) == 1 else None


def look(video: Tensor) -> Seen:
    """Judge a video: uint8 (frames, height, width, 3), square pictures of 64 to 128 pixels, 9 to 17 frames."""
    if video.ndim != 4 or video.shape[-1] != 3 or video.shape[1] != video.shape[2]:
        raise ValueError(f"A video is (frames, side, side, 3), not {tuple(video.shape)}.")
    pixels = video.float()
    ground = colours.ground_shade(pixels)
    layers = colours.find_layers(pixels, ground)
    seen = [_subject(layer, two=len(layers) > 1) for layer in layers]
    seen.sort(key=lambda subject: -subject.radius)
    return Seen(colours.nearest_ground(ground), tuple(seen), colours.stray_share(pixels, ground, layers))


def _subject(layer: Layer, two: bool) -> SeenSubject:
    whole = layer.clear & ~_at_the_edge(layer.cover)
    times = (whole if whole.sum() >= _FEWEST_WHOLE else layer.clear).nonzero().flatten()
    if len(times) < _FEWEST_CLEAR:
        times = layer.cover.flatten(1).any(1).nonzero().flatten()
    outline = shapes.fit(layer.cover[times])
    way = motions.Way(times, outline.places, outline.radii, outline.angles)
    motion = motions.classify(way)
    if motion in motions.SIDEWAYS:
        motion = motions.how_far(motion, layer.cover)
    radius = _nominal_radius(outline.radii, times, motion)
    scale = _PAIR_SCALE if two else 1.0
    size = min(words.SIZES, key=lambda word: abs((radius / (words.SIZES[word] * scale)).log().item()))
    x, y = outline.places.mean(0).tolist()
    fit = outline.overlap
    return SeenSubject(layer.colour, outline.shape, motion, size, outline.radii.mean().item(), fit, (x, y))


def _at_the_edge(cover: Tensor) -> Tensor:
    """In which frames a subject (frames, side, side) is cut off by the picture's edge: (frames,)."""
    sides = (cover[:, 0], cover[:, -1], cover[:, :, 0], cover[:, :, -1])
    return torch.stack([side.amax(1) > _CUT for side in sides]).any(0)


def _nominal_radius(radii: Tensor, times: Tensor, motion: str) -> Tensor:
    """The radius () that a size word stands for: a growing subject has it on its way from small to large."""
    return (radii / motions.scales(motion, times)).median().clamp(min=torch.finfo(radii.dtype).tiny)
