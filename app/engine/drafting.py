"""A job's draft inside the engine: walked first, shown, judged by a look or a first guess, then kept or thrown away.

It belongs to the job as its state does: other jobs share its forwards, it may be paused, and goes on elsewhere from a
checkpoint. Whatever goes wrong with it, the job runs its plan from noise.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from app.engine.denoiser import Conditioning, Denoiser, DeviceLost, JobState, LooksAtDrafts
from app.engine.draft_check import residual
from app.engine.renoise import fits, noised
from app.engine.sinks import DraftSink, DraftVerdict
from app.engine.ticket import Ticket
from app.plan.speculative.speculative import (
    FAILED,
    KEPT,
    REJECTED,
    UNCALIBRATED,
    draft_walk,
    is_kept,
    kept_walk,
    plain_walk,
)
from app.types import FirstDraft, Plan

log = logging.getLogger(__name__)


def draft_begun(denoiser: Denoiser, ticket: Ticket, conditioning: Conditioning) -> JobState:
    """The job at the first step of its draft; of its plan, where this replica cannot make the draft."""
    ticket.speculation = whole = ticket.plan
    try:
        return denoiser.start(ticket.job_id, draft_walk(whole), conditioning)
    except DeviceLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the plan itself may be made all the same
        return _over(denoiser, ticket, whole, conditioning, error)


def gone_on(ticket: Ticket, whole: Plan, state: JobState) -> None:
    """The job goes on from a checkpoint of one of the walks of the plan that it came with."""
    draft = whole.draft
    ticket.plan = state.plan
    ticket.kept = state.step
    ticket.resumed_from = state.step
    if draft is None:
        return
    if state.plan == draft_walk(whole):
        ticket.speculation, ticket.resumed_from = whole, 0
        return
    # A draft that is looked at is thrown away before the plan's first evaluation, another behind it.
    thrown_away = draft.calibrated and draft.shown is None and not is_kept(state.plan)
    ticket.spent = draft.sampling.budget + thrown_away


def draft_failed(denoiser: Denoiser, ticket: Ticket, error: Exception) -> None:
    """The draft cannot be made: the job begins its plan at noise. Raises what that raises."""
    if ticket.speculation is not None:
        ticket.spent += ticket.started.evaluations
        state = ticket.started
        _turn(ticket, _over(denoiser, ticket, ticket.speculation, state.conditioning, error))


def draft_done(denoiser: Denoiser, ticket: Ticket) -> None:
    """The draft is walked: shown, and gone on from, as far as its plan may; else the plan begins at noise.

    Raises:
        DeviceLost: that is everybody's.
    """
    whole, made = ticket.speculation, ticket.started
    if whole is None or whole.draft is None:
        return
    try:
        ticket.spent += made.evaluations
        far = _shown(denoiser, ticket, whole.draft)
        rejected = far is not None and far > whole.draft.most_residual
        if rejected or not whole.draft.calibrated:
            _judged(ticket, DraftVerdict(REJECTED, far) if rejected else DraftVerdict(UNCALIBRATED))
            state = denoiser.start(ticket.job_id, plain_walk(whole), made.conditioning)
        else:
            state = denoiser.start(ticket.job_id, kept_walk(whole), made.conditioning)
            if not fits(state, made.latent):
                raise ValueError("the draft does not fit its plan")
            noised(state, made.latent)
            if far is None:
                ticket.draft = made.latent
            else:
                _judged(ticket, DraftVerdict(KEPT, far, whole.draft.step, state.sigma))
    except DeviceLost:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        state = _over(denoiser, ticket, whole, made.conditioning, error)
    _turn(ticket, state)


def _shown(denoiser: Denoiser, ticket: Ticket, draft: FirstDraft) -> float | None:
    """Show the draft; the share of what it has to show that is not seen in it, where it is judged by that.

    Raises ValueError: it should be, and this denoiser cannot say.
    """
    looked_at = draft.calibrated and draft.shown is not None
    if not looked_at and not isinstance(ticket.sink, DraftSink):
        return None
    frames = denoiser.decode(ticket.started)
    if isinstance(ticket.sink, DraftSink):
        ticket.sink.draft(frames)
    if draft.shown is None or not looked_at:
        return None
    far = denoiser.unseen(frames, draft.shown) if isinstance(denoiser, LooksAtDrafts) else None
    if far is None:
        raise ValueError("nobody here can say what the draft shows")
    return far


def draft_stands(denoiser: Denoiser, ticket: Ticket, velocity: torch.Tensor) -> bool:
    """Whether the job goes on with the denoiser's first answer, behind which its draft, if there is one, is judged.

    Of one that is rejected nothing is left: the job is at the beginning of its plan then, at noise.
    """
    whole, draft = ticket.speculation, ticket.draft
    if whole is None or whole.draft is None or draft is None:
        return True
    state, plan = ticket.started, whole.draft
    far = residual(state, velocity, draft)
    ticket.draft = None
    if far <= plan.most_residual:
        _judged(ticket, DraftVerdict(KEPT, far, plan.step, state.sigma))
        return True
    ticket.spent += 1
    _judged(ticket, DraftVerdict(REJECTED, far))
    _turn(ticket, denoiser.start(ticket.job_id, plain_walk(whole), state.conditioning))
    return False


def _over(denoiser: Denoiser, ticket: Ticket, whole: Plan, conditioning: Conditioning, error: Exception) -> JobState:
    log.warning("Job %s goes on without its draft: %s", ticket.job_id, error)
    _judged(ticket, DraftVerdict(FAILED))
    return denoiser.start(ticket.job_id, plain_walk(whole), conditioning)


def _judged(ticket: Ticket, verdict: DraftVerdict) -> None:
    ticket.speculation = ticket.draft = None
    if isinstance(ticket.sink, DraftSink):
        ticket.sink.judged(verdict)


def _turn(ticket: Ticket, state: JobState) -> None:
    """From one walk to the next; nothing of the new one is worth a checkpoint yet."""
    ticket.walk(replace(state))
    ticket.kept, ticket.kept_s, ticket.previewed = state.step, ticket.device_s, state.step
