"""From a scene, or a seed, to its video: what stands where at each of 17 frames, drawn with clean edges at any size."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.embedded.world import vocabulary as words

FRAMES = 17
FPS = 8
_REACH = 1.25  # the farthest point of any shape, in radii: a star's tip
_GROWTH = (0.5, 1.45)  # a growing subject's first and last radius, in radii
_BOUNCES = 2.0
_WINDOWS = (24, 32, 40, 48, 64, 80, 96)  # sides of the square that is drawn for a subject, at 128 pixels


@dataclass(frozen=True)
class Subject:
    """One coloured shape and its motion; lengths in units of the picture's side, x to the right, y down.

    `x`, `y` is where it starts (for an orbit: the orbit's centre; for bouncing: its lowest point), `travel` how far it
    goes (an orbit's radius, a bounce's height, a spin's turns), `phase` in 0..1 where in its cycle it starts.
    """

    colour: str
    shape: str
    size: str
    motion: str
    radius: float
    x: float
    y: float
    travel: float
    phase: float


@dataclass(frozen=True)
class Scene:
    """A ground and its one or two subjects; a later subject is drawn over an earlier one."""

    ground: str
    subjects: tuple[Subject, ...]


def relative_paths(
    motion: Tensor, travel: Tensor, phase: Tensor, radius: Tensor, frames: int = FRAMES, rate: int = 1
) -> Tensor:
    """Where subjects are relative to their start, how large, and how far turned: (..., frames, 4) of dx, dy, r, angle.

    `motion` holds indices into `vocabulary.ALL_MOTIONS`; all four tensors have the same shape (...). Angles in radians,
    clockwise on the screen. Frame 16 is the end of a motion; other numbers of frames only cut or extend it. At
    `rate` times the frames a second it is frame 16 * rate.
    """
    time = torch.arange(frames, dtype=torch.float32, device=motion.device) / ((FRAMES - 1) * rate)  # (frames,)
    kind = {name: (motion == index)[..., None].float() for index, name in enumerate(words.ALL_MOTIONS)}
    travel, phase, radius = travel[..., None], phase[..., None], radius[..., None]  # (..., 1)
    along, sideways = travel * time, {side: kind[side] + kind[f"across {side}"] for side in ("left", "right")}
    turn = 2 * math.pi * (time + phase)
    dx = along * (sideways["right"] - sideways["left"]) + kind["orbiting"] * travel * turn.cos()
    dy = along * (kind["down"] - kind["up"]) + kind["orbiting"] * travel * turn.sin()
    dy = dy - kind["bouncing"] * travel * (math.pi * (_BOUNCES * time + phase)).sin().abs()
    low, high = _GROWTH
    grown = kind["growing"] * (low + (high - low) * time) + kind["shrinking"] * (high - (high - low) * time)
    scale = grown + 1 - kind["growing"] - kind["shrinking"]
    angle = kind["spinning"] * 2 * math.pi * travel * time
    return torch.stack([dx, dy, radius * scale, angle], dim=-1)


def paths(subjects: Sequence[Subject], frames: int = FRAMES, rate: int = 1) -> Tensor:
    """Where subjects are: (subjects, frames, 4) of x, y, radius (units of the picture) and angle (radians)."""
    motion = torch.tensor([words.ALL_MOTIONS.index(subject.motion) for subject in subjects])
    rows = torch.tensor([[s.travel, s.phase, s.radius, s.x, s.y] for s in subjects], dtype=torch.float32)
    path = relative_paths(motion, rows[:, 0], rows[:, 1], rows[:, 2], frames, rate)
    path[..., :2] += rows[:, None, 3:5]
    return path


def render(scenes: Sequence[Scene], picture: int = 128, frames: int = FRAMES, rate: int = 1) -> Tensor:
    """Draw scenes as uint8 video (scenes, frames, picture, picture, 3), edges one pixel soft, at `rate` times 8 fps."""
    grounds = torch.tensor([words.GROUNDS[scene.ground] for scene in scenes], dtype=torch.float32)
    video = grounds[:, None, None, :].repeat(1, frames, picture * picture, 1)  # (n, frames, pixels, 3)
    canvas = video.view(-1, 3)
    for layer in range(max(len(scene.subjects) for scene in scenes)):
        chosen = [index for index, scene in enumerate(scenes) if len(scene.subjects) > layer]
        subjects = [scenes[index].subjects[layer] for index in chosen]
        path = paths(subjects, frames, rate)
        for shape, window, members in _groups(subjects, path, picture):
            colours = torch.tensor([words.COLOURS[subjects[m].colour] for m in members], dtype=torch.float32)
            owners = torch.tensor([chosen[m] for m in members])
            _draw(canvas, owners, path[members], shape, colours, window, picture)
    return video.round_().to(torch.uint8).view(len(scenes), frames, picture, picture, 3)


def _groups(subjects: Sequence[Subject], path: Tensor, picture: int) -> Iterator[tuple[str, int, list[int]]]:
    """Subjects of one shape and about one size: (shape, side of the window in pixels, their indices)."""
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    needed = path[..., 2].amax(1) * (2 * _REACH * picture) + 4
    for index, (subject, need) in enumerate(zip(subjects, needed.tolist(), strict=True)):
        sides = (math.ceil(side * picture / 128) for side in _WINDOWS)
        window = next((side for side in sides if side >= need), picture)
        groups[subject.shape, min(window, picture)].append(index)
    for (shape, window), members in groups.items():
        for first in range(0, len(members), 8):
            yield shape, window, members[first : first + 8]


def _draw(canvas: Tensor, owners: Tensor, path: Tensor, shape: str, colours: Tensor, window: int, picture: int) -> None:
    """Blend subjects (path (m, frames, 4)) of one shape into the flat canvas (pixels of all videos, 3), in place."""
    frames = path.shape[1]
    corner = (path[..., :2] * picture - window / 2).round().clamp(0, picture - window).long()  # (m, frames, 2)
    steps = torch.arange(window)
    columns, rows = corner[..., 0:1] + steps, corner[..., 1:2] + steps  # (m, frames, window)
    x, y, radius, angle = (path[..., axis, None, None] for axis in range(4))
    px = ((columns[..., None, :] + 0.5) / picture - x) / radius  # (m, frames, 1, window)
    py = ((rows[..., :, None] + 0.5) / picture - y) / radius  # (m, frames, window, 1)
    cos, sin = angle.cos(), angle.sin()
    inside = signed_distance(shape, px * cos + py * sin, py * cos - px * sin)  # in radii, negative inside
    cover = (0.5 - inside * radius * picture).clamp_(0, 1)  # (m, frames, window, window)
    start = (owners[:, None] * frames + torch.arange(frames)) * picture * picture  # (m, frames)
    where = (start[..., None, None] + rows[..., :, None] * picture + columns[..., None, :]).reshape(-1)
    shade = colours[:, None, None, None, :].expand(*cover.shape, 3).reshape(-1, 3)
    canvas[where] = torch.lerp(canvas[where], shade, cover.reshape(-1, 1))


def signed_distance(shape: str, x: Tensor, y: Tensor) -> Tensor:
    """How far points are outside (negative: inside) a shape of radius one, y down; exact near straight edges."""
    if shape == "circle":
        return torch.hypot(x, y) - 1.0
    if shape == "ring":
        return (torch.hypot(x, y) - 0.78).abs() - 0.22
    if shape == "square":
        return torch.maximum(x.abs(), y.abs()) - 0.86
    if shape == "triangle":
        return torch.maximum(y, 0.5 * (math.sqrt(3) * x.abs() - y)) - 0.62
    return _star(x, y)


def _star(x: Tensor, y: Tensor) -> Tensor:
    fifth, outer, inner = 2 * math.pi / 5, _REACH, 0.54
    turn = torch.atan2(x, -y)
    turn = (turn - fifth * (turn / fifth).round()).abs()  # 0 at a tip .. pi/5 at a notch
    tip = torch.hypot(x, y)
    notch_x, notch_y = inner * math.cos(fifth / 2), inner * math.sin(fifth / 2)
    length = math.hypot(notch_y, outer - notch_x)
    return ((tip * turn.cos() - outer) * notch_y + tip * turn.sin() * (outer - notch_x)) / length
