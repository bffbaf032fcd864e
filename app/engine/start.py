"""How a job gets its state when it joins: from its checkpoint, else from a draft, a similar latent or noise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.checkpoint import CheckpointInvalid
from app.engine.denoiser import Conditioning, Denoiser, Frames, JobState, TakesImage, TakesInputs
from app.engine.drafting import draft_begun, gone_on
from app.engine.embedding import as_arrays
from app.engine.renoise import fits, from_noise, noised
from app.engine.shown import Shown
from app.engine.sinks import EncodedSink
from app.engine.ticket import Ticket
from app.errors import InvalidRequest
from app.plan.speculative.speculative import walks
from app.types import Phase, VideoSpec

log = logging.getLogger(__name__)


def resumed(denoiser: Denoiser, ticket: Ticket) -> JobState | None:
    """The state in the job's checkpoint; None when there is none, or none that can be gone on from."""
    if ticket.checkpoint is None:
        return None
    checkpoint, ticket.checkpoint = ticket.checkpoint, None
    whole, state = ticket.plan, None
    for plan in walks(whole):  # an earlier attempt may not have found the similar video, or be in another walk
        try:
            state = denoiser.resume(plan, checkpoint)
            break
        except CheckpointInvalid as error:
            why = error
    if state is None:
        log.warning("Job %s starts over: %s", ticket.job_id, why)
        return None
    gone_on(ticket, whole, state)
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
    if ticket.plan.draft is not None:
        return draft_begun(denoiser, ticket, conditioning)
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


def encoded_inputs(denoiser: Denoiser, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, NDArray[np.float32]]:
    """What the denoiser makes of all that it is shown. Raises InvalidRequest when it takes none."""
    if not isinstance(denoiser, TakesInputs):
        raise InvalidRequest("The model takes no pictures and videos.", "input_references", "reference_not_taken")
    return {name: tensor.cpu().numpy() for name, tensor in denoiser.encode_inputs(inputs, spec).items()}


def encoded_image(denoiser: Denoiser, image: Frames, spec: VideoSpec) -> dict[str, NDArray[np.float32]]:
    """What the denoiser makes of a picture. Raises InvalidRequest when it takes none."""
    if not isinstance(denoiser, TakesImage):
        raise InvalidRequest("The model takes no pictures.", "input_reference", "image_not_taken")
    return {name: tensor.cpu().numpy() for name, tensor in denoiser.encode_image(image, spec).items()}
