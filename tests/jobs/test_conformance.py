"""The stores in memory and in Redis are one port each: the same calls, so that one suite asks both, and runs on both.

What each call does is asked of both by the tests with a fixture of MEMORY_AND_REDIS; what is here holds them to the
same names, arguments and defaults, so that what a simulation runs on the one can be run on the other.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from app.health.history import History
from app.health.recoveries import MemoryRecoveries, Recoveries
from app.health.redis_history import RedisHistory
from app.health.redis_recoveries import RedisRecoveries
from app.jobs.board import Board, MemoryBoard
from app.jobs.checkpoints import Checkpoints, MemoryCheckpoints
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
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.redis.shards import RedisShards
from app.jobs.redis.stops import RedisStops
from app.jobs.redis.usage import RedisUsage
from app.jobs.shards import MemoryShards, Shards
from app.jobs.store import JobStore
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.redis_storyboards import RedisStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.jobs.usage import MemoryUsage, UsageLog
from app.plan.feedback.ratings import MemoryRatings, Ratings
from app.plan.feedback.redis_ratings import RedisRatings
from app.plan.styles.presets import MemoryPresets, Presets
from app.plan.styles.redis_presets import RedisPresets
from app.uploads.files import FileUploads, MemoryFileUploads
from app.uploads.loras import LoraUploads, MemoryLoraUploads
from app.uploads.redis_files import RedisFileUploads
from app.uploads.redis_loras import RedisLoraUploads

PORTS: dict[type[Any], tuple[type[Any], ...]] = {
    JobStore: (MemoryJobs, RedisJobs),
    Checkpoints: (MemoryCheckpoints, RedisCheckpoints),
    EventLog: (MemoryEvents, RedisEvents),
    StopSignals: (MemoryStops, RedisStops),
    Board: (MemoryBoard, RedisBoard),
    Shards: (MemoryShards, RedisShards),
    Flights: (MemoryFlights, RedisFlights),
    Outbox: (MemoryOutbox, RedisOutbox),
    StoryboardStore: (MemoryStoryboards, RedisStoryboards),
    UsageLog: (MemoryUsage, RedisUsage),
    Failures: (MemoryFailures, RedisFailures),
    Recoveries: (MemoryRecoveries, RedisRecoveries),
    FileUploads: (MemoryFileUploads, RedisFileUploads),
    LoraUploads: (MemoryLoraUploads, RedisLoraUploads),
    Ratings: (MemoryRatings, RedisRatings),
    Presets: (MemoryPresets, RedisPresets),
    History: (RedisHistory,),
}


def calls(port: type[Any]) -> dict[str, list[tuple[str, Any]]]:
    """The public calls of a port: arguments and their defaults."""
    return {
        name: [(each.name, each.default) for each in inspect.signature(call).parameters.values()]
        for name, call in inspect.getmembers(port, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_every_store_takes_the_calls_of_its_port(port: type[Any]) -> None:
    asked = calls(port)
    assert asked
    for store in PORTS[port]:
        taken = calls(store)
        assert {name: taken.get(name, [])[: len(asked[name])] for name in asked} == asked, store
