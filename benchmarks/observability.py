"""Traces and JSON logs, on and off in turns in one run: jobs a second of a replica with all that it logs and traces.

On: lines of level info in a file, spans of every job, boundary and batch mate by OpenTelemetry's SDK to OTLP JSON in
another. Off: neither. Each turn makes the same jobs with the built-in model, several sharing each forward, from lease
to stored video; pairs of turns stand side by side, in alternating order, so that a busy machine slows both.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from app.cache.memory import MemoryCache
from app.cache.results import ResultCache
from app.cache.similar import MemorySimilar
from app.embedded.profile import profile
from app.engine.denoiser import Denoiser
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.timing.overhead import Overhead
from app.engine.timing.power import Power
from app.line.rules import rules_of
from app.logs.setup import OURS, formatter_of, listen
from app.plan.sentences import WordSentences
from app.service.background import Background
from app.service.similar_start import ReplicaCaches
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.tracing.sdk import open_tracer
from app.tracing.spans import install
from app.types import Job as Record
from app.types import Phase, Wishes
from app.types.words import CacheMode
from app.worker.attempt import Attempt
from app.worker.finishing import JobFinisher
from app.worker.parts import Measurements, ReplicaParts
from benchmarks.figures import at_least, spread
from benchmarks.jobs import Job, plan_of
from benchmarks.watched import fresh_denoiser

TARGET = 0.98
TOGETHER = 4  # jobs of a turn, which share forwards
STEPS = 20
DRY_TURNS = 2
IDLE_PAIRS = 40


class Took(NamedTuple):
    """Seconds by the clock, and of processors: the latter tell more where others use the machine, too."""

    wall_s: float
    processor_s: float


class Bench:
    """A replica's parts over stores in memory."""

    def __init__(self, folder: Path, denoiser: Denoiser) -> None:
        self.settings = Settings(state_dir=folder)
        self.stores: Stores = memory_stores(self.settings)
        self.engine = Engine(denoiser, rules_of(self.settings))
        self.engine.warm_up(profile())
        background, cache = Background(), MemoryCache(2**26)
        self.parts = ReplicaParts(
            settings=self.settings,
            model=profile(),
            stores=self.stores,
            engine=self.engine,
            encoder=None,
            caches=ReplicaCaches(cache, MemorySimilar(), WordSentences()),
            finishing=JobFinisher(self.stores, self.settings, ResultCache(cache), background),
            measurements=Measurements(Overhead(), Power(None)),
            background=background,
        )
        self._made = 0

    async def turn(self) -> Took:
        """What the jobs of a turn took."""
        began = Took(time.perf_counter(), time.process_time())
        jobs = [await self._leased(number) for number in range(TOGETHER)]
        await asyncio.gather(*(Attempt(job, fence, self.parts).run() for job, fence in jobs))
        took = Took(time.perf_counter() - began.wall_s, time.process_time() - began.processor_s)
        ended = [(await self.stores.jobs.get(job)).phase for job, _ in jobs]
        if set(ended) != {Phase.COMPLETED}:
            raise RuntimeError(f"jobs ended as {ended}")
        return took

    async def _leased(self, number: int) -> tuple[str, int]:
        self._made += 1
        plan = plan_of(Job(f"a red ball bounces {number}", STEPS, 17, self._made))
        job = Record(
            id=f"video_{self._made:032x}",
            tenant="bench",
            plan=plan,
            phase=Phase.QUEUED,
            created_at=self.stores.clock(),
            wishes=replace(Wishes(), cache=CacheMode.OFF),
            trace=f"00-{self._made:032x}-{self._made:016x}-01",
        )
        await self.stores.jobs.create(job)
        lease = await self.stores.jobs.lease(job.id, plan.pool, 600.0, self.stores.clock())
        return job.id, lease.fence


@contextmanager
def observed(settings: Settings, folder: Path) -> Iterator[None]:
    """Lines and spans go to files there, as a replica's do."""
    handler = RotatingFileHandler(folder / "replica.log", maxBytes=settings.log_max_bytes, backupCount=1)
    handler.setFormatter(formatter_of(settings, {"deployment": "Diffuser", "replica": "bench"}))
    listen(handler, settings.log_level)
    tracer = open_tracer("file", folder / "traces", {"deployment": "Diffuser"})
    install(tracer)
    try:
        yield
    finally:
        install(None)
        tracer.close()
        handler.close()
        silence()


def silence() -> None:
    """Nothing is written."""
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL)


async def _in_turns(bench: Bench, folder: Path, pairs: int, console: Console) -> tuple[list[Took], list[Took]]:
    """Turns with and without, side by side."""
    folder.mkdir(exist_ok=True)
    for _ in range(DRY_TURNS):
        await bench.turn()
    with_it, without = [], []
    for number in range(pairs):
        for on in (number % 2 == 0, number % 2 == 1):
            if on:
                with observed(bench.settings, folder):
                    with_it.append(await bench.turn())
            else:
                without.append(await bench.turn())
        console.print(f"[dim]on {with_it[-1]}, off {without[-1]}[/dim]")
    await asyncio.to_thread(bench.engine.close)
    return with_it, without


async def measure(pairs: int, console: Console) -> dict[str, Any]:
    """`pairs` of turns, on and off."""
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        silence()
        with_it, without = await _in_turns(Bench(folder, fresh_denoiser()), folder, pairs, console)
        lines = (folder / "replica.log").read_text().count("\n")
        idle = await _in_turns(Bench(folder, FakeDenoiser()), folder / "idle", IDLE_PAIRS, console)
        written = sum(path.stat().st_size for path in (folder / "traces").glob("*"))
    added_s = statistics.median(on.processor_s - off.processor_s for on, off in zip(*idle, strict=True)) / TOGETHER
    job_s = statistics.median(off.processor_s for off in without) / TOGETHER
    ratios = [off.wall_s / on.wall_s for on, off in zip(with_it, without, strict=True)]
    processor = [off.processor_s / on.processor_s for on, off in zip(with_it, without, strict=True)]
    return {
        "jobs_per_turn": TOGETHER,
        "steps": STEPS,
        "throughput_on_per_off": at_least(statistics.median(ratios), TARGET, pairs=spread(ratios)),
        "processor_off_per_on": at_least(statistics.median(processor), TARGET, pairs=spread(processor)),
        # The same bookkeeping without a model, where a busy machine blurs it less.
        "added_processor_ms_per_job": round(1000 * added_s, 3),
        "throughput_as_added_to_a_job": at_least(job_s / (job_s + added_s), TARGET),
        "turn_on_s": spread([each.wall_s for each in with_it]),
        "turn_off_s": spread([each.wall_s for each in without]),
        "lines_per_job": round(lines / (pairs * TOGETHER), 1),
        "span_bytes_per_job": round(written / (pairs * TOGETHER)),
    }
