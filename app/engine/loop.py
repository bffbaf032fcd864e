"""The engine's story: one thread steps many jobs together, boundary by boundary, and knows nothing of their model."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from app.engine.denoiser import Conditioning, Denoiser
from app.engine.desk import Desk
from app.engine.embedding import Embedding, heard_in, told
from app.engine.forward import Answer, Forward
from app.engine.keeping import Keeping
from app.engine.pace import Pace, Times, profile, rehearsal, shape_of
from app.engine.places import Places
from app.engine.previews import Previews
from app.engine.reuse import forecast, remember
from app.engine.start import begun, resumed
from app.engine.ticket import PreviewSink, Sink, Ticket, failure, outcome
from app.engine.watch import Watch
from app.errors import Cancelled, InvalidRequest, TimedOut, WorkerLost
from app.line.batcher import Boundary, Profile, Rules, Shape, Urgency
from app.line.rules import PRIORITIES
from app.types import ModelProfile, Phase, Plan

log = logging.getLogger(__name__)


class Engine:
    """Owns a denoiser and the one thread that runs it. The public methods may be called from any thread."""

    def __init__(self, denoiser: Denoiser, rules: Rules, clock: Callable[[], float] = time.monotonic) -> None:
        self._denoiser = denoiser
        self._rules = rules
        self._clock = clock
        self._pace = Pace()
        self._watch = Watch(rules)
        self._default: Shape | None = None
        self._numbers = itertools.count()
        self._boundaries = itertools.count(1)
        self._desk = Desk()
        self._places = Places()  # this and what follows belong to the engine's thread
        self._forward = Forward(denoiser, self._pace, self._places.make_room)
        self._previews = Previews(denoiser, rules.preview_share, clock)
        self._keeping = Keeping(rules.checkpoint_share, rules.checkpoint_every)
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
    ) -> None:
        """Take in a job. Without both embeddings the engine encodes. The same id again stops the former attempt.

        With a `checkpoint` that fits, the job goes on from it; one that does not is passed over.

        Without `urgency` (see there) it is an ordinary job that comes now. Every `preview_every` steps, or less often
        where previews are dear, a sink that is a `PreviewSink` sees the clean estimate; 0: never.

        Raises:
            WorkerLost: the engine has ended.
        """
        conditioning = None
        if prompt is not None and negative is not None:
            conditioning = Conditioning(heard_in(prompt), heard_in(negative))
        name, now = f"{job_id}/{next(self._numbers)}", self._clock()
        urgency = Urgency(arrived=now) if urgency is None else urgency
        every = preview_every if isinstance(sink, PreviewSink) else 0
        self._desk.hand_in(Ticket(name, job_id, plan, sink, conditioning, now, urgency, every, checkpoint))

    def urgency(self, priority: str = "normal", due_in_s: float | None = None, waited_s: float = 0.0) -> Urgency:
        """On this engine's clock: due so many seconds from now, come so many seconds ago.

        Raises:
            InvalidRequest: there is no such priority.
        """
        if priority not in PRIORITIES:
            raise InvalidRequest(f"The priority is one of {', '.join(PRIORITIES)}.", "priority")
        now = self._clock()
        return Urgency(PRIORITIES[priority], None if due_in_s is None else now + due_in_s, now - waited_s)

    def checkpoint_cost(self, seconds: float) -> None:
        """Say what it took to store a checkpoint that a sink was given: it decides how often there is one."""
        self._keeping.cost(seconds)

    def stop(self, job_id: str) -> None:
        """End a job at the next step boundary: its sink hears `Cancelled`. Unknown ids are ignored."""
        self._desk.stop(job_id)

    def encode(self, prompts: Sequence[str]) -> Future[list[Embedding]]:
        """Embeddings of prompts, made on the engine's thread between two steps.

        Raises:
            WorkerLost: the engine has ended.
        """
        asked = list(prompts)
        return self._desk.call(lambda: [told(heard) for heard in self._denoiser.encode(asked)])

    def warm_up(self, model: ModelProfile) -> float:
        """Measure the model's default shape at every batch size; seconds that a step of one job takes.

        Raises:
            DeviceOutOfMemory: the model does not fit.
            WorkerLost: the engine has ended.
        """
        return self._desk.call(partial(self._rehearse, rehearsal(model))).result()

    def adopt(self, times: Times) -> None:
        """Take step times that another replica on the same hardware has measured, where this one knows none.

        Raises:
            WorkerLost: the engine has ended.
        """
        self._desk.call(partial(self._pace.adopt, times)).result()

    def healthy(self) -> bool:
        """Whether the engine's thread is there to work, and does not hang in a step."""
        return self._thread.is_alive() and not self._desk.ended and not self.stuck_s()

    def stuck_s(self, now: float | None = None) -> float:
        """For how long the step under way has taken more than `Rules` allow; 0 when it has not."""
        return self._watch.stuck_s(self._clock() if now is None else now)

    def close(self, timeout_s: float | None = None) -> None:
        """End all jobs as cancelled, after the step that is under way, and the thread."""
        self._desk.close()
        self._thread.join(timeout_s)

    @property
    def step_s(self) -> float:
        """Seconds that a step of one job of the default shape takes; 0 before the warm-up."""
        return 0.0 if self._default is None else self._pace.step_s(self._default, 1)

    @property
    def step_times(self) -> dict[str, float]:
        """The same for every shape stepped so far, by "FxHxW"."""
        return {"x".join(map(str, shape)): seconds for (shape, batch), seconds in self.times.items() if batch == 1}

    @property
    def times(self) -> Times:
        """Seconds a step takes, by (frames, height, width) and batch size, as far as known."""
        return self._pace.times

    @property
    def profile(self) -> Profile:
        """What has been measured of times, and of the batches that memory holds."""
        return self._pace.profile

    # What its thread does

    def _run(self) -> None:
        try:
            while (arrived := self._desk.take(idle=not self._places)) is not None:
                self._places.waiting.update({ticket.name: ticket for ticket in arrived})
                self._boundary()
        finally:
            self._end()

    def _boundary(self) -> None:
        # 1. Boundary: who goes, who comes, who shares the next forward.
        number = next(self._boundaries)
        boundary = self._places.decide(self._clock(), self._rules, self._pace.profile)
        self._rearrange(boundary, number)

        # 2. Gather: those who could not start are gone.
        batch = [self._places.running[name] for name in boundary.batch if name in self._places.running]
        if not batch:
            return

        # 3. Predict: one forward for all.
        begun, shape = self._clock(), batch[0].shape
        self._watch.begin(begun, self._pace.step_s(shape, len(batch)))
        predictions, together = self._forward.run(batch)

        # 4. Advance: each its own state.
        stepped = []
        for ticket, prediction in zip(batch, predictions, strict=True):
            if self._alone(ticket, partial(self._advance, prediction)):
                stepped.append(ticket)
        self._watch.end()

        # 5. Emit: what it took, where each is now. Forecast steps follow at once, then previews.
        now = self._clock()
        took = now - begun
        if together and len(stepped) == len(batch):
            self._pace.learn(shape, len(batch), took)
        self._places.turns.charge(shape, took)
        held_bytes = self._denoiser.memory_bytes()
        round_s = self._pace.round_s((ticket.shape for ticket in self._places.running.values()), self._rules)
        for ticket in stepped:
            ticket.account(number, now, took, len(batch), self._rules)
            ticket.peak_bytes = max(ticket.peak_bytes, held_bytes)
            self._alone(ticket, partial(self._emit, round_s))
        here = [ticket for ticket in stepped if ticket.name in self._places.running]
        self._previews.show(here, took, self._alone)
        self._keeping.show(here, self._alone)

    def _rearrange(self, boundary: Boundary, number: int) -> None:
        for name in boundary.leave:
            self._alone(self._places.find(name), self._leave)
        for name in boundary.pause:
            self._places.pause(name)
        for name in boundary.park:
            self._places.park(name)
        for name in boundary.resume:
            self._alone(self._places.find(name), self._places.resume)
        for name in boundary.join:
            self._alone(self._places.find(name), partial(self._join, number))

    def _alone(self, ticket: Ticket, work: Callable[[Ticket], None]) -> bool:
        """Do it; what it raises ends this job only."""
        error = outcome(lambda: work(ticket))
        if isinstance(error, Exception):
            self._fail(ticket, error)
        return error is None

    def _join(self, number: int, ticket: Ticket) -> None:
        ticket.joined = self._clock()
        ticket.stages_s["queue"] = ticket.joined - ticket.submitted
        state = resumed(self._denoiser, ticket) or begun(self._denoiser, ticket, self._clock)
        ticket.start(state, number)
        ticket.sink.phase(Phase.DENOISING)
        self._places.run(ticket)
        if state.step:
            self._emit(self._pace.step_s(ticket.shape, 1), ticket)  # and take the forecast steps that come first

    def _advance(self, prediction: Answer, ticket: Ticket) -> None:
        if isinstance(prediction, Exception):
            raise prediction
        remember(ticket.started, prediction)
        self._denoiser.advance(ticket.started, prediction)

    def _emit(self, round_s: float, ticket: Ticket) -> None:
        """Tell of the step, and take the forecast steps that follow it. In each round all jobs are evaluated once."""
        state, total = ticket.started, ticket.plan.sampling.steps
        ticket.sink.step(state.step, total, state.remaining * round_s)
        while state.forecast:
            self._denoiser.advance(state, forecast(state.history, state.sigma))
            ticket.sink.step(state.step, total, state.remaining * round_s)

    def _leave(self, ticket: Ticket) -> None:
        if ticket.stopped:
            raise Cancelled("The job was stopped.")
        if ticket.state is None or not ticket.state.done:
            raise TimedOut("Its deadline has passed.")
        begun = self._clock()
        ticket.stages_s["denoise"] = begun - ticket.joined
        ticket.sink.phase(Phase.DECODING)
        frames = self._denoiser.decode(ticket.started)
        took = self._clock() - begun
        ticket.stages_s["decode"] = took
        ticket.device_s += took
        self._forget(ticket)
        ticket.sink.done(frames, ticket.measured())

    def _fail(self, ticket: Ticket, error: Exception) -> None:
        self._forget(ticket)
        if not isinstance(error, Cancelled):
            log.warning("Job %s failed: %s", ticket.job_id, error, exc_info=error)
        unheard = outcome(lambda: ticket.sink.failed(failure(error)))
        if isinstance(unheard, Exception):
            log.warning("Nobody hears that job %s failed: %s", ticket.job_id, unheard)

    def _forget(self, ticket: Ticket) -> None:
        self._places.forget(ticket)
        self._desk.forget(ticket)

    def _rehearse(self, plan: Plan) -> float:
        self._default = shape = shape_of(plan)
        for (_, batch), seconds in profile(self._denoiser, plan, self._rules.max_batch, self._clock).items():
            self._pace.learn(shape, batch, seconds, settled=True)
        self._pace.limit(shape, max(batch for _, batch in self._pace.times))
        return self.step_s

    def _end(self) -> None:
        """The thread's last act: nothing that was asked for is left without an answer."""
        unheard = self._desk.end()
        if self._desk.closing:  # a device that failed has nothing to hand out
            self._keeping.last(list(self._places), self._alone)
        error = Cancelled("The engine was closed.") if self._desk.closing else WorkerLost("The engine failed.")
        for ticket in [*self._places, *unheard]:
            self._fail(ticket, error)
