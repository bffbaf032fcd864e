"""A job inside the engine: who asked for it, how far it is, what it has cost; and the Sink that hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from app.engine.denoiser import Conditioning, DeviceLost, Frames, JobState
from app.engine.pace import shape_of
from app.errors import GenerationError, KinorayError
from app.line.batcher import Running, Waiting
from app.types import Measured, Phase, Plan

T = TypeVar("T")


class Sink(Protocol):
    """Hears of one job, on the engine's thread: be quick (`loop.call_soon_threadsafe`). What it raises ends its job.

    After any number of phases and steps comes exactly one of `done` and `failed`.
    """

    def phase(self, phase: Phase) -> None:
        """The job enters encoding (if the engine encodes for it), denoising or decoding."""
        ...

    def step(self, step: int, total: int, eta_s: float) -> None:
        """Step `step` of `total` is done; denoising will take `eta_s` more seconds."""
        ...

    def done(self, frames: Frames, measured: Measured) -> None:
        """The frames, uint8 (F, H, W, 3), and what they cost."""
        ...

    def failed(self, error: GenerationError) -> None:
        """There will be no frames; `Cancelled` if the job was stopped or the engine closed."""
        ...


@dataclass(slots=True, eq=False)
class Ticket:
    """One attempt at a job. `name` is unique in the engine; `job_id` may come again in a later attempt."""

    name: str
    job_id: str
    plan: Plan
    sink: Sink
    conditioning: Conditioning | None  # None: the engine encodes the plan's prompts
    submitted: float  # times are the engine's clock
    stopped: bool = False
    state: JobState | None = None
    joined: float = 0.0
    stepped: int = 0
    device_s: float = 0.0
    peak_bytes: int = 0
    stages_s: dict[str, float] = field(default_factory=dict)

    def waiting(self) -> Waiting:
        return Waiting(self.name, shape_of(self.plan), self.submitted, leaving=self.stopped)

    def running(self) -> Running:
        return Running(
            job_id=self.name,
            shape=shape_of(self.plan),
            arrived=self.submitted,
            stepped=self.stepped,
            forecast=self.started.forecast,
            leaving=self.stopped or self.started.done,
        )

    @property
    def started(self) -> JobState:
        """The state of a job that has joined."""
        if self.state is None:
            raise RuntimeError(f"{self.job_id} has not started.")
        return self.state

    def account(self, boundary: int, device_s: float, held_bytes: int) -> None:
        """Note a step's share of the device."""
        self.stepped = boundary
        self.device_s += device_s
        self.peak_bytes = max(self.peak_bytes, held_bytes)

    def measured(self) -> Measured:
        return Measured(dict(self.stages_s), self.device_s, self.peak_bytes, self.started.evaluations)


def outcome(work: Callable[[], T]) -> T | Exception:
    """The work's result or what it raised: the one border behind which a job's failure is only its own.

    Raises:
        DeviceLost: that is everybody's.
    """
    try:
        return work()
    except DeviceLost:
        raise
    except Exception as error:  # noqa: BLE001 - models and sinks may raise anything; the other jobs must go on
        return error


def failure(error: Exception) -> GenerationError:
    """What is said of a job that ended with this error."""
    if isinstance(error, GenerationError):
        return error
    if isinstance(error, KinorayError):
        return GenerationError(error.message, error.param, error.error_code)
    return GenerationError(f"The model failed on this job ({type(error).__name__}: {error}).")
