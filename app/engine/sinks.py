"""What hears of a job in the engine: its phases, steps, previews, checkpoints, sound, draft, account, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from app.engine.denoiser import Frames, JobState
from app.engine.embedding import Embedding
from app.errors import GenerationError
from app.line.batcher import Shape
from app.types import Measured, Phase
from app.types.waveform import Waveform


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
        """There will be no frames: `Cancelled` if it was stopped or the engine closed, `TimedOut` past its deadline."""
        ...


@runtime_checkable
class PreviewSink(Sink, Protocol):
    """A sink that also wants to see the job on its way, if `preview_every` asks for it."""

    def preview(self, frame: NDArray[np.uint8]) -> None:
        """The clean estimate after the step last heard of, uint8 (h, w, 3)."""
        ...


@runtime_checkable
class CheckpointSink(Sink, Protocol):
    """A sink that also keeps what is needed to go on elsewhere."""

    def checkpoint(self, state: JobState) -> None:
        """The job as it is after the step last heard of: a copy that nobody writes to, for `checkpoint.to_bytes`."""
        ...


@runtime_checkable
class LatentSink(Sink, Protocol):
    """A sink that also takes what other jobs can begin with."""

    @property
    def keeps_latent(self) -> bool:
        """Whether it wants this job's."""
        ...

    def latent(self, clean: NDArray[np.float32]) -> None:
        """The final latent, float32 (C, F', H', W'), or (N,) of several modalities, just before `done`."""
        ...


@runtime_checkable
class SoundSink(Sink, Protocol):
    """A sink that also takes what is heard, of a plan whose video has sound."""

    def sound(self, waveform: Waveform) -> None:
        """The sound of the whole video, exactly as long as it is, just before `done`."""
        ...


@dataclass(frozen=True, slots=True)
class DraftVerdict:
    """What becomes of a draft: kept, rejected, uncalibrated or failed; `residual`: None where nobody looked, else how
    far off it is: by the model's first guess, or by what is not seen in it.

    `step` is the first step of the plan that is walked behind it, of the noise `level`.
    """

    verdict: str
    residual: float | None = None
    step: int = 0
    level: float = 1.0


@runtime_checkable
class DraftSink(Sink, Protocol):
    """A sink that also shows drafts: of a plan with one it hears at most one draft, then exactly one verdict.

    An attempt that goes on from a checkpoint behind the verdict hears of neither.
    """

    def draft(self, frames: Frames) -> None:
        """The draft's frames, uint8 (F, H, W, 3)."""
        ...

    def judged(self, verdict: DraftVerdict) -> None:
        """What becomes of it."""
        ...


@runtime_checkable
class EncodedSink(Sink, Protocol):
    """A sink that also wants what the engine made of the job's prompts, where they came without embeddings."""

    def encoded(self, prompt: Embedding, negative: Embedding, took_s: float) -> None:
        """Both as arrays, and the seconds that it took."""
        ...


class Mate(NamedTuple):
    """Another job in a packed forward."""

    job_id: str
    shape: Shape


@runtime_checkable
class AccountSink(Sink, Protocol):
    """A sink that also keeps account of what the job shared and waited for; told before the step that it is about."""

    def ran(self, batch: int, took_s: float, packed: Sequence[Mate] = ()) -> None:
        """The forward behind the next step: so many jobs, so many seconds. Forecast steps have none.

        `packed`: the others in it, where they were of several shapes.
        """
        ...

    def waits(self, cause: str, rival: str | None) -> None:
        """From now on it is kept from the device: SLOT, MEMORY or PREEMPTED, the last by the job `rival`."""
        ...

    def goes_on(self) -> None:
        """It has a slot."""
        ...
