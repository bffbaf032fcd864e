"""All that the service reaches outside itself, as ports: a Router is built from them, tests put in others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.cache.similar import NoSimilar, SimilarIndex
from app.cache.store import ByteCache
from app.health.history import History, MemoryHistory
from app.health.recoveries import MemoryRecoveries, Recoveries
from app.health.samples import MemorySamples, Samples
from app.jobs.board import Board
from app.jobs.events import EventLog, StopSignals
from app.jobs.failures import Failures, MemoryFailures
from app.jobs.flights import Flights
from app.jobs.outbox import Outbox
from app.jobs.store import JobStore
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.jobs.usage import NullUsage, UsageLog
from app.plan.feedback.ratings import Ratings
from app.plan.prompt.worlds import World
from app.plan.sentences import Sentences
from app.plan.similar.table import SimilarTable
from app.plan.styles.presets import Presets
from app.stores import Stores
from app.telemetry import Meter
from app.types import Caller, ModelProfile, Plan, VideoRequest
from app.uploads.files import FileUploads, MemoryFileUploads
from app.uploads.fit import AdapterFits, FitsAll
from app.uploads.loras import LoraUploads, MemoryLoraUploads

Check = Callable[[], Awaitable[Mapping[str, object]]]
"""A component's health check: facts when well; raises KinorayError when not, or has an `error` among its facts.

With `partial` beside the error, what it does not affect goes on.
"""


class Planner(Protocol):
    """Turns a request into a plan; the PromptAnalyzer deployment, or `app.plan` in this process."""

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        """Raises InvalidRequest and its kin."""
        ...


class Shared(Protocol):
    """The durable ports that routers, finishers and the dispatcher have in common."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def flights(self) -> Flights: ...
    @property
    def events(self) -> EventLog: ...
    @property
    def board(self) -> Board: ...
    @property
    def meter(self) -> Meter: ...
    @property
    def usage(self) -> UsageLog: ...
    @property
    def artifacts(self) -> ArtifactStore: ...
    @property
    def storyboards(self) -> StoryboardStore: ...
    @property
    def failures(self) -> Failures: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the service reaches outside itself."""

    planner: Planner
    cache: ByteCache
    jobs: JobStore
    events: EventLog
    stops: StopSignals
    artifacts: ArtifactStore
    board: Board
    flights: Flights
    meter: Meter
    outbox: Outbox
    models: tuple[ModelProfile, ...]
    presets: Presets
    sentences: Sentences
    ratings: Ratings
    loras: LoraUploads = field(default_factory=MemoryLoraUploads)
    uploads: FileUploads = field(default_factory=MemoryFileUploads)
    fits: AdapterFits = FitsAll()
    similar: SimilarIndex = NoSimilar()
    worlds: Mapping[str, World] = field(default_factory=dict)  # by model, of those that draw only a few things
    usage: UsageLog = NullUsage()
    starts: Mapping[str, SimilarTable] = field(default_factory=dict)  # by model: what a similar start may skip
    samples: Samples = field(default_factory=MemorySamples)
    recoveries: Recoveries = field(default_factory=MemoryRecoveries)
    storyboards: StoryboardStore = field(default_factory=MemoryStoryboards)
    failures: Failures = field(default_factory=MemoryFailures)
    history: History = field(default_factory=MemoryHistory)

    @classmethod
    def over(
        cls, stores: Stores, planner: Planner, cache: ByteCache, models: tuple[ModelProfile, ...], sentences: Sentences
    ) -> Ports:
        """With everything that the stores of a process have; the rest is put in its place by `replace`."""
        return cls(
            planner=planner,
            cache=cache,
            models=models,
            sentences=sentences,
            jobs=stores.jobs,
            events=stores.events,
            stops=stores.stops,
            artifacts=stores.artifacts,
            board=stores.board,
            flights=stores.flights,
            meter=stores.meter,
            usage=stores.usage,
            outbox=stores.outbox,
            presets=stores.presets,
            ratings=stores.ratings,
            loras=stores.loras,
            uploads=stores.uploads,
            samples=stores.samples,
            recoveries=stores.recoveries,
            storyboards=stores.storyboards,
            failures=stores.failures,
            history=stores.history,
        )
