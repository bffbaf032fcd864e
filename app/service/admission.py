"""Who comes in: a request, or a job about to be recorded, comes in; limits, a promised wait or a refusal go out."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import orjson

from app.errors import Overloaded
from app.jobs.admission_limits import AdmissionLimits, IdempotencyKey
from app.jobs.board import BACKLOG, ENTERED, Board
from app.line.backlog import Backlog, backlog_from_note
from app.line.wait_estimates import counter_of, entered_since, held_up_s, turn_in, wait_of
from app.settings import Settings
from app.types import Job, VideoRequest

LONGEST_RETRY_S = 600.0


def limits_of(settings: Settings, key: IdempotencyKey | None = None) -> AdmissionLimits:
    """What the settings let in."""
    return AdmissionLimits(
        idempotency_key=key,
        most_open=settings.tenant_max_jobs,
        most_waiting=settings.max_queued,
        most_spent=settings.tenant_step_seconds,
        window_s=settings.tenant_window_s,
    )


def named(request: VideoRequest, key: str | None, ttl_s: float) -> IdempotencyKey | None:
    """The request under the client's key; the same for the same request, whatever it was written in."""
    if key is None:
        return None
    asked = asdict(request)
    del asked["warnings"]  # they follow from what was asked
    asked |= asked.pop("wishes")  # as they were digested when keys were first kept
    words = orjson.dumps(asked, default=_digested, option=orjson.OPT_SORT_KEYS)
    return IdempotencyKey(key, hashlib.sha256(words).hexdigest(), ttl_s)


async def admit(job: Job, board: Board, settings: Settings) -> float | None:
    """The wait, in seconds, that is promised to a job of this urgency.

    Without a note from the dispatcher everything is admitted, and nothing promised. What others were let in since the
    note was written counts, too: each is added to a counter, which answers with all that is in it, so that of a crowd
    each sees those before it. Raises Overloaded when the job would wait too long, or would make an accepted job that is
    less urgent do so.
    """
    backlog = backlog_from_note(await board.get(BACKLOG))
    if backlog is None:
        return None
    cost = turn_in(backlog, job)
    entered = await board.increment(ENTERED, counter_of(job), cost)
    try:
        return _promise(job, backlog, entered, settings)
    except Overloaded:
        await board.increment(ENTERED, counter_of(job), -cost)
        raise


def _promise(job: Job, backlog: Backlog, entered: dict[str, float], settings: Settings) -> float:
    wait_s = wait_of(backlog, job) + entered_since(backlog, entered, job)
    longest_s = max(wait_s, held_up_s(backlog, job))
    if longest_s > settings.max_wait_s or backlog.jobs >= settings.max_queued:
        message = f"Too much is waiting: a new job would start in about {wait_s:.0f} s."
        if longest_s > max(wait_s, settings.max_wait_s):
            message = "Too much is waiting: a new job of this priority would hold up others for too long."
        raise Overloaded(message, retry_after_s=max(1.0, min(longest_s - settings.max_wait_s, LONGEST_RETRY_S)))
    return wait_s


def _digested(value: object) -> str:
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()
