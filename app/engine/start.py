"""How a job gets its state when it joins: from its checkpoint where that can be gone on from, else from noise."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.engine.checkpoint import CheckpointInvalid
from app.engine.denoiser import Conditioning, Denoiser, Frames, JobState, Seeing
from app.engine.ticket import Ticket
from app.errors import InvalidRequest
from app.types import Phase, VideoSpec

log = logging.getLogger(__name__)


def resumed(denoiser: Denoiser, ticket: Ticket) -> JobState | None:
    """The state in the job's checkpoint; None when there is none, or none that can be gone on from."""
    if ticket.checkpoint is None:
        return None
    try:
        state = denoiser.resume(ticket.plan, ticket.checkpoint)
    except CheckpointInvalid as error:
        log.warning("Job %s starts over: %s", ticket.job_id, error)
        return None
    finally:
        ticket.checkpoint = None
    ticket.resumed_from = ticket.kept = state.step
    return state


def begun(denoiser: Denoiser, ticket: Ticket, clock: Callable[[], float]) -> JobState:
    """The job at its first step, its prompts encoded if nobody has done so."""
    if ticket.conditioning is None:
        ticket.sink.phase(Phase.ENCODING)
        ticket.conditioning = Conditioning(*denoiser.encode([ticket.plan.prompt, ticket.plan.negative_prompt]))
        before, ticket.joined = ticket.joined, clock()
        ticket.stages_s["encode"] = ticket.joined - before
    conditioning = replace(ticket.conditioning, picture=ticket.picture)
    return denoiser.start(ticket.job_id, ticket.plan, conditioning)


def seen_by(denoiser: Denoiser, picture: Frames, spec: VideoSpec) -> dict[str, NDArray[np.float32]]:
    """What the denoiser makes of a picture. Raises InvalidRequest when it takes none."""
    if not isinstance(denoiser, Seeing):
        raise InvalidRequest("The model takes no pictures.", "input_reference", "image_not_taken")
    return {name: tensor.cpu().numpy() for name, tensor in denoiser.look(picture, spec).items()}
