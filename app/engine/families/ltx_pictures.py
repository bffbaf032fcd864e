"""LTX-Video's pictures: at the first frame in the noise, at others in front of it, each holding as long as it is told.

A token with a picture of strength s hears a noise level of 1 - s at most, and stays as it is until the video's own is
below that: at full strength until the end. Pictures at other frames than the first are latent frames in front of
the video's, which step with them and are cut off in the end. At full strength they are shown with a little noise,
another at each step, so that what follows them may move. LTXConditionPipeline is the standard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch

from app.engine.denoiser import Frames, JobState
from app.engine.families.family import Row
from app.engine.families.models import Autoencoder
from app.engine.families.wan.image import pixels
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.types import FIRST, LAST, REFERENCE, Plan, VideoSpec

MEAN, SPREAD = "mean", "spread"  # (K, C, H', W') each: what the encoder says of K pictures
AT = "at"  # (K, 2): the frame at which each stands, and its strength
_JUST = 1e-6
_DRAWN = -1  # where a job keeps the noise of its step


class FramePictures:
    """How LTX sees pictures."""

    needed = False

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """Of one that the video begins with; as `encode_inputs`."""
        return self.encode_inputs([Shown(FIRST, image)], spec)

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """`mean`, `spread` and `at`; a latent is drawn from the former by each job's seed.

        Raises:
            InvalidRequest: an input in another role, a video, or one that does not say where it stands.
        """
        frames = [_frame_of(each.role, each.frame, spec) for each in inputs]
        if None in frames or any(len(each.frames) != 1 for each in inputs):
            raise InvalidRequest("LTX takes pictures at frames.", "input_references")
        said = [self._said(each.frames) for each in inputs]
        at = [[float(frame or 0), each.strength] for frame, each in zip(frames, inputs, strict=True)]
        means, spreads = (torch.stack(part) for part in zip(*said, strict=True))
        return {MEAN: means, SPREAD: spreads, AT: torch.tensor(at)}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return latent

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Without the pictures in front."""
        return latent[:, len(placed(image)) :]

    def _said(self, picture: Frames) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean and spread of a picture's latent, normalised, float32 (C, H', W') on the CPU."""
        model = self._autoencoder
        at = next(model.parameters())
        found = model.encode(pixels(picture)[None].to(at.device, model.dtype), return_dict=False)[0]
        mean, std = (part.view(-1, 1, 1).float().cpu() for part in (model.latents_mean, model.latents_std))
        return (found.mean[0, :, 0].float().cpu() - mean) / std, found.std[0, :, 0].float().cpu() / std


def frames_of(plan: Plan) -> list[int]:
    """The frames at which a plan's pictures stand, in the order in which the model is shown them."""
    first = [] if plan.image is None else [0]
    return first + [_frame_of(each.role, each.frame, plan.spec) or 0 for each in plan.references]


def placed(picture: Mapping[str, torch.Tensor]) -> list[float]:
    """The frames of the pictures in front, which are those at other frames than the first."""
    return [] if AT not in picture else [frame for frame, _ in picture[AT].tolist() if frame]


def with_pictures(noise: torch.Tensor, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
    """Noise (C, F', H', W') with pictures at the first frame in it, and others in front, drawn as the pipeline does.

    For each picture a latent is drawn from what the encoder says, and noise for those in front.
    """
    if AT not in picture:
        return noise
    latent, front = noise.clone(), []
    for mean, spread, (frame, strength) in zip(picture[MEAN], picture[SPREAD], picture[AT].tolist(), strict=True):
        shape = (noise.shape[0], 1, *noise.shape[2:])
        drawn = mean[:, None] + spread[:, None] * torch.randn(shape, generator=generator)
        if frame:
            front.append(torch.lerp(torch.randn(shape, generator=generator), drawn, strength))
        else:
            latent[:, :1] = torch.lerp(latent[:, :1], drawn, strength)
    return torch.cat([*front, latent], dim=1)


class PictureNoise:
    """The noise that pictures at full strength are shown with: `scale` times the square of the step's level, drawn
    by the plan's seed behind what it drew for the beginning, for all tokens at each step, as the pipeline does it."""

    def __init__(self, scale: float, begun: Callable[[Plan], torch.Generator]) -> None:
        self._scale = scale
        self._begun = begun

    def shown(self, state: JobState, latent: torch.Tensor) -> torch.Tensor:
        """The state's `latent` (C, F', H', W') as the transformer sees it at the next step."""
        held = held_wholly(state.conditioning.picture, latent)
        if not self._scale or not held.any():
            return latent
        drawn = self._drawn(state).T.reshape(latent.shape)
        return torch.where(held, latent + self._scale * drawn * (state.timestep / 1000) ** 2, latent)

    def ended(self, latent: torch.Tensor, plan: Plan, shape: Sequence[int], timestep: float) -> torch.Tensor:
        """A finished latent without the pictures in front, whose first frame, where that is one, keeps the noise of the
        last step, at this timestep; `shape` is that of all that stepped."""
        generator = self._begun(plan)
        for _ in range(plan.sampling.steps):
            drawn = _noise(shape, generator)
        noise = drawn.T.reshape(tuple(shape)).to(latent)[:, -latent.shape[1] :][:, :1]
        first = latent[:, :1] + self._scale * noise * (timestep / 1000) ** 2
        return torch.cat([first, latent[:, 1:]], dim=1)

    def behind(self, plan: Plan, shape: Sequence[int]) -> torch.Generator:
        """The seed's generator where all steps are walked."""
        generator = self._begun(plan)
        for _ in range(plan.sampling.steps if self._scale else 0):
            _noise(shape, generator)
        return generator

    def _drawn(self, state: JobState) -> torch.Tensor:
        """(N, C) of the state's step; where the draws before it are not at hand, as after a resume, all over again."""
        at, generator, noise = state.cached.get(_DRAWN, (-1, None, None))
        if generator is None or at > state.step:
            at, generator = -1, self._begun(state.plan)
        for _ in range(state.step - at):
            noise = _noise(state.latent.shape, generator).to(state.latent)
        state.cached[_DRAWN] = (state.step, generator, noise)
        found: torch.Tensor = noise
        return found


def held_wholly(picture: Mapping[str, torch.Tensor], latent: torch.Tensor) -> torch.Tensor:
    """Which frames of a latent, pictures in front, are given at full strength: (F', 1, 1)."""
    strengths = _by_frame(picture, latent.shape[1], latent.device)
    return (strengths > 1 - _JUST)[:, None, None]


def begins_wholly(plan: Plan) -> bool:
    """Whether its first frame is given at full strength."""
    firsts = [each.strength for each in plan.references if _frame_of(each.role, each.frame, plan.spec) == 0]
    return (firsts[-1] if firsts else float(plan.image is not None)) > 1 - _JUST


def _noise(shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    channels, *sides = shape
    return torch.randn((math.prod(sides), channels), generator=generator)


def levels_of(rows: Sequence[Row], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The timestep that each token hears, (B, N) float32, and whether it stays as it is, (B, N)."""
    levels, held = [], []
    for row in rows:
        strengths = _strengths(row, device)
        timestep = torch.tensor(row.state.timestep, dtype=torch.float32, device=device)
        levels.append(torch.minimum(timestep, (1 - strengths) * 1000.0))
        held.append(timestep / 1000 - _JUST >= 1 - strengths)
    return torch.stack(levels), torch.stack(held)


def _strengths(row: Row, device: torch.device) -> torch.Tensor:
    """How strongly each token is held, (N,): 0 where no picture is."""
    _, frames, height, width = row.state.latent.shape
    return _by_frame(row.state.conditioning.picture, frames, device).repeat_interleave(height * width)


def _by_frame(picture: Mapping[str, torch.Tensor], frames: int, device: torch.device) -> torch.Tensor:
    """The same of each latent frame, (F',)."""
    each = torch.zeros(frames, device=device)
    front = 0
    for frame, strength in picture[AT].tolist() if AT in picture else ():
        if frame:
            each[front] = strength
            front += 1
    for frame, strength in picture[AT].tolist() if AT in picture else ():
        if not frame:
            each[front] = strength
    return each


def _frame_of(role: str, frame: int | None, spec: VideoSpec) -> int | None:
    """Where an input stands; None: nowhere."""
    if role == FIRST:
        return 0
    if role == LAST:
        return spec.frames - 1
    return frame if role == REFERENCE else None
