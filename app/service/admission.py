"""Who comes in: a request, or a job about to be recorded, comes in; limits, a promised wait or a refusal go out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace

import orjson

from app.errors import Overloaded
from app.jobs.admission_limits import AdmissionLimits, IdempotencyKey, fills_line
from app.jobs.board import BACKLOG, ENTERED, Board
from app.jobs.quotas import Held
from app.jobs.waits import Waits
from app.line.backlog import Backlog, backlog_from_note
from app.line.wait_estimates import counter_of, entered_since, held_up_s, turn_in, wait_of
from app.settings import Settings
from app.settings.limits import Limits
from app.types import Job, OwnVideo, Reference, VideoRequest

LONGEST_RETRY_S = 600.0
LATER = (
    *("extends", "loras", "uploads", "shift", "aspect_ratio", "resolution"),
    *("prepare", "interpolate", "upscale", "storyboard", "speculative", "references", "audio"),
    *("guidance_start", "guidance_stop", "cfg_zero_star", "zero_init_steps"),
    *("ar_step", "causal_block_size"),
)
"""Fields that came after keys were first kept: a request without them is known by the digest that it always had."""


def held_of(limits: Limits, tenant: str, key_id: str | None) -> tuple[Held, ...]:
    """Who a job is counted for, where that limits anything."""
    found = [Held("tenant", tenant, limits.of_tenant(tenant))]
    if key_id is not None:
        found.append(Held("key", key_id, limits.of_key(key_id)))
    return tuple(each for each in found if each.limits_jobs)


def limits_of(
    settings: Settings, key: IdempotencyKey | None = None, tenant: str = "", key_id: str | None = None
) -> AdmissionLimits:
    """What the settings let in, of a tenant that asks with such a key."""
    return AdmissionLimits(
        idempotency_key=key,
        most_open=settings.tenant_max_jobs,
        most_waiting=settings.max_queued,
        most_spent=settings.tenant_step_seconds,
        window_s=settings.tenant_window_s,
        held=held_of(settings.limits, tenant, key_id),
    )


def named(
    request: VideoRequest, key: str | None, ttl_s: float, reference: Reference | None = None
) -> IdempotencyKey | None:
    """The request under the client's key; the same for the same request, whatever it was written in.

    `reference` is how its picture is named; `request.image` is that picture, once it has been looked at.
    """
    if key is None:
        return None
    if reference is None:
        return IdempotencyKey(key, _digest(request), ttl_s)
    whole = "" if request.image is None else _digest(request)
    return IdempotencyKey(key, f"{whole}:{_digest(replace(request, image=None))}:{_digested(reference)}", ttl_s)


async def check(job: Job, jobs: Waits, board: Board, settings: Settings) -> None:
    """Refuse what would be refused, before anything costly is done for it; what passes may still be refused later.

    Raises Overloaded, and what `app.jobs.admission_limits.refusal` makes.
    """
    await jobs.check(job, limits_of(settings, tenant=job.tenant, key_id=job.key_id))
    backlog = backlog_from_note(await board.get(BACKLOG))
    if backlog is None:
        return
    entered, own = await board.counters(ENTERED), counter_of(job)
    promise(job, backlog, entered | {own: entered.get(own, 0.0) + turn_in(backlog, job)}, settings)


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
        return promise(job, backlog, entered, settings)
    except Overloaded:
        await board.increment(ENTERED, counter_of(job), -cost)
        raise


async def check_raise(job: Job, board: Board, settings: Settings) -> None:
    """Refuse to make a waiting job as urgent as `job` now is, where accepted ones would then wait too long.

    Raises Overloaded, StoreUnavailable.
    """
    backlog = backlog_from_note(await board.get(BACKLOG))
    longest_s = 0.0 if backlog is None else held_up_s(backlog, job)
    if longest_s > settings.max_wait_s:
        message = "Too much is waiting: with this priority the job would hold up others for too long."
        raise Overloaded(message, "priority", retry_after_s=min(longest_s - settings.max_wait_s, LONGEST_RETRY_S))


def promise(job: Job, backlog: Backlog, entered: Mapping[str, float], settings: Settings) -> float | None:
    """The wait, in seconds, that such a backlog lets one promise; None where nobody knows.

    `entered` are the counters of admitted work with the job's own in them. Raises Overloaded.
    """
    weight = settings.tenant_weights.get(job.tenant, 1.0)
    wait_s = wait_of(backlog, job) + entered_since(backlog, entered, job, weight)
    longest_s = max(wait_s, held_up_s(backlog, job))
    if longest_s > settings.max_wait_s or _full(backlog, job, settings.max_queued):
        message = f"Too much is waiting: a new job would start in about {wait_s:.0f} s."
        if longest_s > max(wait_s, settings.max_wait_s):
            message = "Too much is waiting: a new job of this priority would hold up others for too long."
        raise Overloaded(message, retry_after_s=max(1.0, min(longest_s - settings.max_wait_s, LONGEST_RETRY_S)))
    return wait_s if backlog.foreseen(job.plan.pool) else None  # nobody knows when its pool will have a replica


def _full(backlog: Backlog, job: Job, most: int) -> bool:
    if backlog.tenants is None:
        return backlog.jobs >= most
    if not fills_line(backlog.jobs, most, most, most):  # whoever has how many
        return False
    open_jobs = {tenant: use.jobs + use.running for tenant, use in backlog.tenants.items() if use.jobs or use.running}
    mine = open_jobs.get(job.tenant, 0)
    return fills_line(backlog.jobs, mine, max(1, len(open_jobs)), most)


def _digest(request: VideoRequest) -> str:
    said = asdict(request)
    del said["warnings"]  # they follow from what was asked
    for each, wish in zip(said["references"], request.references, strict=True):
        del each["place"]  # which is how it was written
        if isinstance(wish.source, OwnVideo):
            each["source"] = {"job": wish.source.id}
    said |= said.pop("wishes")  # as they were digested when keys were first kept
    asked = {name: value for name, value in said.items() if name not in LATER or value not in (None, (), False)}
    return hashlib.sha256(orjson.dumps(asked, default=_digested, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _digested(value: object) -> str:
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()
