"""Similar starts: the steps that they save over the generated trace, what they cost in adherence, and what is refused.

The trace is that of `cache_trace`, every request with similar starts on and each done before the next comes; nothing of
it is denoised. Adherence is of held-out prompts on the built-in model, each made from noise and with a similar start at
the step that the committed table gives, judged by the same checker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean
from typing import Any

import numpy as np
import torch
from rich.console import Console

from app.cache.keys import plan_digest
from app.cache.similar import MemorySimilar, Note, entry_of, scope_of
from app.calibration.offline import walked
from app.calibration.similar import alike
from app.embedded.checker.checker import look
from app.embedded.checker.judge import JUDGED
from app.embedded.checker.rates import Rate, rates_of
from app.embedded.profile import profile
from app.embedded.sentences import EmbeddedSentences
from app.embedded.world.pairs import Pair, Question, changed, edited, reworded
from app.engine.denoiser import Frames
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.timing.step_times import warm_up_plan
from app.models.vocabularies import worlds
from app.plan.masks.table import with_masks
from app.plan.prompt.worlds import World
from app.plan.sentences import CachedSentences
from app.plan.similar.likeness import Asked
from app.plan.similar.table import SimilarTable, table_for
from app.plan.tables import load_tables
from app.plan.work import evaluations
from app.service.similar_start import with_start
from app.types import Plan, Start
from app.video.likeness import ssim
from benchmarks.cache_trace import TENANT, trace
from benchmarks.figures import at_least, at_most
from benchmarks.watched import fresh_denoiser

LEAST_SAVED, MOST_LOST = 0.14, 1.0  # targets: share of the trace's steps, points of adherence
STEPS = 30
SEED = 77  # of prompts that no calibration has seen
_BYTES, _FOREVER_S = 64 * 2**20, 1e9


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the story of similar starts asks, in this process."""

    sentences: CachedSentences
    similar: MemorySimilar
    worlds: Mapping[str, World]
    starts: Mapping[str, SimilarTable]


def measure(requests: int, seeds: int, pairs: int, console: Console) -> dict[str, Any]:
    """The trace with so many requests, once for each seed; adherence over so many pairs of prompts."""
    model = profile()
    table = table_for(load_tables().similar, model.id, model.revision)
    sentences = CachedSentences(EmbeddedSentences(threads=2), _BYTES, _FOREVER_S)
    saved = asyncio.run(_traces(requests, seeds, sentences, console))
    console.print(f"[dim]{saved}[/dim]")
    denoiser = fresh_denoiser()
    kept = alike(reworded(30 * pairs, SEED) + edited(30 * pairs, SEED), worlds()[model.id])
    Random(SEED).shuffle(kept)
    chosen = asyncio.run(_with_steps(kept, sentences, table, pairs))
    started = _compared(denoiser, chosen, console)
    loss = started["points_lost"]
    unlike = changed(max(4, pairs // 2), SEED)
    world = worlds()[model.id]
    refused = sum(Asked(now.prompt, world).differs(before.prompt) is not None for before, now in unlike)
    unguarded = _compared(denoiser, [(pair, int(0.5 * STEPS)) for pair in unlike], console)
    return {
        "trace": saved,
        "table": {"measured_on_these_weights": table.revision == model.revision, "rows": len(table.rows)},
        "adherence": started | {"points_lost": at_most(loss, MOST_LOST)},
        "guard": {"unlike_pairs": len(unlike), "refused": at_least(refused, len(unlike)), "had_they_begun": unguarded},
    }


async def _traces(requests: int, seeds: int, sentences: CachedSentences, console: Console) -> dict[str, Any]:
    found = [await _trace(trace(requests, seed), sentences) for seed in range(1, seeds + 1)]
    total = {name: sum(each[name] for each in found) for name in found[0]}
    of_all = [each["skipped"] / each["steps"] for each in found]
    return {
        "requests": requests,
        "traces": seeds,
        "steps_saved_of_all": at_least(total["skipped"] / total["steps"], LEAST_SAVED, least=round(min(of_all), 4)),
        "steps_saved_of_those_made": round(total["skipped"] / (total["steps"] - total["repeated"]), 4),
        "evaluations_saved_of_those_made": round(total["spared"] / total["evaluations"], 4),
        "steps_saved_by_repeats_of_all": round(total["repeated"] / total["steps"], 4),
        "begun_with_another": round(total["begun"] / (requests * seeds), 4),
    }


async def _trace(plans: Sequence[Plan], sentences: CachedSentences) -> dict[str, float]:
    """Sums over one trace; exact repeats are answered first, as the service does."""
    names = ("steps", "repeated", "skipped", "spared", "evaluations", "begun")
    sums = dict.fromkeys(names, 0.0)
    tables = load_tables()
    shelf = Shelf(sentences, MemorySimilar(), worlds(), tables.similar)
    made: set[str] = set()
    for number, asked in enumerate(plans):
        sampling = replace(asked.sampling, budget=min(asked.sampling.budget, asked.sampling.steps))
        plan = with_masks(replace(asked, sampling=sampling), tables.masks)
        steps, digest = sampling.steps, plan_digest(plan, TENANT)
        sums["steps"] += steps
        if digest in made:
            sums["repeated"] += steps
            continue
        made.add(digest)
        begun = await with_start(plan, TENANT, shelf)
        sums["evaluations"] += evaluations(plan)
        if begun.start is not None:
            sums["skipped"] += begun.start.step
            sums["spared"] += begun.start.spared
            sums["begun"] += 1
            continue
        scope = scope_of(plan, TENANT)
        note = Note(entry_of(scope, str(number)), plan.prompt, sampling.seed)
        await shelf.similar.note(scope, note, (await sentences.embed([plan.prompt]))[0], _FOREVER_S)
    return sums


async def _with_steps(
    pairs: Sequence[Pair], sentences: CachedSentences, table: SimilarTable, most: int
) -> list[tuple[Pair, int]]:
    """Pairs that may begin with each other, with the step that the table gives; at most so many."""
    found: list[tuple[Pair, int]] = []
    for before, now in pairs:
        one, other = await sentences.embed([before.prompt, now.prompt])
        step = int(table.share(float(np.dot(one, other))) * STEPS)
        if step and len(found) < most:
            found.append(((before, now), step))
    return found


def _compared(denoiser: FamilyDenoiser, pairs: Sequence[tuple[Pair, int]], console: Console) -> dict[str, Any]:
    """Adherence of the second prompts from noise and with the first ones' latents, video by video."""
    cold: list[Rate] = []
    warm: list[Rate] = []
    near: list[float] = []
    far: list[float] = []
    for step in sorted({step for _, step in pairs}):
        row = [pair for pair, its in pairs if its == step]
        before, asked = [pair[0].prompt for pair in row], [pair[1] for pair in row]
        sources = walked(denoiser, _plans(before, 50_000))
        shown = [denoiser.decode(state) for state in sources]
        prompts = [question.prompt for question in asked]
        from_noise = _videos(denoiser, _plans(prompts, 0))
        cold += _judged(asked, from_noise)
        begun = [replace(plan, start=Start("measured", step, 1.0)) for plan in _plans(prompts, 0)]
        begun_videos = _videos(denoiser, begun, [state.latent for state in sources])
        warm += _judged(asked, begun_videos)
        near += [ssim(one, other) for one, other in zip(begun_videos, shown, strict=True)]
        far += [ssim(one, other) for one, other in zip(from_noise, shown, strict=True)]
        console.print(f"[dim]begun at step {step}: {len(row)} pairs[/dim]")
    if not pairs:
        return {"pairs": 0, "points_lost": 0.0}
    lost = [100 * (one.share - other.share) for one, other in zip(cold, warm, strict=True)]
    return {
        "pairs": len(pairs),
        "mean_steps_skipped": round(fmean(step for _, step in pairs), 2),
        "cold": _told(cold),
        "similar": _told(warm),
        "points_lost": fmean(lost),
        "points_lost_95": _resampled(lost),
        # 1.0 would be a copy of the video that it began with.
        "ssim_to_the_other": {"similar": round(fmean(near), 3), "cold": round(fmean(far), 3)},
    }


def _plans(prompts: Sequence[str], first_seed: int) -> list[Plan]:
    base = warm_up_plan(profile())
    sampling = replace(base.sampling, steps=STEPS, budget=STEPS)
    seeded = [replace(sampling, seed=first_seed + number) for number in range(len(prompts))]
    return [replace(base, prompt=prompt, sampling=each) for prompt, each in zip(prompts, seeded, strict=True)]


def _videos(
    denoiser: FamilyDenoiser, plans: Sequence[Plan], latents: Sequence[torch.Tensor] | None = None
) -> list[Frames]:
    return [denoiser.decode(state) for state in walked(denoiser, plans, latents)]


def _judged(asked: Sequence[Question], videos: Sequence[Frames]) -> list[Rate]:
    """For each video how much of what was asked is seen."""
    rates = []
    for question, video in zip(asked, videos, strict=True):
        found = rates_of([question], [look(torch.from_numpy(video))])
        judged = [rate for name, rate in found.items() if name in JUDGED]
        rates.append(Rate(sum(rate.right for rate in judged), sum(rate.total for rate in judged)))
    return rates


def _told(rates: Sequence[Rate]) -> dict[str, Any]:
    """The mean of the videos' shares in points, and all that was asked with its 95 % interval."""
    whole = Rate(sum(rate.right for rate in rates), sum(rate.total for rate in rates))
    interval = [round(100 * end, 1) for end in whole.interval]
    points = round(100 * fmean(rate.share for rate in rates), 2)
    return {"points": points, "right": whole.right, "asked": whole.total, "interval_95": interval}


def _resampled(lost: Sequence[float]) -> list[float]:
    """The 95 % interval of the mean difference, the pairs drawn again 2000 times."""
    dice = np.random.default_rng(0)
    means = np.asarray(lost)[dice.integers(0, len(lost), (2000, len(lost)))].mean(1)
    return [round(float(end), 2) for end in np.quantile(means, (0.025, 0.975))]
