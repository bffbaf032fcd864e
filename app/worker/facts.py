"""What the engine says of one job, as records: put down on the engine's thread, read by the attempt on its loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.engine.boundary_news import Moved, Stepped
from app.errors import GenerationError
from app.types import Measured, Phase
from app.types.waveform import Waveform
from app.worker.prompt_embeddings import EncodedPrompts

if TYPE_CHECKING:
    from app.engine.denoiser import Frames, JobState
    from app.engine.embedding import Embedding
    from app.engine.sinks import DraftVerdict, Mate


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """The job has entered a phase."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class StepDone:
    """Step `step` of `total` is done; denoising takes `eta_s` more seconds.

    It ran in a batch of so many, which took so many seconds; 0: it was forecast. `packed`: its mates, where they were
    of several shapes.
    """

    step: int
    total: int
    eta_s: float
    batch: int = 0
    took_s: float = 0.0
    packed: tuple[Mate, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldUp:
    """The engine keeps the job from the device, for the job `rival` if it is preempted."""

    cause: str
    rival: str | None


@dataclass(frozen=True, slots=True)
class WentOn:
    """The job has a slot."""


@dataclass(frozen=True, slots=True)
class PreviewMade:
    """The clean estimate after a step, uint8 (h, w, 3)."""

    step: int
    total: int
    frame: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DraftMade:
    """The draft's frames, uint8 (F, H, W, 3)."""

    frames: Frames


@dataclass(frozen=True, slots=True)
class DraftJudged:
    """What becomes of the draft."""

    verdict: DraftVerdict


@dataclass(frozen=True, slots=True)
class CheckpointMade:
    """The job's state after the step last done; nobody writes to it."""

    state: JobState


@dataclass(frozen=True, slots=True)
class LatentMade:
    """The final latent, float32 (C, F', H', W')."""

    clean: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PromptsEncoded:
    """What the encoder made of both prompts, and the seconds that it took."""

    prompts: EncodedPrompts
    took_s: float


@dataclass(frozen=True, slots=True)
class SoundMade:
    """What is heard with the frames that follow, exactly as long as they are."""

    heard: Waveform


@dataclass(frozen=True, slots=True)
class FramesMade:
    """The last fact of a job that went well: frames, uint8 (F, H, W, 3), and what they cost."""

    frames: Frames
    measured: Measured


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """The last fact of a job that has no frames."""

    error: GenerationError


Told: TypeAlias = PhaseChanged | StepDone | HeldUp | WentOn | PreviewMade | Moved | Stepped
Fact: TypeAlias = (
    Told
    | DraftMade
    | DraftJudged
    | CheckpointMade
    | LatentMade
    | PromptsEncoded
    | SoundMade
    | FramesMade
    | AttemptFailed
)


class FactQueue:
    """The engine's Sink for one attempt. Made on the loop that reads it; everything but `next` is for any thread."""

    def __init__(
        self, keeps_latent: bool = False, clock: Callable[[], float] = time.time, goes_by: str | None = None
    ) -> None:
        self.keeps_latent = keeps_latent
        self.goes_by = goes_by  # the traceparent of the attempt's span, if that is kept
        self.at = clock()  # when the fact last read was put down, Unix seconds
        self._clock = clock
        self._at = (0, 0)  # the step last heard of, and how many there are
        self._forward: tuple[int, float, tuple[Mate, ...]] = (0, 0.0, ())  # behind the next step
        self._loop = asyncio.get_running_loop()
        self._said: deque[tuple[float, Fact]] = deque()  # by any thread
        self._called = False  # the loop, and it has not come yet: it takes all that is said until then
        self._facts: deque[tuple[float, Fact]] = deque()
        self._news = asyncio.Event()

    async def next(self) -> Fact:
        """The next fact, in the order in which the engine said them."""
        while not self._facts:
            self._news.clear()
            await self._news.wait()
        self.at, fact = self._facts.popleft()
        return fact

    def put(self, fact: Fact) -> None:
        """Add a fact."""
        self._said.append((self._clock(), fact))
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        self._called = False  # first: what is said from here on calls again
        while self._said:
            self._facts.append(self._said.popleft())
        self._news.set()

    def phase(self, phase: Phase) -> None:
        if phase is not Phase.ENCODING:  # told when the attempt began
            self.put(PhaseChanged(phase))

    def step(self, step: int, total: int, eta_s: float) -> None:
        self._at = (step, total)
        batch, took_s, packed = self._forward
        self._forward = (0, 0.0, ())
        self.put(StepDone(step, total, eta_s, batch, took_s, packed))

    def ran(self, batch: int, took_s: float, packed: Sequence[Mate] = ()) -> None:
        self._forward = (batch, took_s, tuple(packed))

    def waits(self, cause: str, rival: str | None) -> None:
        self.put(HeldUp(cause, rival))

    def goes_on(self) -> None:
        self.put(WentOn())

    def preview(self, frame: NDArray[np.uint8]) -> None:
        self.put(PreviewMade(*self._at, frame))

    def draft(self, frames: Frames) -> None:
        self.put(DraftMade(frames))

    def judged(self, verdict: DraftVerdict) -> None:
        self.put(DraftJudged(verdict))

    def checkpoint(self, state: JobState) -> None:
        self.put(CheckpointMade(state))

    def latent(self, clean: NDArray[np.float32]) -> None:
        self.put(LatentMade(clean))

    def sound(self, waveform: Waveform) -> None:
        self.put(SoundMade(waveform))

    def encoded(self, prompt: Embedding, negative: Embedding, took_s: float) -> None:
        self.put(PromptsEncoded(EncodedPrompts(prompt, negative), took_s))

    def moved(self, move: Moved) -> None:
        self.put(move)

    def stepped(self, stepped: Stepped) -> None:
        self.put(stepped)

    def done(self, frames: Frames, measured: Measured) -> None:
        self.put(FramesMade(frames, measured))

    def failed(self, error: GenerationError) -> None:
        self.put(AttemptFailed(error))
