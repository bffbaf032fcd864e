"""Opens the durable stores of one process from Settings; every deployment begins here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from app.artifacts.files import FileArtifacts
from app.artifacts.store import ArtifactStore
from app.errors import ServiceUnavailable
from app.jobs.board import Board
from app.jobs.checkpoints import Checkpoints
from app.jobs.events import EventLog, StopSignals
from app.jobs.flights import Flights
from app.jobs.outbox import Outbox
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.checkpoints import RedisCheckpoints
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.meter import RedisMeter
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.redis.stops import RedisStops
from app.jobs.store import JobStore
from app.plan.feedback.feedback import fading_of
from app.plan.feedback.ratings import Ratings
from app.plan.feedback.redis_ratings import RedisRatings
from app.plan.masks.table import with_masks
from app.plan.styles.presets import Presets
from app.plan.styles.redis_presets import RedisPresets
from app.plan.tables import load_tables
from app.redis.clock import SharedClock
from app.redis.connection import connect
from app.settings import Settings
from app.telemetry import Meter


@dataclass(frozen=True, slots=True)
class Stores:
    """The ports to what outlives every process."""

    jobs: JobStore
    checkpoints: Checkpoints
    events: EventLog
    stops: StopSignals
    board: Board
    flights: Flights
    outbox: Outbox
    meter: Meter
    artifacts: ArtifactStore
    presets: Presets
    ratings: Ratings
    clock: SharedClock


def open_stores(settings: Settings) -> Stores:
    """Connect lazily: nothing is sent until first use. Raises ServiceUnavailable when no Redis is configured."""
    if settings.redis_url is None:
        raise ServiceUnavailable("Set KINORAY_REDIS_URL, or start with `kinoray serve`, which brings its own Redis.")
    redis = connect(settings.redis_url, settings.redis_timeout_s)
    prefix = settings.redis_prefix
    masked = partial(with_masks, tables=load_tables(settings.calibration_folder).masks)
    return Stores(
        jobs=RedisJobs(redis, prefix, settings.failed_kept_s, masked),
        checkpoints=RedisCheckpoints(redis, prefix, settings.retention_s),
        events=RedisEvents(redis, prefix, kept_s=2 * max(settings.retention_s, settings.failed_kept_s)),
        stops=RedisStops(redis, prefix),
        board=RedisBoard(redis, prefix),
        flights=RedisFlights(redis, prefix),
        outbox=RedisOutbox(redis, prefix),
        meter=RedisMeter(redis, prefix),
        artifacts=FileArtifacts(settings.artifact_root, settings.artifact_timeout_s),
        presets=RedisPresets(redis, prefix),
        ratings=RedisRatings(redis, prefix, fading_of(settings)),
        clock=SharedClock(redis),
    )
