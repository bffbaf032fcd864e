"""Half the evaluations against all of them and against half the steps: pictures compared, prompts checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from app.embedded.checker import look
from app.embedded.evaluate import held_out_questions, judge
from app.embedded.profile import profile
from app.engine.denoiser import Conditioning, Frames
from app.engine.families.embedded import load_denoiser
from app.engine.families.wan import WanDenoiser
from app.engine.reuse import forecast, remember
from app.types import Plan
from benchmarks.figures import at_least
from benchmarks.jobs import Job, plan_of

BATCH = 8
JUDGED = ("ground", "colour", "shape", "motion")
_WINDOW = 8  # of the structural similarity, in pixels
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


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
        videos = {name: _made(denoiser, row) for name, row in runs.items()}
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
    return replace(plan, sampling=replace(plan.sampling, steps=steps, budget=budget))


def _made(denoiser: WanDenoiser, plans: Sequence[Plan]) -> list[Frames]:
    """Frames of plans of one shape and length, stepped together as the engine does."""
    frames: list[Frames] = []
    for first in range(0, len(plans), BATCH):
        states = []
        for number, plan in enumerate(plans[first : first + BATCH]):
            heard = Conditioning(*denoiser.encode([plan.prompt, plan.negative_prompt]))
            states.append(denoiser.start(str(number), plan, heard))
        while not states[0].done:
            if states[0].forecast:  # all have the same mask
                for state in states:
                    denoiser.advance(state, forecast(state.history, state.sigma))
                continue
            for state, velocity in zip(states, denoiser.predict(states), strict=True):
                remember(state, velocity)
                denoiser.advance(state, velocity)
        frames += [denoiser.decode(state) for state in states]
    return frames


def _likeness(full: Sequence[Frames], other: Sequence[Frames]) -> dict[str, float]:
    """Means over videos of the signal-to-noise ratio (dB) and the structural similarity to the full run."""
    ratios = [psnr(one, another) for one, another in zip(full, other, strict=True)]
    alike = [ssim(one, another) for one, another in zip(full, other, strict=True)]
    return {"psnr_db": round(float(np.mean(ratios)), 3), "ssim": round(float(np.mean(alike)), 4)}


def psnr(one: Frames, other: Frames) -> float:
    """Peak signal-to-noise ratio in dB of two videos, uint8 (F, H, W, 3); 99 for equal ones."""
    error = float(np.square(one.astype(np.float64) - other).mean())
    return 99.0 if error == 0 else min(99.0, 10 * float(np.log10(255**2 / error)))


def ssim(one: Frames, other: Frames) -> float:
    """Mean structural similarity in brightness over windows of 8 pixels (Wang et al., 2004, with a flat window)."""
    x, y = (_windows(video.astype(np.float64).mean(-1)) for video in (one, other))
    mean_x, mean_y = x.mean((-1, -2)), y.mean((-1, -2))
    var_x, var_y = x.var((-1, -2)), y.var((-1, -2))
    both = (x * y).mean((-1, -2)) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + _C1) * (2 * both + _C2)
    return float((alike / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2))).mean())


def _windows(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """All windows, every fourth pixel: (F, rows, columns, 8, 8)."""
    found = np.lib.stride_tricks.sliding_window_view(grey, (_WINDOW, _WINDOW), axis=(1, 2))
    return found[:, ::4, ::4]
