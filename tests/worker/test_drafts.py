"""A draft outside the engine: stored, told, playable while its job goes on, and never the job's undoing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from app.cache.keys import plan_digest
from app.cache.results import ResultCache
from app.engine.sinks import DraftVerdict
from app.errors import LeaseLost, ServiceUnavailable
from app.plan.speculative.speculative import plain_walk
from app.service.artifact_refs import forget_artifacts
from app.types import FirstDraft, Job, Measured, Phase, Plan, StudentOfModel
from app.types.waveform import Waveform
from app.worker.attempt import Attempt
from app.worker.drafts import Drafts
from app.worker.finishing import JobFinisher
from app.worker.ports import StoredDraft
from tests.worker.workplace import SHORT, Workplace

pytestmark = pytest.mark.anyio
Make = Callable[..., Workplace]
STUDENT = StudentOfModel("abc", (1.0, 0.5))
FRAMES = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), np.uint8)


def speculative(most_residual: float = 1e9, step: int = 3) -> Plan:
    few = replace(SHORT.sampling, steps=2, budget=2, guidance=1.0)
    return replace(SHORT, draft=FirstDraft(few, STUDENT, step=step, level=0.8, most_residual=most_residual))


async def content(here: Workplace, job: Job, variant: str) -> bytes:
    return b"".join([chunk async for chunk in here.stores.artifacts.read(job.artifacts[variant])])


class Blind:
    """The Finishing port of somebody who cannot store drafts."""

    def __init__(self, finisher: JobFinisher) -> None:
        self._finisher = finisher

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        raise ServiceUnavailable("nobody")

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        await self._finisher.finish(job_id, fence, frames, measured, heard)


async def test_a_draft_is_told_before_the_end_and_both_videos_stay_playable(workplace: Make) -> None:
    here = workplace()
    done = await here.run(plan=speculative())
    assert done.phase is Phase.COMPLETED
    events = {event.kind: event.data for event in await here.events(done)}
    kinds = [event.kind for event in await here.events(done)]
    assert kinds.index("draft") < kinds.index("refine") < kinds.index("end")
    assert events["draft"].items() >= {"variant": "draft", "width": 64, "frames": 5, "fps": 8, "steps": 2}.items()
    assert events["refine"].items() >= {"verdict": "kept", "from_step": 3, "total_steps": 6, "steps_saved": 3}.items()
    assert done.draft is not None
    assert (done.draft.verdict, done.draft.step) == ("kept", 3)
    assert done.artifacts["draft"] == done.draft.artifact
    draft, video = await content(here, done, "draft"), await content(here, done, "video")
    assert hashlib.sha256(draft).hexdigest() == done.draft.sha256
    assert events["draft"]["size_bytes"] == len(draft)
    assert draft != video
    assert done.measured is not None
    assert done.measured.evaluations == 2 + 3


async def test_a_rejected_draft_is_told_as_such_and_its_video_is_the_plain_plans(workplace: Make) -> None:
    here = workplace()
    done, plain = await here.run(plan=speculative(0.0)), await here.run(plan=SHORT)
    assert done.draft is not None
    assert (done.draft.verdict, done.draft.step, done.draft.residual is not None) == ("rejected", 0, True)
    refine = next(event.data for event in await here.events(done) if event.kind == "refine")
    assert refine.items() >= {"verdict": "rejected", "from_step": 0, "noise_level": 1.0, "most_residual": 0.0}.items()
    assert done.artifacts["video"].size_bytes == plain.artifacts["video"].size_bytes
    assert done.measured is not None
    assert done.measured.evaluations == 2 + 1 + 6


async def test_a_draft_that_nobody_stores_is_not_told_and_costs_the_job_nothing(workplace: Make) -> None:
    there = workplace()
    here = workplace(finishing=Blind(there.parts.finishing), stores=there.stores)  # type: ignore[arg-type]
    done = await here.run(plan=speculative())
    assert done.phase is Phase.COMPLETED
    assert "draft" not in done.artifacts
    assert [event.kind for event in await here.events(done) if event.kind in ("draft", "refine")] == ["refine"]


async def test_a_later_attempt_leaves_a_draft_alone_that_has_been_shown(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased(plan=speculative())
    drafts = Drafts(job, fence, here.stores, here.parts.finishing, here.parts.background)
    drafts.made(FRAMES)
    await drafts.settle()
    first = (await here.stores.jobs.get(job.id)).draft
    await here.stores.jobs.requeue(job.id, fence, here.time.unix(), lost=True)
    await Attempt(job.id, await here.lease(job), here.parts).run()
    done = await here.stores.jobs.get(job.id)
    assert first is not None
    assert done.artifacts["draft"] == first.artifact
    assert [event.kind for event in await here.events(done)].count("draft") == 1
    assert done.draft is not None
    assert done.draft.verdict == "kept"


async def test_one_who_has_lost_the_job_tells_nothing_and_takes_no_file_away(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased(plan=speculative())
    old = Drafts(job, fence, here.stores, here.parts.finishing, here.parts.background)
    old.made(FRAMES)
    await old.settle()
    await here.stores.jobs.requeue(job.id, fence, here.time.unix(), lost=True)
    old.judged(DraftVerdict("kept", 0.1, 3, 0.8))
    await old.settle()
    now = await here.stores.jobs.get(job.id)
    assert now.draft is not None
    assert now.draft.verdict == "pending"
    with pytest.raises(LeaseLost):
        await here.parts.finishing.finish(job.id, fence, FRAMES, Measured())
    assert now.draft.artifact is not None
    assert await here.stores.artifacts.exists(now.draft.artifact)


async def test_the_draft_of_a_job_that_made_no_more_goes_with_its_record(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased(plan=speculative())
    drafts = Drafts(job, fence, here.stores, here.parts.finishing, here.parts.background)
    drafts.made(FRAMES)
    await drafts.settle()
    gone = await here.stores.jobs.delete(job.id, job.tenant)
    assert gone.draft is not None
    assert gone.draft.artifact is not None
    await forget_artifacts(gone, here.stores.board, here.stores.artifacts)
    assert not await here.stores.artifacts.exists(gone.draft.artifact)


async def test_a_video_whose_draft_failed_is_kept_as_what_it_is_the_plain_plans(workplace: Make) -> None:
    here = workplace()
    plan = replace(speculative(), sampling=replace(SHORT.sampling, seed=11))
    job, fence = await here.leased(plan=plan)
    drafts = Drafts(job, fence, here.stores, here.parts.finishing, here.parts.background)
    drafts.judged(DraftVerdict("failed"))
    await drafts.settle()
    await here.parts.finishing.finish(job.id, fence, FRAMES, Measured())
    results = ResultCache(here.parts.caches.cache)
    assert await results.get(plan_digest(plain_walk(plan), job.tenant)) is not None
    assert await results.get(plan_digest(plan, job.tenant)) is None
