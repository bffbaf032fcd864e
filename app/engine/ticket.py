"""A job inside the engine: who asked for it, how far it is, what it has cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.boundary_news import BoundarySink
from app.engine.denoiser import Conditioning, Denoiser, DeviceLost, JobState, MakesSound
from app.engine.memory.state import state_bytes
from app.engine.sinks import AccountSink, CheckpointSink, LatentSink, Mate, Sink, SoundSink
from app.engine.timing.step_times import shape_of
from app.errors import GenerationError, KinorayError, PartAway, PartFailed, ServiceUnavailable, WorkerLost
from app.line.batcher import Paused, Rules, Running, Shape, Urgency, Waiting
from app.line.order import aged
from app.plan.masks.mask import walk_evaluations
from app.plan.speculative.speculative import behind
from app.plan.work import evaluations
from app.types import Measured, Plan
from app.types.waveform import Waveform

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Ticket:
    """One attempt at a job. `name` is unique in the engine; `job_id` may come again in a later attempt."""

    name: str
    job_id: str
    plan: Plan
    sink: Sink
    conditioning: Conditioning | None  # None: the engine encodes the plan's prompts
    submitted: float  # times are the engine's clock
    urgency: Urgency
    preview_every: int = 0  # steps between previews; 0: none
    checkpoint: bytes | None = None  # to go on from, instead of from noise
    source: NDArray[np.float32] | None = None  # final latent of the similar video that its plan begins with
    picture: Mapping[str, torch.Tensor] = field(default_factory=dict)  # what the denoiser made of the plan's picture
    boundaries: BoundarySink | None = None  # its sink, if that wants to hear of them
    context: Context = field(default_factory=copy_context)  # of who asked: what lines of the log about this job say
    resumed_from: int | None = None  # the step that it held
    stopped: bool = False
    priority: int | None = None  # that it was given since; None: as it came
    state: JobState | None = None
    home: torch.device | None = None  # where its tensors belong, while they are in host memory
    joined: float = 0.0
    alone: bool = True  # nobody else has had the device since it joined
    stepped: int = 0
    previewed: int = 0  # step of the last preview
    kept: int = 0  # step of the last checkpoint
    kept_s: float = 0.0  # device time it had had by then
    device_s: float = 0.0
    peak_bytes: int = 0
    stages_s: dict[str, float] = field(default_factory=dict)
    shape: Shape = ()
    since: float = 0.0
    work: float = 0.0  # guided evaluations of all that it walks
    state_bytes: int = 0
    held_up: str | None = None  # why it does not step, as its sink was told
    speculation: Plan | None = None  # while its draft is walked or not yet judged: the plan that it was submitted with
    draft: torch.Tensor | None = None  # the draft's latent (C, F', H', W'), until it has been judged
    spent: int = 0  # evaluations in walks that are over: those of the draft, and of the look at one that was rejected
    _waiting: Waiting | None = None
    _account: AccountSink | None = None
    _keeper: CheckpointSink | None = None

    def __post_init__(self) -> None:
        self.shape = shape_of(self.plan)
        self.since = self.urgency.arrived
        self.work = evaluations(self.plan)
        # Asked once: whether an object has a protocol's methods takes as long as a good part of a step's account.
        self._account = self.sink if isinstance(self.sink, AccountSink) else None
        self._keeper = self.sink if isinstance(self.sink, CheckpointSink) else None

    def start(self, state: JobState, boundary: int) -> None:
        """Its state, with room for the predictions it will remember."""
        self.stepped = boundary - 1
        self.walk(state)

    def walk(self, state: JobState) -> None:
        """It walks this state from now on."""
        self.state, self.plan = state, state.plan
        self.work = self.spent / 2 + state.work + self._behind  # drafts have no guidance
        self.weigh()

    def weigh(self) -> None:
        """Take on the shape of the stage that its plan is in."""
        state = self.started
        self.shape = shape_of(self.plan, state.step)
        self.state_bytes = state_bytes(state) + 2 * state.latent.numel() * state.latent.element_size()

    def heed(self) -> None:
        """Take on the priority that it was given since: on the engine's thread, at a boundary."""
        if self.priority is not None and self.priority != self.urgency.priority:
            self.urgency = replace(self.urgency, priority=self.priority)
            self._waiting = None

    def waiting(self) -> Waiting:
        if self._waiting is None or self._waiting.leaving != self.stopped:
            self._waiting = Waiting(
                job_id=self.name,
                shape=self.shape,
                urgency=self.urgency,
                evaluations=self.work,
                remaining=self.work,
                since=self.since,
                leaving=self.stopped,
                alone=self.plan.sampling.alone,
            )
        return self._waiting

    def running(self, used_s: float, tenant_used_s: float = 0.0) -> Running:
        """`used_s`: device time that its shape has had; `tenant_used_s`: that its tenant has had, by weight."""
        return Running(
            job_id=self.name,
            shape=self.shape,
            urgency=self.urgency,
            evaluations=self.work,
            remaining=self.left,
            since=self.since,
            state_bytes=self.state_bytes,
            leaving=self.stopped or self.started.done,
            forecast=self.started.forecast,
            alone=self.plan.sampling.alone,
            group=self.started.group,
            stepped=self.stepped,
            used_s=used_s,
            tenant_used_s=tenant_used_s,
            passes=self.started.share,
        )

    def paused(self) -> Paused:
        return Paused(
            job_id=self.name,
            shape=self.shape,
            urgency=self.urgency,
            evaluations=self.work,
            remaining=self.left,
            since=self.since,
            state_bytes=self.state_bytes,
            leaving=self.stopped,
            forecast=self.started.forecast,
            alone=self.plan.sampling.alone,
            group=self.started.group,
            parked=self.home is not None,
        )

    @property
    def drafting(self) -> bool:
        """Whether it walks its draft."""
        return self.speculation is not None and self.draft is None

    @property
    def left(self) -> float:
        """Guided evaluations still to come, of the shape that it is in; those behind its draft too."""
        return self._own_left + self._behind

    @property
    def _own_left(self) -> float:
        state, plan = self.started, self.plan
        if not plan.stages:
            return state.work_left
        pixels = plan.spec_at(state.step).pixels
        left = range(state.step, len(state.mask))
        return sum(state.share_at(step) * plan.spec_at(step).pixels for step in left) / pixels

    @property
    def _behind(self) -> float:
        return walk_evaluations(behind(self.speculation)) if self.speculation is not None and self.drafting else 0.0

    @property
    def measurable(self) -> bool:
        """Whether its steps say what steps take: a cache's are uneven, and a student's weights are others."""
        return not self.plan.sampling.step_cache and self.plan.student is None and not self.drafting

    @property
    def keeps_checkpoints(self) -> bool:
        """Whether its sink keeps checkpoints: to others none need be handed out."""
        return self._keeper is not None

    @property
    def preview_due(self) -> bool:
        """Whether `preview_every` steps have gone by and it will not be done at once anyway."""
        due = 0 < self.preview_every <= self.started.step - self.previewed
        return due and not self.started.done and self.speculation is None

    @property
    def started(self) -> JobState:
        """The state of a job that has joined."""
        if self.state is None:
            raise RuntimeError(f"{self.job_id} has not started.")
        return self.state

    def account(
        self, boundary: int, now: float, took_s: float, own_s: float, batch: Sequence[Ticket], rules: Rules
    ) -> None:
        """Note a step: its own part of the device's `took_s` seconds, and what it costs of its age."""
        self.stepped = boundary
        self.device_s += own_s
        if self._account is not None:
            if any(other.shape != self.shape for other in batch):
                others = [Mate(other.job_id, other.shape) for other in batch if other is not self]
                self._account.ran(len(batch), took_s, others)
            else:
                self._account.ran(len(batch), took_s)
        self.since = aged(self.since, self.urgency.priority, now, took_s, rules)

    def waits(self, cause: str, rival: str | None = None) -> None:
        """It is kept from the device; its sink hears of a cause once."""
        if self._account is not None and cause != self.held_up:
            self._account.waits(cause, rival)
        self.held_up = cause

    def goes_on(self) -> None:
        """It has a slot."""
        if self._account is not None:
            self._account.goes_on()
        self.held_up = None

    def hand_out(self) -> None:
        """A checkpoint to a sink that keeps them: a copy of the state, whose tensors are replaced, never written to."""
        self.kept, self.kept_s = self.started.step, self.device_s
        if self._keeper is not None:
            self._keeper.checkpoint(replace(self.started))

    def measured(self) -> Measured:
        return Measured(
            stages_s=dict(self.stages_s),
            device_seconds=self.device_s,
            peak_memory_bytes=self.peak_bytes,
            evaluations=self.spent + self.started.evaluations,
            resumed_from_step=self.resumed_from,
            steps_skipped=self.started.first,
        )


def give_latent(ticket: Ticket) -> None:
    """The final latent to a sink that wants it; what is made in stages has none of its whole walk."""
    sink = ticket.sink
    if isinstance(sink, LatentSink) and sink.keeps_latent and not ticket.plan.stages:
        sink.latent(np.ascontiguousarray(ticket.started.latent.detach().float().cpu().numpy()))


def decoded_sound(denoiser: Denoiser, ticket: Ticket) -> Waveform | None:
    """What is heard of the job, as long as its video; None where its plan is silent or nobody listens."""
    plan = ticket.plan
    if not (plan.sound and isinstance(ticket.sink, SoundSink) and isinstance(denoiser, MakesSound)):
        return None
    heard = denoiser.decode_sound(ticket.started)
    return None if heard is None else heard.lasting(plan.spec.seconds)


def give_sound(ticket: Ticket, heard: Waveform | None) -> None:
    """The sound to a sink that wants it."""
    if heard is not None and isinstance(ticket.sink, SoundSink):
        ticket.sink.sound(heard)


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
    if isinstance(error, ServiceUnavailable):  # not the job's doing: it is to be tried again
        return (WorkerLost if isinstance(error, PartFailed) else PartAway)(error.message)
    if isinstance(error, KinorayError):
        return GenerationError(error.message, error.param, error.error_code)
    return GenerationError(f"The model failed on this job ({type(error).__name__}: {error}).")
