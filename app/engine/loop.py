"""The engine's story: one thread steps many jobs together, boundary by boundary, and knows nothing of their model."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.boundary_news import MEMORY, SLOT, BoundarySink, moved, tell_stepped
from app.engine.checkpoint import to_bytes
from app.engine.checkpoint_policy import CheckpointPolicy
from app.engine.denoiser import Conditioning, Denoiser, Frames, JobState, PacksShapes, TakesAdapters
from app.engine.drafting import draft_done, draft_failed, draft_stands
from app.engine.embedding import Embedding, as_arrays, as_tensors
from app.engine.forward import Answer, Forward
from app.engine.inbox import Inbox
from app.engine.job_table import JobTable
from app.engine.memory.headroom import Headroom
from app.engine.memory.held import Held, held
from app.engine.memory.pressure import MemoryMonitor
from app.engine.niceness import STEPS, give_way
from app.engine.previews import Previews
from app.engine.reuse import forecast, remember
from app.engine.shown import Shown
from app.engine.sinks import PreviewSink, Sink
from app.engine.start import begun, encoded_image, encoded_inputs, resumed
from app.engine.tally import MEMORY as MEMORY_SHORT
from app.engine.tally import URGENT, Tally
from app.engine.ticket import Ticket, decoded_sound, failure, give_latent, give_sound, outcome
from app.engine.timing.step_times import StepTimes, Times
from app.engine.timing.warm_up import WarmUp
from app.engine.watchdog import Watchdog
from app.errors import Cancelled, InvalidRequest, TimedOut, WorkerLost
from app.line.batcher import Boundary, Profile, Rules, Shape, Urgency
from app.line.packing import Mix, mix_s, shares
from app.line.pressure import Level, Pressure
from app.line.profile import Noted
from app.line.rules import PRIORITIES
from app.types import ModelProfile, Phase, Plan, VideoSpec

log = logging.getLogger(__name__)
REST_S = 0.25


class Engine:
    """Owns a denoiser and the one thread that runs it. The public methods may be called from any thread."""

    def __init__(
        self,
        denoiser: Denoiser,
        rules: Rules,
        clock: Callable[[], float] = time.monotonic,
        memory: MemoryMonitor | None = None,
        headroom: Headroom | None = None,
    ) -> None:
        self._denoiser = denoiser
        can_pack = isinstance(denoiser, PacksShapes) and denoiser.packs
        self._rules = rules = replace(rules, pack=rules.pack and can_pack)
        self._clock = clock
        self._times = StepTimes()
        self._watchdog = Watchdog(rules)
        self._memory = memory
        self._rest_s = 0.0  # how long to wait for news when memory lets nobody step
        self._numbers = itertools.count()
        self._boundaries = itertools.count(1)
        self._warm_up = WarmUp(denoiser, rules, self._times, clock, headroom)
        self.tally = Tally()
        """Batches and preemptions since a heartbeat took them."""
        self._inbox = Inbox()
        self._jobs = JobTable(rules.borrow)  # this and what follows belong to the engine's thread
        self._forward = Forward(denoiser, self._times, self._jobs.make_room)
        self._previews = Previews(denoiser, rules.preview_share, clock)
        self._checkpoints = CheckpointPolicy(rules.checkpoint_share, rules.checkpoint_every)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    # What others ask of it

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
    ) -> None:
        """Take in a job. Without both embeddings the engine encodes. The same id again stops the former attempt.

        With a `checkpoint` that fits, the job goes on from it; one that does not is passed over. `source` is the final
        latent (C, F', H', W') of the video that the plan begins with; without one that fits it begins at noise.
        `picture` is what `encode_image` made of the plan's.

        Without `urgency` (see there) it is an ordinary job that comes now. Every `preview_every` steps, or less often
        where previews are dear, a sink that is a `PreviewSink` sees the clean estimate; 0: never.

        Raises:
            WorkerLost: the engine has ended.
        """
        conditioning = None
        if prompt is not None and negative is not None:
            conditioning = Conditioning(as_tensors(prompt), as_tensors(negative))
        name, now = f"{job_id}/{next(self._numbers)}", self._clock()
        urgency = Urgency(arrived=now) if urgency is None else urgency
        seen = {part: torch.tensor(tensor) for part, tensor in picture.items()}
        every = preview_every if isinstance(sink, PreviewSink) else 0
        told = sink if isinstance(sink, BoundarySink) else None
        ticket = Ticket(name, job_id, plan, sink, conditioning, now, urgency, every, checkpoint, source, seen, told)
        self._inbox.hand_in(ticket)

    def urgency(
        self, priority: str = "normal", due_in_s: float | None = None, waited_s: float = 0.0, tenant: str = ""
    ) -> Urgency:
        """On this engine's clock: due so many seconds from now, come so many seconds ago.

        Raises:
            InvalidRequest: there is no such priority.
        """
        if priority not in PRIORITIES:
            raise InvalidRequest(f"The priority is one of {', '.join(PRIORITIES)}.", "priority")
        now = self._clock()
        return Urgency(PRIORITIES[priority], None if due_in_s is None else now + due_in_s, now - waited_s, tenant)

    @staticmethod
    def to_bytes(state: JobState) -> bytes:
        """What a sink was given as a checkpoint, as `submit` takes it."""
        return to_bytes(state)

    def checkpoint_cost(self, seconds: float) -> None:
        """Say what it took to store a checkpoint that a sink was given: it decides how often there is one."""
        self._checkpoints.cost(seconds)

    def reprioritise(self, job_id: str, priority: str) -> None:
        """Have a job be of that class of PRIORITIES from the next boundary on. Unknown ids and classes are ignored."""
        if priority in PRIORITIES:
            self._inbox.change(job_id, PRIORITIES[priority])

    def stop(self, job_id: str, sink: Sink | None = None) -> None:
        """End a job at the next step boundary: its sink hears `Cancelled`. Unknown ids are ignored.

        With `sink`, only the attempt that was submitted with it: a later one at the same job goes on.
        """
        self._inbox.stop(job_id, sink)

    def offer_adapters(self, files: Mapping[str, Path]) -> None:
        """Say where the files of a job's uploaded adapters are, by mark, before it is submitted.

        Raises:
            AdapterUnusable: the model takes none.
        """
        if isinstance(self._denoiser, TakesAdapters):
            self._denoiser.offer_adapters(files)

    def encode(self, prompts: Sequence[str]) -> Future[list[Embedding]]:
        """Embeddings of prompts, made on the engine's thread between two steps.

        Raises:
            WorkerLost: the engine has ended.
        """
        asked = list(prompts)
        return self._inbox.call(lambda: [as_arrays(each) for each in self._denoiser.encode(asked)])

    def encode_image(self, image: Frames, spec: VideoSpec) -> Future[Embedding]:
        """What the denoiser makes of a picture, uint8 (1, H, W, 3) of the video's size. Raises WorkerLost."""
        return self._inbox.call(partial(encoded_image, self._denoiser, image, spec))

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> Future[Embedding]:
        """What the denoiser makes of all that a job is shown. Raises WorkerLost."""
        return self._inbox.call(partial(encoded_inputs, self._denoiser, tuple(inputs), spec))

    def warm_up(self, model: ModelProfile) -> float:
        """Measure the model's sizes at every batch size that fits, but for what is known; seconds of a lone step.

        Raises:
            DeviceOutOfMemory: the model does not fit.
            WorkerLost: the engine has ended.
        """
        self._inbox.call(partial(self._warm_up.run, model)).result()
        return self.step_s

    def adopt(self, known: Noted) -> None:
        """Take what another replica on the same hardware has measured, where this one knows nothing.

        Before the warm-up, which then leaves those batches out; largest batches count where there is no more room here.

        Raises:
            WorkerLost: the engine has ended.
        """
        self._inbox.call(partial(self._warm_up.adopt, known)).result()

    def healthy(self) -> bool:
        """Whether the engine's thread is there to work, and does not hang in a step."""
        return self._thread.is_alive() and not self._inbox.ended and not self.stuck_s()

    def stuck_s(self, now: float | None = None) -> float:
        """For how long the step under way has taken more than `Rules` allow; 0 when it has not."""
        return self._watchdog.stuck_s(self._clock() if now is None else now)

    def close(self, timeout_s: float | None = None) -> None:
        """End all jobs as cancelled, after the step that is under way, and the thread."""
        self._inbox.close()
        self._thread.join(timeout_s)

    @property
    def step_s(self) -> float:
        """Seconds that a step of one job of the default shape takes; 0 before the warm-up."""
        default = self._warm_up.default
        return 0.0 if default is None else self._times.expected_s(default)

    @property
    def step_times(self) -> dict[str, float]:
        """The same for every shape stepped so far, by "FxHxW"."""
        return {_key(shape): self._times.expected_s(shape) for shape, batch in self.times if batch == 1}

    @property
    def begin_times(self) -> dict[str, float]:
        """Seconds that a job alone takes beside its steps, between joining and the last of them, by "FxHxW"."""
        return {_key(shape): self._times.begin_s(shape) for shape, batch in self.times if batch == 1}

    @property
    def times(self) -> Times:
        """Seconds a step takes, by (frames, height, width) and batch size, as far as known."""
        return self._times.times

    @property
    def packed(self) -> dict[Mix, float]:
        """Seconds that packed steps take, by how many jobs of which shapes, as far as known."""
        return self._times.packed

    @property
    def limits(self) -> dict[Shape, tuple[int, int]]:
        """The largest batch of a shape as measured at start-up, and the bytes that were left then."""
        return dict(self._warm_up.limits)

    @property
    def profile(self) -> Profile:
        """What has been measured of times, and of the batches that memory holds."""
        return self._times.profile

    @property
    def pressure(self) -> Pressure:
        """How full memory was when it was last read; nothing is read without a monitor."""
        return Pressure() if self._memory is None else self._memory.now

    def look_at_memory(self) -> None:
        """Read again, between two steps: an idle engine reads nothing by itself, one that has ended nothing at all."""
        if self._memory is not None:
            with suppress(WorkerLost):
                self._inbox.call(self._memory.look)

    def held(self) -> Held:
        """What the process and its device hold now; quick, and for any thread."""
        return held(self._denoiser.device)

    # What its thread does

    def _run(self) -> None:
        try:
            give_way(STEPS)
            while (arrived := self._take()) is not None:
                self._jobs.waiting.update({ticket.name: ticket for ticket in arrived})
                self._boundary()
        finally:
            self._end()

    def _take(self) -> list[Ticket] | None:
        """What has come; where nothing is under way, a first job is let wait a little for others to step with."""
        if self._jobs:
            return self._inbox.take(False, self._rest_s)
        most = min(self._rules.max_batch, self._rules.slots)
        return self._inbox.take(True, self._rest_s, self._rules.linger_share * self.step_s if most > 1 else 0.0, most)

    def _boundary(self) -> None:
        # 1. Boundary: who goes, who comes, who shares the next forward.
        number = next(self._boundaries)
        fresh = self._memory is not None and self._memory.look()
        boundary = self._jobs.decide(self._clock(), self._rules, self._times.profile, self.pressure, fresh)
        self._rearrange(boundary, number)
        self._jobs.tell_waiting(MEMORY if self.pressure.worst is not Level.OK else SLOT)

        # 2. Gather: those who could not start are gone, and those who did may turn out to be of another group.
        there = [self._jobs.running[name] for name in boundary.batch if name in self._jobs.running]
        batch = [ticket for ticket in there if ticket.started.group == there[0].started.group]
        self._rest_s = 0.0 if batch or self.pressure.worst is Level.OK else REST_S
        if not batch:
            return

        # 3. Predict: one forward for all.
        begun, shapes = self._clock(), [ticket.shape for ticket in batch]
        passes = [ticket.started.share for ticket in batch]
        self._watchdog.begin(begun, mix_s(self._times.profile, shapes))
        predictions, together = self._forward.run(batch)
        self.tally.forward(len(batch))

        # 4. Advance: each its own state.
        stepped = []
        for ticket, prediction in zip(batch, predictions, strict=True):
            if self._alone(ticket, partial(self._advance, prediction)):
                stepped.append(ticket)
        self._watchdog.end()

        # 5. Emit: what it took, where each is now. Forecast steps follow at once, then previews.
        now = self._clock()
        took = now - begun
        if together and len(stepped) == len(batch) and all(ticket.measurable for ticket in batch):
            self._times.learn_batch(shapes, took, passes)
        parts = shares(self._times.profile, shapes, passes)
        seconds = {id(one): took * part for one, part in zip(batch, parts, strict=True)}
        self._jobs.charge(batch, list(seconds.values()), self._rules)
        running = [(ticket.urgency.tenant, ticket.shape) for ticket in self._jobs.running.values()]
        rounds = self._times.rounds_s(running, self._rules)
        for ticket in stepped:
            ticket.account(number, now, took, seconds[id(ticket)], batch, self._rules)
            self._alone(ticket, partial(self._emit, rounds[ticket.urgency.tenant]))
        tell_stepped(stepped, took, self._alone)
        here = [ticket for ticket in stepped if ticket.name in self._jobs.running]
        self._previews.show(here, took, self._alone)
        self._checkpoints.hand_out_due(here, self._alone)

    def _rearrange(self, boundary: Boundary, number: int) -> None:
        for name in boundary.leave:
            self._alone(self._jobs.find(name), self._leave)
        for name in boundary.hand_back:
            self._alone(self._jobs.find(name), self._hand_back)
        by = [self._jobs.find(name).job_id for name in (*boundary.join, *boundary.resume)] if boundary.pause else []
        for name in boundary.pause:
            self._jobs.pause(name, boundary.rivals.get(name))
            self._alone(self._jobs.find(name), moved("preempted", by))
            self.tally.preempted(URGENT)
        for name in boundary.park:
            self._jobs.park(name)
            self._alone(self._jobs.find(name), moved("parked"))
        for name in boundary.resume:
            self._alone(self._jobs.find(name), self._resume)
        for name in boundary.join:
            self._alone(self._jobs.find(name), partial(self._join, number))

    def _alone(self, ticket: Ticket, work: Callable[[Ticket], None]) -> bool:
        """Do it; what it raises ends this job only."""
        error = outcome(lambda: ticket.context.copy().run(work, ticket))
        if isinstance(error, Exception):
            self._fail(ticket, error)
        return error is None

    def _join(self, number: int, ticket: Ticket) -> None:
        ticket.joined = self._clock()
        ticket.goes_on()
        ticket.stages_s["queue"] = ticket.joined - ticket.submitted
        state = resumed(self._denoiser, ticket) or begun(self._denoiser, ticket, self._clock)
        ticket.start(state, number)
        ticket.sink.phase(Phase.DENOISING)
        self._jobs.run(ticket)
        moved("joined")(ticket)
        if state.step:
            self._emit(self._times.step_s(ticket.shape, 1), ticket)  # and take the forecast steps that come first

    def _resume(self, ticket: Ticket) -> None:
        self._jobs.resume(ticket)
        moved("went on")(ticket)

    def _advance(self, prediction: Answer, ticket: Ticket) -> None:
        if not ticket.drafting:
            return self._walk(prediction, ticket)
        error = outcome(lambda: self._walk(prediction, ticket))
        if isinstance(error, Exception):
            draft_failed(self._denoiser, ticket, error)

    def _walk(self, prediction: Answer, ticket: Ticket) -> None:
        if isinstance(prediction, Exception):
            raise prediction
        if not draft_stands(self._denoiser, ticket, prediction):
            return
        remember(ticket.started, prediction)
        self._denoiser.advance(ticket.started, prediction)

    def _emit(self, round_s: float, ticket: Ticket) -> None:
        """Tell of the step, and take the forecast steps that follow it. In each round all jobs are evaluated once."""
        if ticket.drafting:
            self._emit_draft(round_s, ticket)
            return
        state, total = ticket.started, ticket.plan.sampling.steps
        ticket.sink.step(state.step, total, ticket.left * round_s)
        while state.forecast:
            self._denoiser.advance(state, forecast(state.history, state.sigma))
            ticket.sink.step(state.step, total, ticket.left * round_s)
        if ticket.plan.stages:
            ticket.weigh()

    def _emit_draft(self, round_s: float, ticket: Ticket) -> None:
        """Its steps are none of the plan's. Behind the last of them the draft is shown, and the plan begins."""
        total = (ticket.speculation or ticket.plan).sampling.steps
        ticket.sink.step(0, total, ticket.left * round_s)
        if ticket.started.done:
            begun = self._clock()
            draft_done(self._denoiser, ticket)
            now = self._clock()
            ticket.device_s += now - begun
            ticket.stages_s["draft"], ticket.joined = now - ticket.joined, now

    def _leave(self, ticket: Ticket) -> None:
        if ticket.stopped:
            raise Cancelled("The job was stopped.")
        if ticket.state is None or not ticket.state.done:
            raise TimedOut("Its deadline has passed.")
        begun = self._clock()
        ticket.stages_s["denoise"] = begun - ticket.joined
        odd = ticket.plan.student is not None or ticket.plan.stages or ticket.spent
        if ticket.alone and ticket.resumed_from is None and not odd:
            self._times.learn_job(ticket.shape, ticket.started.work, begun - ticket.joined)
        ticket.sink.phase(Phase.DECODING)
        frames = self._denoiser.decode(ticket.started)
        heard = decoded_sound(self._denoiser, ticket)
        took = self._clock() - begun
        ticket.stages_s["decode"] = took
        ticket.device_s += took
        self._jobs.charge_alone(ticket, took, self._rules)
        ticket.peak_bytes = self._denoiser.memory_bytes()
        self._forget(ticket)
        give_latent(ticket)
        give_sound(ticket, heard)
        ticket.sink.done(frames, ticket.measured())

    def _hand_back(self, ticket: Ticket) -> None:
        """Memory is short: what has been done of it is kept, and another replica goes on, or this one later."""
        self._checkpoints.hand_out_all([ticket], self._alone)
        self.tally.preempted(MEMORY_SHORT)
        raise Cancelled("Memory is short; the job goes back to the line.", code=MEMORY)

    def _fail(self, ticket: Ticket, error: Exception) -> None:
        self._forget(ticket)
        if not isinstance(error, Cancelled):
            ticket.context.copy().run(partial(log.warning, "Job %s failed: %s", ticket.job_id, error, exc_info=error))
        unheard = outcome(lambda: ticket.sink.failed(failure(error)))
        if isinstance(unheard, Exception):
            log.warning("Nobody hears that job %s failed: %s", ticket.job_id, unheard)

    def _forget(self, ticket: Ticket) -> None:
        self._jobs.forget(ticket)
        self._inbox.forget(ticket)

    def _end(self) -> None:
        """The thread's last act: nothing that was asked for is left without an answer."""
        unheard = self._inbox.end()
        if self._inbox.closing:  # a device that failed has nothing to hand out
            self._checkpoints.hand_out_all(list(self._jobs), self._alone)
        error = Cancelled("The engine was closed.") if self._inbox.closing else WorkerLost("The engine failed.")
        for ticket in [*self._jobs, *unheard]:
            self._fail(ticket, error)


def _key(shape: Shape) -> str:
    return "x".join(map(str, shape))
