"""How a job gets its state when it joins: from its checkpoint, else from a similar video's latent, else from noise."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine import sampler
from app.engine.checkpoint import CheckpointInvalid
from app.engine.denoiser import Conditioning, Denoiser, Frames, JobState, TakesImage
from app.engine.embedding import as_arrays
from app.engine.ticket import EncodedSink, Ticket
from app.errors import InvalidRequest
from app.types import Phase, Plan, VideoSpec

log = logging.getLogger(__name__)


def resumed(denoiser: Denoiser, ticket: Ticket) -> JobState | None:
    """The state in the job's checkpoint; None when there is none, or none that can be gone on from."""
    if ticket.checkpoint is None:
        return None
    checkpoint, ticket.checkpoint = ticket.checkpoint, None
    state = None
    for plan in (ticket.plan, from_noise(ticket.plan)):  # an earlier attempt may not have found the similar video
        try:
            state = denoiser.resume(plan, checkpoint)
            break
        except CheckpointInvalid as error:
            if plan.start is None:
                log.warning("Job %s starts over: %s", ticket.job_id, error)
                return None
    if state is None:
        return None
    ticket.plan = state.plan
    ticket.resumed_from = ticket.kept = state.step
    return state


def begun(denoiser: Denoiser, ticket: Ticket, clock: Callable[[], float]) -> JobState:
    """The job at its first step, its prompts encoded if nobody has done so.

    A plan that begins with a similar video begins at noise where that video's latent is not there or does not fit.
    """
    if ticket.conditioning is None:
        ticket.sink.phase(Phase.ENCODING)
        ticket.conditioning = Conditioning(*denoiser.encode([ticket.plan.prompt, ticket.plan.negative_prompt]))
        before, ticket.joined = ticket.joined, clock()
        ticket.stages_s["encode"] = took_s = ticket.joined - before
        if isinstance(ticket.sink, EncodedSink):
            prompt, negative = as_arrays(ticket.conditioning.prompt), as_arrays(ticket.conditioning.negative)
            ticket.sink.encoded(prompt, negative, took_s)
    conditioning = replace(ticket.conditioning, picture=ticket.picture)
    source, ticket.source = ticket.source, None
    if ticket.plan.start is not None and source is not None:
        state = denoiser.start(ticket.job_id, ticket.plan, conditioning)
        latent = torch.tensor(source)
        if fits(state, latent):
            noised(state, latent)
            return state
        log.warning("Job %s begins at noise: the similar latent does not fit.", ticket.job_id)
    ticket.plan = from_noise(ticket.plan)
    return denoiser.start(ticket.job_id, ticket.plan, conditioning)


def from_noise(plan: Plan) -> Plan:
    """The same plan without a similar start."""
    return plan if plan.start is None else replace(plan, start=None)


def fits(state: JobState, latent: torch.Tensor) -> bool:
    """Whether a job can begin with this latent: its own shape, and finite numbers."""
    return latent.shape == state.latent.shape and bool(torch.isfinite(latent).all())


@torch.inference_mode()
def noised(state: JobState, latent: torch.Tensor) -> None:
    """Take a job that holds its seed's noise to its plan's first step: `latent` (C, F', H', W'), noised as far as that.

    On the straight path of flow matching a clean latent x is (1 - sigma) x + sigma noise at the level sigma; other
    samplers say it themselves. To begin with another picture is SDEdit's idea (Meng et al., arXiv 2108.01073), to take
    it from a cache by the prompts' similarity NIRVANA's (Agarwal et al., NSDI 2024).
    """
    state.step = state.first
    state.latent = sampler.noised(state, latent.to(state.latent))


def encoded_image(denoiser: Denoiser, image: Frames, spec: VideoSpec) -> dict[str, NDArray[np.float32]]:
    """What the denoiser makes of a picture. Raises InvalidRequest when it takes none."""
    if not isinstance(denoiser, TakesImage):
        raise InvalidRequest("The model takes no pictures.", "input_reference", "image_not_taken")
    return {name: tensor.cpu().numpy() for name, tensor in denoiser.encode_image(image, spec).items()}
