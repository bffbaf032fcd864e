"""The draft of a speculative video on the wire: where it is, and how much of it the video was made from."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.plan.speculative.speculative import KEPT, PENDING, steps_saved
from app.types import DraftUse, Job

NONE = "none"  # of a job that ended without a draft of its own: a repeat, or it failed before


class VideoDraft(BaseModel):
    """A draft, and what became of it; before the verdict, what is planned."""

    url: str | None = Field(description="Where it is, once it can be played")
    after_s: float | None = Field(description="Seconds from the job's acceptance until then; null before")
    verdict: str = Field(description="pending, kept, rejected, uncalibrated (shown, not gone on from), failed or none")
    from_step: int = Field(description="The first step of the plan that is walked behind it; 0: from noise")
    noise_level: float = Field(description="To which it is noised again, 0 to 1; 1: the plan begins at noise")
    steps_saved: int = Field(description="Evaluations of the plan that it spares, before its own are counted")
    residual: float | None = Field(
        description="How far the model guesses from it, or the share not seen in it; null: nobody looked"
    )
    most_residual: float | None = Field(description="How far it may be; null: it is not gone on from")


def draft_object(job: Job, maker: Job, base: str, kept: bool) -> VideoDraft | None:
    """As clients see it; `maker` is the job whose video this one waits for, or itself, `kept` whether files still are.

    `base` is the address before `/v1` under which the client reaches the service.
    """
    plan = job.plan.draft
    if plan is None:
        return None
    use = maker.draft or DraftUse()
    playable = kept and (use.artifact is not None or "draft" in job.artifacts)
    goes_on = plan.calibrated and (use.verdict == KEPT or (use.verdict == PENDING and not job.phase.ended))
    return VideoDraft(
        url=f"{base}/v1/videos/{job.id}/content?variant=draft" if playable else None,
        after_s=None if use.at is None else round(max(0.0, use.at - job.created_at), 3),
        verdict=NONE if use.verdict == PENDING and job.phase.ended else use.verdict,
        from_step=plan.step if goes_on else 0,
        noise_level=plan.level if goes_on else 1.0,
        steps_saved=steps_saved(job.plan) if goes_on else 0,
        residual=use.residual,
        most_residual=plan.most_residual if plan.calibrated else None,
    )
