"""Draft and refine: what it spares, what it costs in adherence, how well its check tells, and when there is a video.

Held-out prompts that no calibration has seen are each made by the plain plan and by the speculative one of that seed,
judged by the checker. Times are of a real Kinoray on this machine, a job after the other, nothing cached.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

import numpy as np
from rich.console import Console

from app.calibration.draft_rules import ALLOWED_LOSS, Seen, auc
from app.calibration.drafts import Drafting
from app.client.client import Kinoray
from app.client.records import VideoDraft
from app.embedded.checker.evaluate import held_out_questions
from app.embedded.checker.judge import Adherence
from app.embedded.profile import profile
from app.embedded.world.pairs import Question
from app.engine.families.embedded import load_denoiser
from app.plan.speculative.speculative import maker_of
from app.plan.speculative.table import DraftRow, table_for
from app.plan.tables import load_tables
from benchmarks.figures import at_least, at_most

TIER: Final = "auto"
LONGEST: Final = "premium"
SEED: Final = 77  # of prompts that no calibration has seen
PROGRESS: Final = Path("runs") / "benchmark-draft.json"
"""What was measured is not measured again, so that a run that was broken off goes on."""
MOST_LOST, MOST_EVALUATIONS, MOST_OF_PLAIN_S = 1.0, 0.75, 0.25
PREVIEW_P50_S: Final = 1.0


def measure(prompts: int, console: Console) -> dict[str, Any]:
    """Adherence and evaluations over so many prompts, two of three of one subject, with resampled 95 % intervals."""
    model, tables = profile(), load_tables()
    table = table_for(tables.drafts, model.id, model.revision, maker_of(model))
    row = next((row for row in table.rows if row.tier == TIER), None) if table is not None else None
    if row is None:
        return {"skipped": "these weights and this student were not calibrated: kinoray calibrate drafts"}
    singles = -(-2 * prompts // 3)
    questions = [*held_out_questions(singles, 1, SEED), *held_out_questions(prompts - singles, 2, SEED)]
    drafting = Drafting(load_denoiser("float32"), model, Adherence(questions), tables, PROGRESS)
    texts = list(dict.fromkeys(question.prompt for question in questions))
    seen = drafting.seen(TIER, texts, (row.level,), lambda line: console.print(f"[dim]{line}[/dim]"))
    subjects = {question.prompt: len(question.ask[1]) for question in questions}
    figures = _compared(seen, row)
    for count, name in ((1, "one_subject"), (2, "two_subjects")):
        part = [each for prompt, each in zip(texts, seen, strict=True) if subjects[prompt] == count]
        figures[name] = _compared(part, row) if part else {}
    return {"revision": model.revision, "maker": maker_of(model), "tier": TIER, "level": row.level} | figures


def _compared(seen: Sequence[Seen], row: DraftRow) -> dict[str, Any]:
    name = f"{row.level:g}"
    seen = [each.by_sight() for each in seen] if row.looked_at else seen
    kept = [each.tried[name].residual <= row.most_residual for each in seen]
    made = [each.tried[name].quality if keep else each.plain for each, keep in zip(seen, kept, strict=True)]
    spent = [
        each.draft_evaluations + each.tried[name].evaluations if keep else each.thrown_evaluations
        for each, keep in zip(seen, kept, strict=True)
    ]
    lost = [each.plain - quality for each, quality in zip(seen, made, strict=True)]
    plain_evaluations = fmean(each.evaluations for each in seen)
    found = auc(seen, row.level)
    loses = [each.tried[name].quality < each.plain for each in seen]
    return {
        "prompts": len(seen),
        "adherence": {
            "plain": round(fmean(each.plain for each in seen), 2),
            "draft": round(fmean(each.draft for each in seen), 2),
            "all_kept": round(fmean(each.tried[name].quality for each in seen), 2),
            "speculative": round(fmean(made), 2),
        },
        "points_lost": at_most(round(fmean(lost), 2), MOST_LOST),
        "points_lost_95": _resampled(lost),
        "allowed_in_calibration": ALLOWED_LOSS,
        "guided_evaluations": {"plain": round(plain_evaluations, 2), "speculative": round(fmean(spent), 2)},
        "evaluations_share": at_most(round(fmean(spent) / plain_evaluations, 4), MOST_EVALUATIONS),
        # How well the check tells drafts from which the video comes out worse than without: honest, if not flattering.
        "check": {
            "kept": round(fmean(kept), 4),
            "auc": None if found is None else round(found, 3),
            "drafts_that_lose": sum(loses),
            "of_these_rejected": sum(bad and not keep for bad, keep in zip(loses, kept, strict=True)),
        },
    }


def _resampled(lost: Sequence[float]) -> list[float]:
    """The 95 % interval of the mean, the prompts drawn again 2000 times."""
    dice = np.random.default_rng(0)
    means = np.asarray(lost)[dice.integers(0, len(lost), (2000, len(lost)))].mean(1)
    return [round(float(end), 2) for end in np.quantile(means, (0.025, 0.975))]


async def served(url: str, jobs: int, console: Console) -> dict[str, Any]:
    """Seconds until there is a video to play, as the service counts them, of so many jobs of each kind in turns.

    The tier that decides for itself; beside it, in the same turns, the one that takes the most steps that are judged.
    """
    questions = held_out_questions(jobs + 1, 1, SEED)
    runs, previews = {tier: _Run() for tier in (TIER, LONGEST)}, []
    async with Kinoray(url) as client:
        for tier in runs:
            await _made(client, questions[-1], tier=tier, speculative=True)  # warm
        for number, question in enumerate(questions[:jobs], start=1):
            for tier, run in runs.items():
                run.plain.append((await _made(client, question, tier=tier))[0])
                run.add(*await _made(client, question, tier=tier, speculative=True))
            previews.append((await _made(client, question, tier="preview"))[0])
            console.print(f"[dim]{number} of {jobs}[/dim]")
    return {
        "jobs": jobs,
        **runs[TIER].figures(),
        "preview_p50_s": at_most(round(median(previews), 3), PREVIEW_P50_S),
        "preview_p95_s": round(float(np.quantile(previews, 0.95)), 3),
        LONGEST: runs[LONGEST].figures(),
    }


@dataclass
class _Run:
    """Seconds of the jobs of one tier, those of each prompt in one place."""

    plain: list[float] = field(default_factory=list)
    speculative: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    def add(self, took_s: float, draft: VideoDraft | None) -> None:
        self.speculative.append(took_s)
        if draft is not None:
            self.first.append(draft.after_s or took_s)
            self.verdicts.append(draft.verdict)

    def figures(self) -> dict[str, Any]:
        whole = {"plain": self.plain, "speculative": self.speculative}
        p50 = {kind: median(each) for kind, each in whole.items()} | {"first_playable": median(self.first)}
        return {
            "p50_s": {kind: round(each, 3) for kind, each in p50.items()},
            "p95_s": {kind: round(float(np.quantile(each, 0.95)), 3) for kind, each in whole.items()},
            "first_playable_share_of_plain": at_most(round(p50["first_playable"] / p50["plain"], 4), MOST_OF_PLAIN_S),
            "verdicts": {verdict: self.verdicts.count(verdict) for verdict in sorted(set(self.verdicts))},
            "seconds_saved_of_the_whole": at_least(round(p50["plain"] - p50["speculative"], 3), 0.0),
        }


async def _made(client: Kinoray, question: Question, **wishes: Any) -> tuple[float, VideoDraft | None]:
    began = time.monotonic()
    asked = await client.create(question.prompt, cache={"mode": "off"}, **wishes)
    video = await client.wait(asked.id)
    if video.status != "completed":
        raise RuntimeError(f"{video.id} failed: {video.error}")
    return time.monotonic() - began, video.draft
