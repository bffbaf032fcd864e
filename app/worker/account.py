"""Keeps account of one attempt while it runs: stages, batches and waits, small enough to travel with each event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.jobs.reports.account import HANDED_ON, attempt_entry
from app.types import Phase
from app.worker.facts import Fact, FramesMade, HeldUp, PhaseChanged, PromptsEncoded, StepDone, WentOn

if TYPE_CHECKING:
    from app.engine.sinks import Mate

MOST_RUNS = 256  # of batches of one size; more become one that stands for the rest
MOST_PAUSES = 64  # the shortest go first
SHORTEST_S = 0.001  # a wait that is over sooner was none

STAGES = {Phase.DENOISING: "steps", Phase.DECODING: "decode"}
"""By what names a report knows the phases."""

Bytes = Callable[[], tuple[int, int | None]]


class AttemptLog:
    """What `app.jobs.reports.account.AttemptAccount` is read from. Belongs to the attempt's loop.

    `clock` gives Unix seconds, `held` the bytes that the process and its GPU hold.
    """

    def __init__(self, fence: int, replica: str, clock: Callable[[], float], held: Bytes) -> None:
        self._name = attempt_entry(fence)
        self._clock = clock
        self._held = held
        now = clock()
        self._facts: dict[str, Any] = {"replica": replica, "leased_at": now, "began_at": now}
        self._spans: list[dict[str, Any]] = []
        self._pauses: list[dict[str, Any]] = []
        self._runs: list[dict[str, Any]] = []
        self._step: int | None = None  # the last that is done

    def leased(self, at: float | None) -> None:
        """When the lease began."""
        if at is not None:
            self._facts["leased_at"] = at

    def found(self, embedding: bool, checkpoint: bool) -> None:
        """What the attempt goes on with: the prompt's embedding from the cache, an earlier attempt's checkpoint."""
        self._facts |= {"embedding_hit": embedding, "resumes": checkpoint}

    def heed(self, fact: Fact, at: float) -> None:
        """Something the engine said at that moment."""
        match fact:
            case PhaseChanged(phase):
                self.enter(STAGES.get(phase, phase.value), at)
            case StepDone(step, _, _, batch, took_s, packed):
                self.ran(step, batch, took_s, packed)
            case HeldUp(cause, rival):
                self.waits(cause, rival, at)
            case WentOn():
                self.goes_on(at)
            case PromptsEncoded(_, took_s) if not any(span["name"] == "encode" for span in self._spans):
                self.enter("encode", at - took_s)
                self._close(at)
            case FramesMade():
                self.end(HANDED_ON, at=at)

    def enter(self, stage: str, at: float | None = None) -> None:
        """A stage begins, now or at that moment; the one before is over then."""
        at = self._clock() if at is None else at
        self._close(at)
        host_bytes, device_bytes = self._held()
        self._spans.append({"name": stage, "at": at, "host_bytes": host_bytes, "device_bytes": device_bytes})

    def leave(self) -> None:
        """The stage under way is over."""
        self._close(self._clock())

    def ran(self, step: int, batch: int, took_s: float, packed: Sequence[Mate] = ()) -> None:
        """A step is done: in a batch of so many, packed with these of other shapes, or, with none, forecast."""
        self._step = step
        last = self._runs[-1] if self._runs else None
        if last is None and not batch:  # it tells where the attempt begins: nothing is forecast from nothing
            self._facts["begins_at"] = step
            return
        mates = [{"job": mate.job_id, "shape": list(mate.shape)} for mate in packed]
        same = last is not None and last["batch"] == batch and last.get("packed", []) == mates
        if last is None or (not same and len(self._runs) < MOST_RUNS):
            more = {"packed": mates} if mates else {}
            self._runs.append({"batch": batch, "steps": 1, "took_s": took_s, **more})
            return
        last["steps"] += 1
        last["took_s"] += took_s

    def waits(self, cause: str, rival: str | None, at: float) -> None:
        """The attempt is kept from the device from then on."""
        if self._waiting and self._pauses[-1]["cause"] == cause:
            return
        self.goes_on(at)
        self._pauses.append({"cause": cause, "at": at, "rival": rival, "step": self._step})

    def goes_on(self, at: float) -> None:
        """It has a slot."""
        if not self._waiting:
            return
        last = self._pauses[-1]
        last["until"] = at
        if at - last["at"] < SHORTEST_S:
            self._pauses.pop()
        elif len(self._pauses) > MOST_PAUSES:
            self._pauses.remove(min(self._pauses, key=lambda each: float(each["until"] - each["at"])))

    def end(self, outcome: str, why: str | None = None, at: float | None = None) -> None:
        """The attempt is over."""
        at = self._clock() if at is None else at
        self._close(at)
        self.goes_on(at)
        self._facts |= {"ended_at": at, "outcome": outcome, "why": why}

    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The account so far, as the event log takes it."""
        lists = {"spans": self._spans, "pauses": self._pauses, "runs": self._runs}
        return {self._name: {**self._facts, **lists, "heard_at": self._clock()}}

    @property
    def _waiting(self) -> bool:
        return bool(self._pauses) and "until" not in self._pauses[-1]

    def _close(self, at: float) -> None:
        if self._spans and "until" not in self._spans[-1]:
            self._spans[-1]["until"] = max(at, self._spans[-1]["at"])
