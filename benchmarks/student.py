"""The distilled student against its teacher's 30 steps, and the preview tier with it against that without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import torch
from rich.console import Console

from app.calibration.offline import made
from app.embedded.checker.checker import look
from app.embedded.checker.evaluate import held_out_questions, judge
from app.embedded.checker.rates import Rate
from app.embedded.profile import profile
from app.embedded.world.pairs import Question
from app.engine.denoiser import Denoiser, Frames
from app.engine.families.embedded import load_denoiser
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.plan.tables import load_tables
from app.plan.work import evaluations
from app.settings import Settings
from app.types import ModelProfile, Plan, VideoRequest
from benchmarks.figures import at_least

STEPS: Final = 30
LOSES: Final = {1: -2.0, 2: -5.0}
"""By the number of subjects: points of 100 that the student may lose against the run of 30 steps."""


def measure(prompts: int, console: Console) -> dict[str, Any]:
    """Adherence to held-out prompts of one subject, and half as many of two, with 95 % intervals; evaluations of each.

    Each prompt has the same seed in all runs. An attribute's difference is in points; targets are for the means.
    """
    denoiser, with_student = load_denoiser("float32"), profile()
    if with_student.student is None:
        return {"skipped": "these weights have no student"}
    without = replace(with_student, tiers=(), student=None)
    figures: dict[str, Any] = {"revision": with_student.revision, "student": with_student.student.revision}
    for subjects, name in ((1, "one_subject"), (2, "two_subjects")):
        questions = held_out_questions(-(-prompts // subjects), subjects, seed=0)
        runs = {
            "full": _plans(questions, without, steps=STEPS),
            "preview_before": _plans(questions, without, tier="preview"),
            "student": _plans(questions, with_student, tier="preview"),
        }
        rates = {run: _rates(questions, _videos(denoiser, plans)) for run, plans in runs.items()}
        means = {run: _mean(each) for run, each in rates.items()}
        figures[name] = {
            "prompts": len(questions),
            "evaluations": {run: _mean_cost(plans) for run, plans in runs.items()},
            "adherence": {run: {key: _told(rate) for key, rate in each.items()} for run, each in rates.items()},
            "mean": {run: round(mean, 2) for run, mean in means.items()},
            "change_points": at_least(round(means["student"] - means["full"], 2), LOSES[subjects]),
            "change_to_preview_before_points": round(means["student"] - means["preview_before"], 2),
        }
        console.print(f"[dim]{name}: {figures[name]}[/dim]")
    return figures


def _plans(questions: Sequence[Question], model: ModelProfile, **wishes: Any) -> list[Plan]:
    catalogue, tables, settings = Catalogue([model], model.id), load_tables(), Settings()
    return [
        make_plan(VideoRequest(one.prompt, seed=seed, **wishes), catalogue, settings, UNKNOWN, lambda: 0, tables)
        for seed, one in enumerate(questions)
    ]


def _videos(denoiser: Denoiser, plans: Sequence[Plan]) -> list[Frames]:
    """In the order of the plans; those of one length and mask are walked together."""
    alike: dict[object, list[int]] = {}
    for place, plan in enumerate(plans):
        alike.setdefault(plan.masks, []).append(place)
    found: dict[int, Frames] = {}
    for places in alike.values():
        found.update(zip(places, made(denoiser, [plans[place] for place in places]), strict=True))
    return [found[place] for place in range(len(plans))]


def _rates(questions: Sequence[Question], videos: Sequence[Frames]) -> dict[str, Rate]:
    return judge(questions, [look(torch.from_numpy(video)) for video in videos]).rates


def _mean(rates: dict[str, Rate]) -> float:
    return 100 * sum(rate.share for rate in rates.values()) / len(rates)


def _mean_cost(plans: Sequence[Plan]) -> float:
    """Passes of the denoiser, guided steps counting two."""
    return round(sum(2 * evaluations(plan) for plan in plans) / len(plans), 2)


def _told(rate: Rate) -> dict[str, float]:
    low, high = rate.interval
    return {"share": round(rate.share, 4), "low": round(low, 4), "high": round(high, 4), "n": rate.total}
