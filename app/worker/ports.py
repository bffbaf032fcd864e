"""What the worker reaches outside itself, as ports: engine, stores, whoever finishes its frames, clocks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from app.artifacts.store import ArtifactStore
from app.engine.shown import Shown
from app.engine.tally import Tally
from app.jobs.board import Board
from app.jobs.checkpoints import Checkpoints
from app.jobs.clock import Clock
from app.jobs.events import StopSignals
from app.line.batcher import Shape, Urgency
from app.line.packing import Mix
from app.line.pressure import Pressure
from app.line.profile import Noted
from app.service.endings import Ending
from app.service.ports import Shared
from app.types import Artifact, Measured, ModelProfile, Plan, VideoSpec
from app.types.waveform import Waveform

if TYPE_CHECKING:  # a replica's story needs no tensors
    from app.engine.denoiser import Frames, JobState
    from app.engine.embedding import Embedding
    from app.engine.sinks import Sink


@dataclass(frozen=True, slots=True)
class Timing:
    """How spans of time are measured and waited for in this process; virtual in a simulation."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class ReplicaEngine(Protocol):
    """What steps a replica's jobs: `app.engine.loop` on a thread and a device, or one on virtual time.

    Its methods are those of `app.engine.loop.Engine`, and say there what they do.
    """

    tally: Tally

    def submit(
        self,
        job_id: str,
        plan: Plan,
        sink: Sink,
        prompt: Embedding | None = None,
        negative: Embedding | None = None,
        urgency: Urgency | None = None,
        preview_every: int = 0,
        checkpoint: bytes | None = None,
        source: NDArray[np.float32] | None = None,
        picture: Mapping[str, NDArray[np.float32]] = MappingProxyType({}),
    ) -> None: ...
    def urgency(
        self, priority: str = "normal", due_in_s: float | None = None, waited_s: float = 0.0, tenant: str = ""
    ) -> Urgency: ...
    def to_bytes(self, state: JobState) -> bytes: ...
    def checkpoint_cost(self, seconds: float) -> None: ...
    def reprioritise(self, job_id: str, priority: str) -> None: ...
    def stop(self, job_id: str, sink: Sink | None = None) -> None: ...
    def offer_adapters(self, files: Mapping[str, Path]) -> None: ...
    def encode_image(self, image: Frames, spec: VideoSpec) -> Future[Embedding]: ...
    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> Future[Embedding]: ...
    def warm_up(self, model: ModelProfile) -> float: ...
    def adopt(self, known: Noted) -> None: ...
    def healthy(self) -> bool: ...
    def close(self, timeout_s: float | None = None) -> None: ...
    @property
    def step_s(self) -> float: ...
    @property
    def step_times(self) -> dict[str, float]: ...
    @property
    def begin_times(self) -> dict[str, float]: ...
    @property
    def times(self) -> dict[tuple[Shape, int], float]: ...
    @property
    def packed(self) -> dict[Mix, float]: ...
    @property
    def limits(self) -> dict[Shape, tuple[int, int]]: ...
    @property
    def pressure(self) -> Pressure: ...
    def look_at_memory(self) -> None: ...
    def held(self) -> tuple[int, int | None]: ...


class ReplicaStores(Ending, Protocol):
    """The stores that a replica and its attempts read and write."""

    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def stops(self) -> StopSignals: ...
    @property
    def board(self) -> Board: ...
    @property
    def artifacts(self) -> ArtifactStore: ...
    @property
    def clock(self) -> Clock: ...


class FinishingStores(Shared, Protocol):
    """The stores that closing a job with its frames reads and writes."""

    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """Where a draft is, and the SHA-256 (hex) of its bytes."""

    artifact: Artifact
    sha256: str


class Finishing(Protocol):
    """Closes a job with its frames; the Finisher deployment, or `app.worker.finishing` in this process."""

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        """Store a job's draft, uint8 (F, H, W, 3), as a video beside what it will have; its record is left alone.

        Raises as `finish`.
        """
        ...

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        """Frames are uint8 (F, H, W, 3); `heard` is what is heard with them.

        Raises:
            LeaseLost, JobNotFound: another attempt, a cancel or a deletion has taken over; nothing of this one stays.
            ServiceUnavailable: nobody answers, or a store does not; the call may be made again.
            GenerationError: the frames or the sound cannot be used.
        """
        ...
