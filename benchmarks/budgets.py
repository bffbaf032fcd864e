"""Half the evaluations against all of them and against half the steps: pictures compared, prompts checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from rich.console import Console

from app.calibration.offline import made
from app.embedded.checker.checker import look
from app.embedded.checker.evaluate import held_out_questions, judge
from app.embedded.profile import profile
from app.engine.denoiser import Frames
from app.engine.families.embedded import load_denoiser
from app.plan.masks.table import with_masks
from app.plan.tables import load_tables
from app.types import Plan
from app.video.likeness import psnr, ssim
from benchmarks.figures import at_least
from benchmarks.jobs import Job, plan_of

JUDGED = ("ground", "colour", "shape", "motion")


def measure(prompts: int, steps: int, console: Console) -> dict[str, Any]:
    """For both samplers: the full run, half its evaluations by masks, and half its steps, on held-out prompts."""
    denoiser = load_denoiser("float32")
    questions = held_out_questions(prompts, 1, seed=0)
    figures: dict[str, Any] = {"prompts": prompts, "steps": steps}
    for sampler in profile().samplers:
        plans = [
            plan_of(Job(question.prompt, steps, 17, seed), sampler=sampler) for seed, question in enumerate(questions)
        ]
        runs = {
            "full": plans,
            "half_budget": [_with(plan, steps, steps // 2) for plan in plans],
            "half_steps": [_with(plan, steps // 2, steps // 2) for plan in plans],
        }
        videos = {name: made(denoiser, row) for name, row in runs.items()}
        rates = {name: judge(questions, [look(torch.from_numpy(v)) for v in row]).rates for name, row in videos.items()}
        shares = {name: {key: round(rate[key].share, 4) for key in JUDGED} for name, rate in rates.items()}
        like = {name: _likeness(videos["full"], videos[name]) for name in ("half_budget", "half_steps")}
        mean = {name: sum(row.values()) / len(row) for name, row in shares.items()}
        figures[sampler] = {
            "half_budget": like["half_budget"],
            "half_steps": like["half_steps"],
            "psnr_gain_db": at_least(like["half_budget"]["psnr_db"] - like["half_steps"]["psnr_db"], 1.0),
            "ssim_gain": at_least(like["half_budget"]["ssim"] - like["half_steps"]["ssim"], 0.0),
            "adherence": shares,
            "adherence_change_points": at_least(100 * (mean["half_budget"] - mean["full"]), -1.0),
        }
        console.print(f"[dim]{sampler}: {figures[sampler]}[/dim]")
    return figures


def _with(plan: Plan, steps: int, budget: int) -> Plan:
    sampling = replace(plan.sampling, steps=steps, budget=budget)
    return with_masks(replace(plan, sampling=sampling, masks=None), load_tables().masks)


def _likeness(full: Sequence[Frames], other: Sequence[Frames]) -> dict[str, float]:
    """Means over videos of the signal-to-noise ratio (dB) and the structural similarity to the full run."""
    ratios = [psnr(one, another) for one, another in zip(full, other, strict=True)]
    alike = [ssim(one, another) for one, another in zip(full, other, strict=True)]
    return {"psnr_db": round(float(np.mean(ratios)), 3), "ssim": round(float(np.mean(alike)), 4)}
