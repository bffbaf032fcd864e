"""Similar starts: a plan comes in, and the same plan goes out, beginning with a like video of the caller's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from app.cache.similar import Latent, Note, SimilarIndex, entry_of, keep_latent, scope_of
from app.cache.store import SIMILAR, ByteCache
from app.errors import KinorayError
from app.plan.prompt.worlds import World
from app.plan.sentences import Sentences
from app.plan.similar.similar import Choice, Kept, choose
from app.plan.similar.table import SimilarTable, table_for
from app.plan.work import evaluations
from app.telemetry import CACHE_HITS, CACHE_MISSES, CACHE_SAVED, STEP_SECONDS_SAVED
from app.types import CacheUse, Estimate, Job, Plan, Start

GONE = "The similar video that it was to begin with is no longer kept; it began at noise."
VECTOR_S = 2.0  # no request waits longer for what may spare it a few steps, as while the text encoder is loading
WORTH_SHARE = 0.4  # of a job's step-seconds: what a start with its latent is taken to save


class Similar(Protocol):
    """The ports that look for a similar start."""

    @property
    def sentences(self) -> Sentences: ...
    @property
    def similar(self) -> SimilarIndex: ...
    @property
    def worlds(self) -> Mapping[str, World]: ...
    @property
    def starts(self) -> Mapping[str, SimilarTable]: ...


@dataclass(frozen=True, slots=True)
class ReplicaCaches:
    """The ports to what a replica takes from the caches and puts there."""

    cache: ByteCache
    similar: SimilarIndex
    sentences: Sentences


async def with_start(plan: Plan, tenant: str, ports: Similar) -> Plan:
    """The plan with a similar start and what it then costs; itself where there is none, or nobody can say."""
    if plan.student is not None or plan.draft is not None or plan.references:  # whose latents hold more than a video
        return plan
    if plan.sampling.zero_steps or plan.sampling.levels:  # which begin at noise
        return plan
    try:
        vector = (await asyncio.wait_for(ports.sentences.embed([plan.prompt]), VECTOR_S))[0]
    except (KinorayError, asyncio.TimeoutError, TimeoutError):
        return plan
    found = await ports.similar.near(scope_of(plan, tenant), vector)
    kept = [Kept(near.note.entry, near.note.prompt, near.note.seed, near.similarity) for near in found]
    table = table_for(ports.starts, plan.model, plan.revision)
    choice = choose(plan, kept, ports.worlds.get(plan.model), table)
    return plan if choice is None else begun(plan, choice)


def begun(plan: Plan, choice: Choice) -> Plan:
    """The plan with that start: it costs the evaluations that are left."""
    start = Start(choice.kept.entry, choice.step, choice.kept.similarity)
    whole, left = evaluations(plan), evaluations(replace(plan, start=start))
    if left >= whole:
        return plan
    spent = plan.estimate
    saved = spent.step_seconds * (1 - left / whole)
    start = replace(start, spared=whole - left, step_seconds=saved)
    return replace(plan, start=start, estimate=_less(spent, saved))


def _less(spent: Estimate, saved_s: float) -> Estimate:
    """Money and energy follow the device's time."""
    share = 1.0 if spent.device_seconds <= 0 else max(0.0, 1 - saved_s / spent.device_seconds)
    return Estimate(
        step_seconds=spent.step_seconds - saved_s,
        seconds=max(0.0, spent.seconds - saved_s),
        cost=None if spent.cost is None else spent.cost * share,
        device_seconds=max(0.0, spent.device_seconds - saved_s),
        energy_wh=None if spent.energy_wh is None else spent.energy_wh * share,
    )


async def remember(job: Job, latent: Latent, caches: ReplicaCaches, ttl_s: float) -> None:
    """Keep a finished job's final latent, so that later jobs of its tenant can begin with it.

    Only of jobs that began at noise: starts on top of starts would drift.
    """
    if job.plan.student is not None:  # whose videos begin with no other one
        return
    scope = scope_of(job.plan, job.tenant)
    entry = entry_of(scope, job.id)
    try:
        vector = (await caches.sentences.embed([job.plan.prompt]))[0]
    except KinorayError:
        return
    worth = WORTH_SHARE * job.plan.estimate.step_seconds
    if await keep_latent(caches.cache, entry, latent, ttl_s, worth):
        await caches.similar.note(scope, Note(entry, job.plan.prompt, job.plan.sampling.seed), vector, ttl_s)


def use_of(plan: Plan, skipped: int, before: CacheUse) -> CacheUse:
    """What a job says of its similar start, `skipped` being the steps that it really left out."""
    start = plan.start
    if start is None:
        return before
    if skipped == 0:
        return replace(before, kind="none", hit=False, similarity=start.similarity, steps_skipped=0, note=GONE)
    return replace(
        before,
        kind="similar",
        hit=True,
        similarity=round(start.similarity, 4),
        steps_skipped=skipped,
        saved_step_seconds=start.step_seconds,
    )


def figures_of(job: Job, skipped: int) -> dict[str, float]:
    """What the meter is told of a finished job that was allowed a similar start."""
    start = job.plan.start
    if not job.wishes.similar or not job.wishes.cache.reads:
        return {}
    if start is None or skipped == 0:
        return {f"{CACHE_MISSES}:{SIMILAR}": 1}
    saved = start.step_seconds
    return {f"{CACHE_HITS}:{SIMILAR}": 1, STEP_SECONDS_SAVED: saved, f"{CACHE_SAVED}:{SIMILAR}": saved}
