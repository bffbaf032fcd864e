"""The memory tier on a generated trace: what it answers of what it could, and whom three policies let leave.

A pure simulation with the shipped tier, its facades and plans of the built-in model; nothing is denoised, and there is
no Redis and no Ray. Sessions edit their own prompts, 12 % of the requests are exact repeats, popular by Zipf's law.
What is popular stays so to the trace's end, which is what a count of uses that never fades is best at.
"""

from __future__ import annotations

import asyncio
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.cache.embeddings import EmbeddingCache
from app.cache.keys import embedding_key, plan_digest
from app.cache.memory import MemoryCache
from app.cache.packed import PackedCache
from app.cache.policy import Benefit, LeastFrequent, LeastRecent, Policy
from app.cache.results import CachedResult, ResultCache
from app.cache.store import EMBEDDINGS, RESULTS
from app.embedded.profile import profile
from app.settings import Settings
from app.types import Artifact, ModelProfile, Plan
from benchmarks.figures import at_least
from benchmarks.jobs import FRAMES, LEAST_STEPS, MOST_STEPS, mixed, plan_of

REPEATS = 0.12
EDITS = 0.45  # of the other requests, those that go on in a session under way
SESSIONS = 40  # under way at a time
ZIPF = 1.0
TENANT = "public"
NEGATIVES = ("", "blurry, low quality", "text, watermark")
TOKENS, WIDTH = 48, 384  # of the built-in model's text encoder
ENCODE_S = 0.012  # a prompt on two cores
FOREVER_S = 1e9
PARTS = (0.02, 0.05, 0.1, 0.25)  # of the bytes of all that the trace makes
POLICIES: dict[str, Callable[[], Policy]] = {"benefit": Benefit, "lru": LeastRecent, "lfu": LeastFrequent}


@dataclass(slots=True)
class Tally:
    """What one run of the trace came to."""

    possible: int = 0
    hits: int = 0
    saved: float = 0.0
    wanted_texts: int = 0
    text_hits: int = 0
    size_bytes: int = 0
    evictions: int = 0


def measure(requests: int, seeds: int, console: Console) -> dict[str, Any]:
    """Hit rates by level at the default size, and what each policy saves in memories that are too small.

    Sums over so many traces: one alone says little of a small memory.
    """
    traces = [trace(requests, seed) for seed in range(seeds)]
    console.print(f"[dim]{seeds} traces of {requests} requests[/dim]")
    whole = [run(plans, Settings().cache_memory_bytes, Benefit()) for plans in traces]
    return {
        "requests": requests,
        "traces": seeds,
        "repeats": round(_sum(whole, "possible") / (requests * seeds), 4),
        "default_memory": {
            "of_possible_exact_hits": at_least(_sum(whole, "hits") / max(1, _sum(whole, "possible")), 0.95),
            "hit_rate": {
                RESULTS: round(_sum(whole, "hits") / (requests * seeds), 4),
                EMBEDDINGS: round(_sum(whole, "text_hits") / max(1, _sum(whole, "wanted_texts")), 4),
            },
            "size_bytes_of_one": whole[0].size_bytes,
        },
        "small_memory": {"both_levels": _compared(traces, True), "results_alone": _compared(traces, False)},
    }


def _sum(tallies: Sequence[Tally], name: str) -> float:
    return sum(float(getattr(tally, name)) for tally in tallies)


def trace(requests: int, seed: int) -> list[Plan]:
    """Plans in the order in which they are asked for."""
    dice, subjects = Random(seed), mixed(requests, seed, FRAMES)
    sessions: list[Plan] = []
    asked: list[Plan] = []
    made: list[Plan] = []
    weights: list[float] = []  # running sums of the distinct requests' popularity
    again = set(dice.sample(range(1, requests), round(REPEATS * requests)))
    for number, subject in enumerate(subjects):
        if number in again:
            asked.append(made[bisect(weights, dice.random() * weights[-1])])
            continue
        if sessions and dice.random() < EDITS:
            place = dice.randrange(len(sessions))
            plan = sessions[place] = edited(sessions[place], number, dice)
        else:
            budget = dice.randint(LEAST_STEPS, MOST_STEPS)
            plan = replace(plan_of(subject, _model(), budget=budget), negative_prompt=dice.choice(NEGATIVES))
            sessions = [*sessions[-SESSIONS + 1 :], plan]
        asked.append(plan)
        made.append(plan)
        weights.append((weights[-1] if weights else 0.0) + dice.randint(1, requests) ** -ZIPF)
    return asked


def edited(plan: Plan, number: int, dice: Random) -> Plan:
    """What a person tries next: another seed, other words, another negative prompt, or more or fewer steps."""
    what = dice.choice(("seed", "words", "words", "negative", "budget"))
    if what == "words":
        return replace(plan, prompt=f"{plan.prompt.partition(', version')[0]}, version {number}")
    sampling = replace(plan.sampling, seed=number)
    if what == "budget":
        sampling = replace(sampling, budget=dice.randint(LEAST_STEPS, MOST_STEPS))
    negative = dice.choice(NEGATIVES) if what == "negative" else plan.negative_prompt
    return replace(plan, sampling=sampling, negative_prompt=negative)


def run(plans: Sequence[Plan], max_bytes: int, policy: Policy, texts: bool = True) -> Tally:
    """One memory asked for all of it; without `texts` for results alone."""
    return asyncio.run(_run(plans, max_bytes, policy, texts))


async def _run(plans: Sequence[Plan], max_bytes: int, policy: Policy, texts: bool) -> Tally:
    turn = 0
    memory = MemoryCache(max_bytes, clock=lambda: float(turn), policy=policy)
    results, embeddings = ResultCache(PackedCache(memory)), EmbeddingCache(PackedCache(memory))
    seen: set[str] = set()
    tally = Tally()
    for turn, plan in enumerate(plans):  # the clock reads the turn
        key = plan_digest(plan, TENANT)
        tally.possible += key in seen
        seen.add(key)
        if await results.get(key) is not None:
            tally.hits += 1
            continue
        for text in (plan.prompt, plan.negative_prompt) if texts else ():
            tally.wanted_texts += 1
            tally.text_hits += await _encoded(plan, text, embeddings)
        await results.put(key, _result(turn, plan), FOREVER_S)
    figures = (await memory.figures()).values()
    tally.saved = sum(each.saved_step_seconds for each in figures)
    tally.size_bytes = sum(each.size_bytes for each in figures)
    tally.evictions = sum(each.evictions for each in figures)
    return tally


async def _encoded(plan: Plan, text: str, embeddings: EmbeddingCache) -> bool:
    """Whether it was there; else it is from now on."""
    key = embedding_key(plan.revision, text, TENANT)
    if await embeddings.get(key) is not None:
        return True
    await embeddings.put(key, {"tokens": _tokens(min(TOKENS, 2 + len(text.split())))}, FOREVER_S, ENCODE_S)
    return False


def _compared(traces: Sequence[Sequence[Plan]], texts: bool) -> dict[str, Any]:
    """By the memory's part of all bytes: step-seconds that each policy saves, and benefit's against the others'."""
    wholes = [run(plans, 2**40, Benefit(), texts).size_bytes for plans in traces]
    return {f"{part:g}": _at_size(traces, [int(part * size) for size in wholes], texts) for part in PARTS}


def _at_size(traces: Sequence[Sequence[Plan]], sizes: Sequence[int], texts: bool) -> dict[str, Any]:
    pairs = list(zip(traces, sizes, strict=True))
    found = {name: [run(plans, size, policy(), texts) for plans, size in pairs] for name, policy in POLICIES.items()}
    saved = {name: _sum(tallies, "saved") for name, tallies in found.items()}
    possible = max(1.0, _sum(found["benefit"], "possible"))
    rows: dict[str, Any] = {
        "size_bytes_of_one": sizes[0],
        "saved_step_seconds": {name: round(seconds, 1) for name, seconds in saved.items()},
        "of_possible": {name: round(_sum(tallies, "hits") / possible, 3) for name, tallies in found.items()},
    }
    for other in ("lru", "lfu"):
        ratios = [one.saved / max(1e-9, two.saved) for one, two in zip(found["benefit"], found[other], strict=True)]
        ratio = saved["benefit"] / max(1e-9, saved[other])
        rows[f"benefit_over_{other}"] = at_least(ratio, 1.0, least_of_a_trace=round(min(ratios), 3))
    return rows


def _result(number: int, plan: Plan) -> CachedResult:
    """As the finisher keeps it, with artifacts of usual sizes."""
    job_id = f"video_{number:032x}"
    files = (("video", "mp4", "video/mp4"), ("thumbnail", "webp", "image/webp"), ("spritesheet", "webp", "image/webp"))
    artifacts = {
        name: Artifact(f"{job_id}/1/{name}.{ending}", kind, 1000 * plan.spec.frames) for name, ending, kind in files
    }
    model = _model()
    step_s = model.step_s * plan.spec.frames / model.default_frames
    return CachedResult(job_id, artifacts, 1.8e9 + number, plan.sampling.budget * step_s)


@cache
def _model() -> ModelProfile:
    return profile()


@cache
def _tokens(count: int) -> NDArray[np.float32]:
    """An embedding of so many tokens: noise, and zeros behind it, as encoders pad."""
    tokens = np.zeros((TOKENS, WIDTH), np.float32)
    tokens[:count] = np.random.default_rng(count).normal(size=(count, WIDTH))
    return tokens
