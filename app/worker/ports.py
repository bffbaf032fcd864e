"""What the worker reaches outside itself, as ports: stores to write to, whoever finishes its frames, clocks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.artifacts.store import ArtifactStore
from app.jobs.board import Board
from app.jobs.checkpoints import Checkpoints
from app.jobs.clock import Clock
from app.jobs.events import StopSignals
from app.service.endings import Ending
from app.service.ports import Shared
from app.types import Artifact, Measured


@dataclass(frozen=True, slots=True)
class Timing:
    """How spans of time are measured and waited for in this process; virtual in a simulation."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


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

    async def finish(self, job_id: str, fence: int, frames: NDArray[np.uint8], measured: Measured) -> None:
        """Frames are uint8 (F, H, W, 3).

        Raises:
            LeaseLost, JobNotFound: another attempt, a cancel or a deletion has taken over; nothing of this one stays.
            ServiceUnavailable: nobody answers, or a store does not; the call may be made again.
            GenerationError: the frames cannot be used.
        """
        ...
