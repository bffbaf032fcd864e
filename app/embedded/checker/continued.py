"""Videos that begin with a picture, sampled and judged: is it kept, and does it move as the prompt says?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.embedded.checker.checker import Seen, look
from app.embedded.checker.rates import Rate, rates_of
from app.embedded.checker.sample import decode
from app.embedded.load import EmbeddedModel
from app.embedded.model import held, sigmas
from app.embedded.precision import autocast
from app.embedded.reading import world_of
from app.embedded.settle import Settled, as_given, settled
from app.embedded.world.pairs import Question
from app.embedded.world.scenes import place
from app.embedded.world.world import render
from app.plan.similar.likeness import facts_of

CLEAR_DB = 26.0
"""A first frame as near to the picture as this is the picture to whoever looks."""

_BATCH = 8
_LOOSE_ONE_IN = 2  # pictures with places off the lattice, as people bring them


@dataclass(frozen=True)
class Kept:
    """How often videos that begin with a picture keep it and move as asked, and the mean PSNR of their first frames."""

    rates: dict[str, Rate]
    first_frame_db: float
    least_db: float


def first_frames(questions: Sequence[Question], picture: int, seed: int) -> Tensor:
    """A drawn picture for each question: uint8 (n, picture, picture, 3); every other one is off the lattice."""
    asks = [question.ask for question in questions]
    scenes = [place([ask], seed + row, loose=row % _LOOSE_ONE_IN == 1)[0] for row, ask in enumerate(asks)]
    return torch.cat([render([scene], picture, frames=1)[:, 0] for scene in scenes])


def continued(
    model: EmbeddedModel,
    questions: Sequence[Question],
    pictures: Tensor,
    steps: int = 30,
    guidance: float = 3.0,
    seed: int = 0,
) -> Kept:
    """Sample a video from each picture (n, side, side, 3) by its question's prompt, look at it, and count."""
    videos = []
    for first in range(0, len(questions), _BATCH):
        prompts = [question.prompt for question in questions[first : first + _BATCH]]
        moved = [_settled(model, *each) for each in zip(pictures[first : first + _BATCH], prompts, strict=True)]
        given = _encoded(model, torch.cat([picture for picture, _ in moved]))
        latents = sample_from(model, given, prompts, steps, guidance, seed + first)
        made = decode(model.autoencoder, latents, given=True)
        videos.append(torch.stack([_as_given(*each) for each in zip(made, (how for _, how in moved), strict=True)]))
    return kept(questions, pictures, torch.cat(videos))


def _settled(model: EmbeddedModel, picture: Tensor, prompt: str) -> tuple[Tensor, Settled | None]:
    """A picture (side, side, 3) as the denoiser is given it, (1, side, side, 3), as in the service."""
    found = settled(picture[None].numpy(), facts_of(prompt, world_of(model.knows)).motions_by_colour)
    return picture[None] if found is None else torch.from_numpy(found.picture), found


def _as_given(video: Tensor, how: Settled | None) -> Tensor:
    """A video (f, side, side, 3), uint8, as from the picture itself."""
    if how is None:
        return video
    shares = (video.float() / 255).numpy()
    return torch.from_numpy(255 * as_given(shares, how.ground, how.subjects)).round().to(torch.uint8)


@torch.no_grad()
def sample_from(
    model: EmbeddedModel, given: Tensor, prompts: Sequence[str], steps: int, guidance: float, seed: int
) -> Tensor:
    """Whitened latents (n, z, 5, 8, 8) whose first latent frame is `given` (n, z, 1, 8, 8), by Euler steps."""
    text = torch.cat([model.text_encoder.tokens(prompts), model.text_encoder.tokens([""]).expand(len(prompts), -1, -1)])
    shape = (given.shape[1], 5, *given.shape[3:])
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(seed + i)) for i in range(len(prompts))]
    latents, levels = torch.stack(noise), sigmas(steps, model.flow_shift)
    for level, following in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        latents[:, :, :1] = given
        timestep = held(torch.full((2 * len(prompts),), 1000 * level), shape[1], shape[2] * shape[3] // 4)
        with autocast(torch.device("cpu")):
            velocity = model.transformer(latents.repeat(2, 1, 1, 1, 1), timestep, text, return_dict=False)[0]
        asked, free = velocity.float().chunk(2)
        latents = latents + (following - level) * (free + guidance * (asked - free))
    latents[:, :, :1] = given
    return latents


def kept(questions: Sequence[Question], pictures: Tensor, videos: Tensor) -> Kept:
    """Count what videos (n, f, side, side, 3) keep of their pictures (n, side, side, 3) and do as asked; all uint8."""
    seen = [look(video) for video in videos]
    error = ((videos[:, 0].float() - pictures.float()) / 255).square().mean((1, 2, 3))
    found = -10 * torch.log10(error.clamp(min=1e-10))
    answers: dict[str, list[bool]] = {"first frame": (found >= CLEAR_DB).tolist()}
    for question, one in zip(questions, seen, strict=True):
        for name, is_right in _JUDGED.items():
            answers.setdefault(name, []).append(is_right(question, one))
    return Kept(
        {name: Rate(sum(row), len(row)) for name, row in answers.items()}, found.mean().item(), found.min().item()
    )


def _motion(question: Question, seen: Seen) -> bool:
    rates = rates_of([question], [seen])
    return bool(rates["motion" if "motion" in rates else "colours with motions"].right)


def _colours(question: Question, seen: Seen) -> bool:
    """Whether there are the picture's colours and no others."""
    return {one.colour for one in seen.subjects} == {one.colour for one in question.ask[1]}


def _ground(question: Question, seen: Seen) -> bool:
    return seen.ground == question.ask[0]


_JUDGED = {"motion": _motion, "colour kept": _colours, "ground kept": _ground}


@torch.no_grad()
def _encoded(model: EmbeddedModel, pictures: Tensor) -> Tensor:
    video = pictures.permute(0, 3, 1, 2)[:, :, None].float() / 127.5 - 1
    return model.autoencoder.whitened(model.autoencoder.encode(video))
