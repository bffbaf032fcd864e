"""One job in the simulated engine: a chain of digests, one link a step, in place of what a device would compute.

So the bits of a video tell whether every step was done once, in order, of this plan: alone, in company, resumed
anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from app.cache.keys import content_of
from app.line.batcher import Paused, Running, Shape, Urgency, Waiting
from app.plan.masks.mask import masks_of
from app.types import Masks, Plan
from app.types.waveform import Waveform

if TYPE_CHECKING:
    from app.worker.facts import FactQueue

Standing = TypeVar("Standing", Running, Waiting, Paused)

FAILS = "fails when decoded"
"""A plan with these words in its prompt has no video."""
RATE = 8000  # samples a second of what is heard
PIXELS = 8  # a frame's bytes, each a byte of the last digest


@dataclass(slots=True)
class VirtualState:
    """How far a job is: the digest of its plan, and of each step that was done since."""

    job_id: str
    masks: Masks
    plan: str  # the digest that it began with, in hexadecimal
    digest: bytes
    step: int = 0

    @property
    def done(self) -> bool:
        return self.step >= self.masks.steps

    @property
    def forecast(self) -> bool:
        """Whether its next step needs no forward."""
        return not self.done and not self.masks.run[self.step]

    @property
    def evaluations(self) -> int:
        return sum(self.masks.run[: self.step])

    @property
    def remaining(self) -> int:
        """Forwards to come."""
        return sum(self.masks.run[self.step :])

    def advance(self) -> None:
        """One step more."""
        word = b"%d/%d" % (self.step, self.masks.run[self.step])
        self.digest = hashlib.blake2b(self.digest + word, digest_size=PIXELS).digest()
        self.step += 1

    def frames(self) -> NDArray[np.uint8]:
        """The video, uint8 (1, 1, PIXELS / 2, 3)."""
        return np.frombuffer((self.digest * 2)[: 3 * PIXELS // 2], dtype=np.uint8).reshape(1, 1, -1, 3)


def begun(job_id: str, plan: Plan) -> VirtualState:
    """At noise: what decides the bits of a video decides those of the digest."""
    picture = "" if plan.image is None else content_of(plan.image)
    decisive = f"{plan.model}/{plan.revision}/{plan.prompt}/{plan.spec}/{plan.sampling}/{plan.bits_mark}/{picture}"
    digest = hashlib.blake2b(decisive.encode(), digest_size=PIXELS).digest()
    return VirtualState(job_id, masks_of(plan), digest.hex(), digest)


def undisturbed(plan: Plan) -> NDArray[np.uint8]:
    """The frames of a plan that is walked in one go."""
    state = begun("", plan)
    while not state.done:
        state.advance()
    return state.frames()


def heard_with(frames: NDArray[np.uint8], plan: Plan) -> Waveform:
    """The sound of those frames: a value of theirs, as long as the video."""
    return Waveform(np.full((1, RATE), frames.flat[0] / 255, np.float32), RATE).lasting(plan.spec.seconds)


def to_checkpoint(state: VirtualState) -> bytes:
    """All that is needed to go on from its step."""
    return orjson.dumps({"plan": state.plan, "digest": state.digest.hex(), "step": state.step})


def resumed(job_id: str, plan: Plan, checkpoint: bytes) -> VirtualState | None:
    """Where the checkpoint was taken; None: it is of another plan."""
    note, state = orjson.loads(checkpoint), begun(job_id, plan)
    if note["plan"] != state.plan:
        return None
    return replace(state, digest=bytes.fromhex(note["digest"]), step=int(note["step"]))


@dataclass(slots=True, eq=False)
class VirtualTicket:
    """One attempt in the engine; as `app.engine.ticket.Ticket`, of which the checkpoint policy reads the same."""

    name: str
    job_id: str
    plan: Plan
    sink: FactQueue
    urgency: Urgency
    submitted: float
    checkpoint: bytes | None
    shape: Shape
    evaluations: int
    since: float
    state: VirtualState | None = None
    stopped: bool = False
    parked: bool = False
    keeps_checkpoints: bool = True
    joined: float = 0.0
    stepped: int = 0
    kept: int = 0
    kept_s: float = 0.0
    device_s: float = 0.0
    resumed_from: int | None = None
    held_up: str | None = None
    stages_s: dict[str, float] = field(default_factory=dict)

    @property
    def started(self) -> VirtualState:
        if self.state is None:
            raise RuntimeError(f"{self.job_id} has not started.")
        return self.state

    def entry(self, kind: Callable[..., Standing], *more: float) -> Standing:
        """What the batcher reads of it, in the order of its records' fields."""
        state, budget = self.state, self.evaluations
        left, done, forecast = (
            (budget, False, False) if state is None else (state.remaining, state.done, state.forecast)
        )
        alone, leaving = self.plan.sampling.alone, self.stopped or done
        facts = (self.shape, self.urgency, budget, left, self.since, 0, leaving, forecast, alone, None)
        return kind(self.name, *facts, *more)

    def hand_out(self) -> None:
        """A checkpoint to its sink."""
        self.kept, self.kept_s = self.started.step, self.device_s
        sink: Any = self.sink
        sink.checkpoint(replace(self.started))

    def waits(self, cause: str, rival: str | None = None) -> None:
        if cause != self.held_up:
            self.sink.waits(cause, rival)
        self.held_up = cause

    def goes_on(self) -> None:
        self.sink.goes_on()
        self.held_up = None
