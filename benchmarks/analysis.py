"""What one prompt's analysis costs (factors, plan and sentence embedding): alone, batched, repeated, and served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from random import Random
from typing import Any

from ray import serve
from rich.console import Console

from app.client.client import Kinoray
from app.embedded.profile import profile
from app.embedded.sentences import EmbeddedSentences
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.plan.sentences import CachedSentences
from app.plan.tables import load_tables
from app.settings import Settings
from app.types import Caller, VideoRequest
from benchmarks.figures import at_least, at_most, percentile, spread
from benchmarks.jobs import mixed
from deployments.handles import AnalyzerHandle, SentencesHandle

P50_MS, REPEAT_MS, PER_S = 10.0, 2.0, 200.0  # targets
TOGETHER = 32
SENTENCE_BYTES = 64 * 2**20  # nothing is forgotten while it is measured
_ENDINGS = (
    "",
    ", no camera movement",
    ", aerial shot at golden hour",
    ", cinematic, neon reflections on wet streets, volumetric light, highly detailed, film grain",
    ", während es schneit",
)

Analyse = Callable[[Sequence[str]], Awaitable[object]]


def run(quick: bool, console: Console | None = None) -> dict[str, Any]:
    """In this process, without Serve: the encoder with one thread, as in a PromptAnalyzer replica, and with two."""
    turns, batches = (30, 3) if quick else (400, 30)
    figures = {f"threads_{threads}": asyncio.run(_in_process(threads, turns, batches)) for threads in (1, 2)}
    if console is not None:
        console.print(f"[dim]analysis: {figures}[/dim]")
    return figures


async def _in_process(threads: int, turns: int, batches: int) -> dict[str, Any]:
    encoder = EmbeddedSentences(threads)
    sentences = CachedSentences(encoder, SENTENCE_BYTES, ttl_s=3600)
    plan = _planner()

    async def analyse(prompts: Sequence[str]) -> None:
        for prompt in prompts:
            plan(prompt)
        await sentences.embed(prompts)

    said = prompts(turns + TOGETHER * (batches + 1), seed=4)
    alone, crowd = said[:turns], said[turns:]
    began = time.perf_counter()
    await asyncio.wrap_future(encoder.warm())
    load_s = time.perf_counter() - began
    await analyse(crowd[:TOGETHER])
    first_ms, again_ms = await _one_by_one(analyse, alone), await _one_by_one(analyse, alone)
    began = time.perf_counter()
    for start in range(TOGETHER, len(crowd), TOGETHER):
        await analyse(crowd[start : start + TOGETHER])
    per_s = TOGETHER * batches / (time.perf_counter() - began)
    encoder.close()
    return {
        "load_encoder_s": round(load_s, 2),
        "plan_alone_ms": spread([_took_ms(plan, prompt) for prompt in alone]),
        **_figures(first_ms, again_ms),
        "prompts_per_s": at_least(per_s, PER_S, together=TOGETHER),
    }


async def served(url: str, quick: bool, console: Console) -> dict[str, Any]:
    """Through the PromptAnalyzer of the Kinoray at `url`, started by this process: one replica, two calls a prompt."""
    handle = serve.get_deployment_handle("PromptAnalyzer", "kinoray")
    planner, sentences, caller = AnalyzerHandle(handle), SentencesHandle(handle, timeout_s=60), Caller("benchmark")

    async def analyse(prompts: Sequence[str]) -> None:
        plans = (planner.plan(VideoRequest(prompt), caller) for prompt in prompts)
        await asyncio.gather(*plans, *(sentences.embed([prompt]) for prompt in prompts))

    turns, crowd = (20, 100) if quick else (300, 2000)
    said = prompts(turns + crowd, seed=5)
    await analyse(["a red ball"])  # waits for the encoder
    first_ms, again_ms = await _one_by_one(analyse, said[:turns]), await _one_by_one(analyse, said[:turns])
    async with Kinoray(url) as client:
        http_ms = await _one_by_one(lambda texts: client.analyze(texts[0]), said[:turns])
    figures = {
        **_figures(first_ms, again_ms),
        "prompts_per_s": at_least(await _rate(analyse, said[turns:]), PER_S, at_once=TOGETHER),
        "http_analyze_ms": spread(http_ms),
        "sentences": str(await sentences.figures()),
    }
    console.print(f"[dim]analysis, served: {figures}[/dim]")
    return figures


def prompts(number: int, seed: int) -> list[str]:
    """So many different prompts, of 7 to 40 words."""
    dice, said = Random(seed), dict[str, None]()
    for more in count(seed):
        said |= {job.prompt + dice.choice(_ENDINGS): None for job in mixed(number, seed=more)}
        if len(said) >= number:
            return list(said)[:number]
    raise AssertionError("count() ends")


def _planner() -> Callable[[str], object]:
    model, settings, tables = profile(), Settings(), load_tables()
    catalogue = Catalogue([model], model.id, {})
    return lambda prompt: make_plan(VideoRequest(prompt), catalogue, settings, UNKNOWN, lambda: 0, tables)


async def _one_by_one(analyse: Analyse, said: Sequence[str]) -> list[float]:
    times = []
    for prompt in said:
        began = time.perf_counter()
        await analyse([prompt])
        times.append(1000 * (time.perf_counter() - began))
    return times


async def _rate(analyse: Analyse, said: Sequence[str]) -> float:
    """Prompts per second when so many ask at once, each one again as soon as it is answered."""
    waiting = iter(said)

    async def client() -> None:
        for prompt in waiting:
            await analyse([prompt])

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(TOGETHER)))
    return len(said) / (time.perf_counter() - began)


def _figures(first_ms: Sequence[float], again_ms: Sequence[float]) -> dict[str, Any]:
    return {
        "analysis_p50_ms": at_most(percentile(first_ms, 0.5), P50_MS, p99_ms=round(percentile(first_ms, 0.99), 2)),
        "repeat_p50_ms": at_most(percentile(again_ms, 0.5), REPEAT_MS, p99_ms=round(percentile(again_ms, 0.99), 2)),
        "prompts": len(first_ms),
    }


def _took_ms(plan: Callable[[str], object], prompt: str) -> float:
    began = time.perf_counter()
    plan(prompt)
    return 1000 * (time.perf_counter() - began)
