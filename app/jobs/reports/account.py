"""The entries of a job's account: what routers, the dispatcher, replicas and finishers note of a job as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

INTAKE, RELEASED, PROMOTED = "intake", "released", "promoted"
RAN_OUT, REPLICA_LOST, NOT_TAKEN, REPLICA_LEFT = "lease_ran_out", "replica_lost", "not_taken", "replica_left"
"""Why an attempt ended without its replica's saying so."""
HANDED_ON, HANDED_BACK, FAILED = "handed_on", "handed_back", "failed"
"""How an attempt ended, as its replica said."""


def attempt_entry(fence: int) -> str:
    """What the replica that runs the attempt says of it."""
    return f"attempt:{fence}"


def loss_entry(fence: int) -> str:
    """What the dispatcher says of an attempt that came back without its replica's word."""
    return f"loss:{fence}"


def finish_entry(fence: int) -> str:
    """What the finisher says of the attempt's frames."""
    return f"finish:{fence}"


@dataclass(frozen=True, slots=True)
class Intake:
    """By the Router: when the request came, Unix seconds as all times here, and the seconds of each stage after it."""

    received_at: float
    stages_s: dict[str, float] = field(default_factory=dict)
    host_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """When a job was let into the line: those that it comes after are done, or the one that it followed has failed."""

    at: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stage of an attempt; memory is that of its beginning."""

    name: str
    at: float
    until: float | None = None  # under way
    host_bytes: int | None = None
    device_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """For what the attempt was kept from the device (slot, memory, preempted), by which job, and behind which step."""

    cause: str
    at: float
    until: float | None = None
    rival: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class PackedMate:
    """Another job in packed forwards, and its (frames, height, width); None: another tenant's."""

    job: str | None
    shape: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Run:
    """Steps one after another in batches of one size; 0: they were forecast. Seconds are those of whole batches.

    `packed`: the others in these forwards, where they were of several shapes.
    """

    batch: int
    steps: int
    took_s: float
    packed: tuple[PackedMate, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptAccount:
    """By a replica: an attempt so far."""

    replica: str
    leased_at: float
    began_at: float
    spans: tuple[Span, ...] = ()
    pauses: tuple[Pause, ...] = ()
    runs: tuple[Run, ...] = ()
    embedding_hit: bool | None = None
    resumes: bool = False  # from an earlier attempt's checkpoint
    begins_at: int = 0  # the step that the checkpoint held, or that a similar video stood for
    ended_at: float | None = None
    outcome: str | None = None
    why: str | None = None  # memory, replica_left, or an error code
    heard_at: float | None = None  # when this was written


@dataclass(frozen=True, slots=True)
class Loss:
    """By the dispatcher: an attempt that is over without a result."""

    leased_at: float | None
    at: float
    why: str
    not_before: float | None = None  # the job stays out of the line's way until then


@dataclass(frozen=True, slots=True)
class Finish:
    """By a finisher: the frames became files, and the files were stored."""

    began_at: float
    encoded_at: float
    stored_at: float
    size_bytes: int = 0
    host_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """All that was noted of a job; attempts, losses and finishes by fence."""

    intake: Intake | None = None
    released: Moment | None = None
    promoted: Moment | None = None
    attempts: Mapping[int, AttemptAccount] = field(default_factory=dict)
    losses: Mapping[int, Loss] = field(default_factory=dict)
    finishes: Mapping[int, Finish] = field(default_factory=dict)


_INTAKE, _MOMENT = TypeAdapter(Intake), TypeAdapter(Moment)
_ATTEMPT, _LOSS, _FINISH = TypeAdapter(AttemptAccount), TypeAdapter(Loss), TypeAdapter(Finish)


def account_of(entries: Mapping[str, Mapping[str, Any]]) -> Account:
    """The account that was written; an entry that a newer Kinoray wrote in another way is passed over."""
    return Account(
        _read(_INTAKE, entries.get(INTAKE)),
        _read(_MOMENT, entries.get(RELEASED)),
        _read(_MOMENT, entries.get(PROMOTED)),
        _by_fence(_ATTEMPT, entries, "attempt"),
        _by_fence(_LOSS, entries, "loss"),
        _by_fence(_FINISH, entries, "finish"),
    )


def _by_fence(kind: TypeAdapter[T], entries: Mapping[str, Mapping[str, Any]], name: str) -> dict[int, T]:
    found = {}
    for key, entry in entries.items():
        what, _, fence = key.partition(":")
        if what == name and fence.isdigit() and (read := _read(kind, entry)) is not None:
            found[int(fence)] = read
    return dict(sorted(found.items()))


def _read(kind: TypeAdapter[T], entry: Mapping[str, Any] | None) -> T | None:
    try:
        return None if entry is None else kind.validate_python(entry)
    except ValidationError:
        return None
