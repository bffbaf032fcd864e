"""Three shapes of the built-in model side by side: packed into one forward, batched by shape, one after another."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console

from app.engine.denoiser import Conditioning, JobState
from app.engine.families.embedded import load_denoiser
from app.engine.families.family_denoiser import FamilyDenoiser
from app.line.packing import SLOWER
from benchmarks.figures import spread
from benchmarks.jobs import FRAMES, Job, plan_of


def measure(rounds: int, console: Console) -> dict[str, Any]:
    """Ratios of this process' own processor time, on one thread: who else uses the machine then counts little."""
    denoiser = load_denoiser("float32", threads=1)
    figures: dict[str, Any] = {"unit": "processor time of a step of all jobs ÷ the same one after another"}
    for each in (1, 2):
        figures[f"{each}_of_each_of_three_shapes"] = _of(denoiser, _started(denoiser, each), rounds)
    figures["one_each_of_two_shapes"] = _of(denoiser, _started(denoiser, 1)[1:], rounds)
    for name, figure in figures.items():
        console.print(f"[dim]{name}: {figure}[/dim]")
    return figures


def _started(denoiser: FamilyDenoiser, each: int) -> list[JobState]:
    states = []
    for number, frames in enumerate(FRAMES * each):
        plan = plan_of(Job("a red ball rises on a sand background", 10, frames, number))
        plan = replace(plan, sampling=replace(plan.sampling, guidance=3.0))
        prompts = denoiser.encode([plan.prompt, plan.negative_prompt])
        states.append(denoiser.start(str(number), plan, Conditioning(*prompts)))
    return states


def _of(denoiser: FamilyDenoiser, states: Sequence[JobState], rounds: int) -> dict[str, Any]:
    shapes = list(dict.fromkeys(state.shape for state in states))
    by_shape = [[state for state in states if state.shape == shape] for shape in shapes]
    ways: dict[str, list[list[JobState]]] = {
        "packed": [list(states)],
        "by_shape": by_shape,
        "one_after_another": [[state] for state in states],
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, dict[str, torch.Tensor]] = {name: {} for name in ways}
    for turn in range(rounds + 1):
        for name, batches in ways.items():
            began = time.process_time()
            for batch in batches:
                made = denoiser.predict(batch)
                answers[name].update({state.job_id: one for state, one in zip(batch, made, strict=True)})
            if turn:
                took[name].append(time.process_time() - began)
    apart = statistics.median(took["one_after_another"])
    packed, by_shape_s = (statistics.median(took[name]) for name in ("packed", "by_shape"))
    furthest = max(
        float((answers["packed"][name] - one).abs().max()) for name, one in answers["one_after_another"].items()
    )
    return {
        "packed": round(packed / apart, 3),
        "by_shape": round(by_shape_s / apart, 3),
        "packed_to_by_shape": round(packed / by_shape_s, 3),
        "formed_by_the_rules": packed / by_shape_s <= 0.9,
        "no_others_tried": packed / by_shape_s > SLOWER,
        "differ_by": furthest,
        "ms": {name: spread([1000 * each for each in times], 2) for name, times in took.items()},
    }
