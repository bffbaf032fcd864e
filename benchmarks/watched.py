"""The engine watched from both sides: a denoiser whose forwards are timed, and a sink that notes when what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import JobState
from app.engine.families.embedded import load_denoiser
from app.engine.families.family_denoiser import FamilyDenoiser
from app.errors import GenerationError
from app.types import Measured, Phase

PATIENCE_S = 300.0


def fresh_denoiser() -> FamilyDenoiser:
    """The built-in model in float32, read on a thread that ends, as the Diffuser does: helpers left over slow steps."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        return reader.submit(load_denoiser, "float32").result()


class Span(NamedTuple):
    """One forward: when it began and ended, and for how many jobs it was."""

    began: float
    ended: float
    jobs: int


class Timed:
    """The real denoiser, whose forwards are timed; everything else goes straight through."""

    def __init__(self, denoiser: FamilyDenoiser) -> None:
        self._denoiser = denoiser
        self.forwards: list[Span] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        began = time.perf_counter()
        answer = self._denoiser.predict(states)
        self.forwards.append(Span(began, time.perf_counter(), len(states)))
        return answer


class Heard:
    """A sink that notes when what happened; `keep`, if given, is handed the checkpoints."""

    def __init__(self, keep: Callable[[JobState], None] | None = None) -> None:
        self.steps: list[tuple[int, float]] = []
        self.ended = 0.0
        self.error: GenerationError | None = None
        self.measured: Measured | None = None
        self._keep = keep
        self._over = threading.Event()
        self._moved = threading.Condition()

    def phase(self, phase: Phase) -> None:
        pass

    def step(self, step: int, total: int, eta_s: float) -> None:
        with self._moved:
            self.steps.append((step, time.perf_counter()))
            self._moved.notify_all()

    def checkpoint(self, state: JobState) -> None:
        if self._keep is not None:
            self._keep(state)

    def done(self, frames: NDArray[np.uint8], measured: Measured) -> None:
        self.measured = measured
        self._end()

    def failed(self, error: GenerationError) -> None:
        self.error = error
        self._end()

    def _end(self) -> None:
        self.ended = time.perf_counter()
        self._over.set()

    def wait(self) -> Heard:
        """Return when the job has ended, well or not."""
        if not self._over.wait(PATIENCE_S):
            raise RuntimeError("a job did not end")
        return self

    def at(self, step: int) -> None:
        """Return when this step has been heard of."""
        with self._moved:
            if not self._moved.wait_for(lambda: bool(self.steps) and self.steps[-1][0] >= step, PATIENCE_S):
                raise RuntimeError("a job does not step")

    @property
    def finished(self) -> Measured:
        """What the job cost; raises if it failed."""
        if self.measured is None:
            raise RuntimeError(f"a job failed: {self.error}")
        return self.measured
