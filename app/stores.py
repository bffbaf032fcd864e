"""Opens the stores of one process from Settings: the durable ones, where every deployment begins, or some in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.artifacts.files import FileArtifacts
from app.artifacts.memory import MemoryArtifacts
from app.artifacts.store import ArtifactStore
from app.errors import ServiceUnavailable
from app.health.history import History, MemoryHistory
from app.health.receivers import receivers_of
from app.health.recoveries import MemoryRecoveries, Recoveries
from app.health.redis_history import RedisHistory
from app.health.redis_recoveries import RedisRecoveries
from app.health.redis_samples import RedisSamples
from app.health.samples import MemorySamples, Samples
from app.health.server import MemoryServer, RedisServer, ServerPort
from app.jobs.board import Board, MemoryBoard
from app.jobs.checkpoints import Checkpoints, MemoryCheckpoints
from app.jobs.clock import Clock, MemoryClock
from app.jobs.events import EventLog, StopSignals
from app.jobs.failures import Failures, MemoryFailures
from app.jobs.flights import Flights, MemoryFlights
from app.jobs.memory import MemoryEvents, MemoryJobs, MemoryStops
from app.jobs.outbox import MemoryOutbox, Outbox
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.checkpoints import RedisCheckpoints
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.failures import RedisFailures
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.meter import RedisMeter
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.redis.shards import RedisShards
from app.jobs.redis.stops import RedisStops
from app.jobs.redis.usage import RedisUsage
from app.jobs.shards import Shards
from app.jobs.store import JobStore
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.redis_storyboards import RedisStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.jobs.usage import MemoryUsage, UsageLog
from app.plan.feedback.feedback import fading_of
from app.plan.feedback.ratings import MemoryRatings, Ratings
from app.plan.feedback.redis_ratings import RedisRatings
from app.plan.masks.table import with_masks
from app.plan.styles.presets import MemoryPresets, Presets
from app.plan.styles.redis_presets import RedisPresets
from app.plan.tables import load_tables
from app.redis.clock import SharedClock
from app.redis.connection import Client, connect, replicas_of
from app.redis.local_windows import LocalWindows
from app.redis.rate_windows import RedisWindows, Windows
from app.settings import Settings
from app.telemetry import MemoryMeter, Meter
from app.uploads.files import FileUploads, MemoryFileUploads
from app.uploads.loras import LoraUploads, MemoryLoraUploads
from app.uploads.redis_files import RedisFileUploads
from app.uploads.redis_loras import RedisLoraUploads


@dataclass(frozen=True, slots=True)
class Stores:
    """The ports to what all processes of a service share."""

    jobs: JobStore
    checkpoints: Checkpoints
    events: EventLog
    stops: StopSignals
    board: Board
    shards: Shards
    flights: Flights
    outbox: Outbox
    storyboards: StoryboardStore
    meter: Meter
    usage: UsageLog
    rates: Windows
    artifacts: ArtifactStore
    presets: Presets
    loras: LoraUploads
    uploads: FileUploads
    ratings: Ratings
    clock: Clock
    samples: Samples
    history: History
    failures: Failures
    recoveries: Recoveries
    server: ServerPort


def open_stores(settings: Settings) -> Stores:
    """Connect lazily: nothing is sent until first use. Raises ServiceUnavailable when no Redis is configured."""
    return stores_on(connect(redis_url_of(settings), settings.redis_timeout_s, replicas_of(settings)), settings)


def redis_url_of(settings: Settings) -> str:
    """The Redis of a service. Raises ServiceUnavailable when none is named."""
    if settings.redis_url is None:
        raise ServiceUnavailable(
            "KINORAY_REDIS_URL is not set on the nodes of this cluster: set it there, or in the `env_vars` of the "
            "application's runtime_env, or start with `kinoray serve`, which brings its own Redis."
        )
    return settings.redis_url.get_secret_value()


def stores_on(redis: Client, settings: Settings) -> Stores:
    """The durable ones, over one client, which is the caller's to close."""
    prefix = settings.redis_prefix
    clock = SharedClock(redis)
    meter = RedisMeter(redis, prefix)
    masked = partial(with_masks, tables=load_tables(settings.calibration_folder).masks)
    return Stores(
        jobs=RedisJobs(redis, prefix, settings.failed_kept_s, masked),
        checkpoints=RedisCheckpoints(redis, prefix, settings.retention_s),
        events=RedisEvents(redis, prefix, kept_s=2 * max(settings.retention_s, settings.failed_kept_s)),
        stops=RedisStops(redis, prefix),
        board=RedisBoard(redis, prefix),
        shards=RedisShards(redis, prefix),
        flights=RedisFlights(redis, prefix),
        outbox=RedisOutbox(redis, prefix),
        storyboards=RedisStoryboards(redis, prefix, meter),
        meter=meter,
        usage=RedisUsage(redis, prefix, settings.usage_retention_s),
        rates=RedisWindows(redis=redis, prefix=prefix, clock=clock),
        artifacts=FileArtifacts(settings.artifact_root, settings.artifact_timeout_s),
        presets=RedisPresets(redis, prefix),
        loras=RedisLoraUploads(redis, prefix),
        uploads=RedisFileUploads(redis, prefix),
        ratings=RedisRatings(redis, prefix, fading_of(settings)),
        clock=clock,
        samples=RedisSamples(redis, prefix),
        history=RedisHistory(redis, prefix),
        failures=RedisFailures(redis, prefix, settings.failed_kept_s),
        recoveries=RedisRecoveries(redis, prefix, tuple(receivers_of(settings))),
        server=RedisServer(redis),
    )


def memory_stores(
    settings: Settings,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    jobs: MemoryJobs | None = None,
) -> Stores:
    """All stores in this process, with the same rules and without a server: for tests, tools and simulations.

    `clock` gives Unix seconds, by which records are dated; `monotonic` those by which what is announced runs out.
    `jobs`: those to build on, where somebody watches them.
    """
    jobs = jobs or MemoryJobs(settings.failed_kept_s, monotonic)
    board, outbox, meter = MemoryBoard(clock, jobs.shards), MemoryOutbox(jobs), MemoryMeter()
    return Stores(
        jobs=jobs,
        checkpoints=MemoryCheckpoints(jobs),
        events=MemoryEvents(jobs=jobs),
        stops=MemoryStops(),
        board=board,
        shards=jobs.shards,
        flights=MemoryFlights(jobs, monotonic),
        outbox=outbox,
        storyboards=MemoryStoryboards(jobs.outbox, board.holds, monotonic, meter),
        meter=meter,
        usage=MemoryUsage(),
        rates=LocalWindows(),
        artifacts=MemoryArtifacts(clock),
        presets=MemoryPresets(),
        loras=MemoryLoraUploads(),
        uploads=MemoryFileUploads(),
        ratings=MemoryRatings(fading_of(settings), clock),
        clock=MemoryClock(clock),
        samples=MemorySamples(),
        history=MemoryHistory(),
        failures=MemoryFailures(),
        recoveries=MemoryRecoveries(board, outbox, tuple(receivers_of(settings))),
        server=MemoryServer(),
    )
