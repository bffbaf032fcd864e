"""The engine's story: one thread steps many jobs together, boundary by boundary, and knows nothing of their model."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import Conditioning, Denoiser
from app.engine.desk import Desk
from app.engine.pace import Pace, Times, profile, rehearsal, shape_of
from app.engine.reuse import forecast, remember
from app.engine.ticket import Sink, Ticket, failure, outcome
from app.errors import Cancelled, WorkerLost
from app.line.batcher import Rules, Shape, decide
from app.types import ModelProfile, Phase, Plan

log = logging.getLogger(__name__)
Embedding = NDArray[np.float32]  # (T, D)


class Engine:
    """Owns a denoiser and the one thread that runs it. The public methods may be called from any thread."""

    def __init__(self, denoiser: Denoiser, rules: Rules, clock: Callable[[], float] = time.monotonic) -> None:
        self._denoiser = denoiser
        self._rules = rules
        self._clock = clock
        self._pace = Pace()
        self._default: Shape | None = None
        self._numbers = itertools.count()
        self._boundaries = itertools.count(1)
        self._desk = Desk()
        self._running: list[Ticket] = []  # this and _waiting belong to the engine's thread
        self._waiting: list[Ticket] = []
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
    ) -> None:
        """Take in a job. Without both embeddings the engine encodes. The same id again stops the former attempt.

        Raises:
            WorkerLost: the engine has ended.
        """
        conditioning = None
        if prompt is not None and negative is not None:
            conditioning = Conditioning(torch.tensor(prompt), torch.tensor(negative))
        name = f"{job_id}/{next(self._numbers)}"
        self._desk.hand_in(Ticket(name, job_id, plan, sink, conditioning, submitted=self._clock()))

    def stop(self, job_id: str) -> None:
        """End a job at the next step boundary: its sink hears `Cancelled`. Unknown ids are ignored."""
        self._desk.stop(job_id)

    def encode(self, prompts: Sequence[str]) -> Future[list[Embedding]]:
        """Embeddings of prompts, made on the engine's thread between two steps.

        Raises:
            WorkerLost: the engine has ended.
        """
        asked = list(prompts)
        return self._desk.call(lambda: [tokens.numpy() for tokens in self._denoiser.encode(asked)])

    def warm_up(self, model: ModelProfile) -> float:
        """Measure the model's default shape at every batch size; seconds that a step of one job takes.

        Raises:
            DeviceOutOfMemory: the model does not fit.
            WorkerLost: the engine has ended.
        """
        return self._desk.call(partial(self._rehearse, rehearsal(model))).result()

    def healthy(self) -> bool:
        """Whether the engine's thread is there to work."""
        return self._thread.is_alive() and not self._desk.ended

    def close(self, timeout_s: float | None = None) -> None:
        """End all jobs as cancelled, after the step that is under way, and the thread."""
        self._desk.close()
        self._thread.join(timeout_s)

    @property
    def step_s(self) -> float:
        """Seconds that a step of one job of the default shape takes; 0 before the warm-up."""
        return 0.0 if self._default is None else self._pace.step_s(self._default, 1)

    @property
    def times(self) -> Times:
        """Seconds a step takes, by (frames, height, width) and batch size, as far as known."""
        return self._pace.times

    # What its thread does

    def _run(self) -> None:
        try:
            while (arrived := self._desk.take(idle=not (self._running or self._waiting))) is not None:
                self._waiting += arrived
                self._boundary()
        finally:
            self._end()

    def _boundary(self) -> None:
        # 1. Boundary: who goes, who comes, who shares the next forward.
        number = next(self._boundaries)
        tickets = {ticket.name: ticket for ticket in (*self._running, *self._waiting)}
        boundary = decide(
            [ticket.running() for ticket in self._running], [ticket.waiting() for ticket in self._waiting], self._rules
        )
        for name in boundary.leave:
            self._alone(tickets[name], self._leave)
        for name in boundary.join:
            self._alone(tickets[name], partial(self._join, number))

        # 2. Gather: those who could not start are gone.
        batch = [tickets[name] for name in boundary.batch if tickets[name] in self._running]
        if not batch:
            return

        # 3. Predict: one forward for all.
        begun = self._clock()
        predictions = self._predict(batch)

        # 4. Advance: each its own state.
        stepped = []
        for ticket, prediction in zip(batch, predictions, strict=True):
            if self._alone(ticket, partial(self._advance, prediction)):
                stepped.append(ticket)

        # 5. Emit: what it took, where each is now. Forecast steps follow at once.
        took = self._clock() - begun
        if len(stepped) == len(batch):
            self._pace.learn(shape_of(batch[0].plan), len(batch), took)
        held_bytes = self._denoiser.memory_bytes()
        round_s = self._pace.round_s([shape_of(ticket.plan) for ticket in self._running], self._rules.max_batch)
        for ticket in stepped:
            ticket.account(number, took / len(batch), held_bytes)
            self._alone(ticket, partial(self._emit, round_s))

    def _alone(self, ticket: Ticket, work: Callable[[Ticket], None]) -> bool:
        """Do it; what it raises ends this job only."""
        error = outcome(lambda: work(ticket))
        if isinstance(error, Exception):
            self._fail(ticket, error)
        return error is None

    def _join(self, number: int, ticket: Ticket) -> None:
        begun = ticket.joined = self._clock()
        ticket.stages_s["queue"] = begun - ticket.submitted
        if ticket.conditioning is None:
            ticket.sink.phase(Phase.ENCODING)
            ticket.conditioning = Conditioning(
                *self._denoiser.encode([ticket.plan.prompt, ticket.plan.negative_prompt])
            )
            ticket.joined = self._clock()
            ticket.stages_s["encode"] = ticket.joined - begun
        ticket.state = self._denoiser.start(ticket.job_id, ticket.plan, ticket.conditioning)
        ticket.stepped = number - 1
        ticket.sink.phase(Phase.DENOISING)
        self._waiting.remove(ticket)
        self._running.append(ticket)

    def _predict(self, batch: Sequence[Ticket]) -> list[torch.Tensor | Exception]:
        """A velocity for each, or why there is none: when a batch fails, each of its jobs is tried by itself."""
        states = [ticket.started for ticket in batch]
        made = outcome(lambda: self._denoiser.predict(states))
        if not isinstance(made, Exception):
            return list(made)
        if len(states) == 1:
            return [made]
        log.warning("A forward of %d jobs failed, each is tried by itself: %s", len(states), made)
        return [outcome(partial(self._predict_one, ticket)) for ticket in batch]

    def _predict_one(self, ticket: Ticket) -> torch.Tensor:
        return self._denoiser.predict([ticket.started])[0]

    def _advance(self, prediction: torch.Tensor | Exception, ticket: Ticket) -> None:
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
        for place in (self._running, self._waiting):
            if ticket in place:
                place.remove(ticket)
        self._desk.forget(ticket)

    def _rehearse(self, plan: Plan) -> float:
        self._default = shape_of(plan)
        for (shape, batch), seconds in profile(self._denoiser, plan, self._rules.max_batch, self._clock).items():
            self._pace.learn(shape, batch, seconds)
        largest = max(batch for _, batch in self._pace.times)
        self._rules = Rules(min(self._rules.max_batch, largest), self._rules.slots)
        return self.step_s

    def _end(self) -> None:
        """The thread's last act: nothing that was asked for is left without an answer."""
        unheard = self._desk.end()
        error = Cancelled("The engine was closed.") if self._desk.closing else WorkerLost("The engine failed.")
        for ticket in (*self._running, *self._waiting, *unheard):
            self._fail(ticket, error)
