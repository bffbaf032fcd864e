"""The port to tracing: code says what it does, by name; a tracer, of which a process has one, keeps it or does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | bool | int | float
Facts = Mapping[str, Value | None]

_CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a span when it begins. `parent`, `own` and `links` are traceparents; times are Unix seconds.

    `own`: the span is known by that already; None: it gets an id of its own. Without a parent it begins a trace.
    """

    name: str
    parent: str | None = None
    own: str | None = None
    kind: Kind = "internal"
    began: float | None = None  # None: now
    facts: Facts = field(default_factory=dict)
    links: Sequence[str] = ()


class Span(Protocol):
    """Something that is under way. Nothing here raises."""

    @property
    def traceparent(self) -> str | None:
        """Its own; None: nothing is traced."""
        ...

    @property
    def kept(self) -> bool:
        """Whether somebody will see it: what costs something to say need not be said otherwise."""
        ...

    def rename(self, name: str) -> None:
        """What it is turned out later."""
        ...

    def note(self, facts: Facts) -> None:
        """Say more of it."""
        ...

    def event(self, name: str, facts: Facts, at: float | None = None) -> None:
        """Something happened within it, at Unix seconds or now."""
        ...

    def link(self, traceparent: str, facts: Facts) -> None:
        """It has to do with a span that is not above it."""
        ...

    def end(self, error: str | None = None, at: float | None = None) -> None:
        """It is over; `error`: not well, and why in a word."""
        ...


class Tracer(Protocol):
    """Keeps spans."""

    def begin(self, begun: Begun) -> Span:
        """A span that its maker ends."""
        ...

    def close(self) -> None:
        """Hand out what has not been handed out yet."""
        ...


class NoSpan:
    """Nothing is kept."""

    traceparent = None
    kept = False

    def rename(self, name: str) -> None:
        return None

    def note(self, facts: Facts) -> None:
        return None

    def event(self, name: str, facts: Facts, at: float | None = None) -> None:
        return None

    def link(self, traceparent: str, facts: Facts) -> None:
        return None

    def end(self, error: str | None = None, at: float | None = None) -> None:
        return None


NO_SPAN = NoSpan()
_NOTHING: AbstractContextManager[Span] = nullcontext(NO_SPAN)
_tracer: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Have this process's spans kept by it; None: by nobody. Once, as the process starts."""
    global _tracer
    _tracer = tracer


def is_on() -> bool:
    """Whether spans are kept in this process."""
    return _tracer is not None


def current() -> str | None:
    """The traceparent of the span that this task is in, or of who asked it from elsewhere."""
    return _CURRENT.get()


def begin(begun: Begun) -> Span:
    """A span beside the current ones, for what no `with` can hold."""
    return NO_SPAN if _tracer is None else _tracer.begin(begun)


def span(
    name: str,
    parent: str | None = None,
    *,
    own: str | None = None,
    kind: Kind = "internal",
    facts: Facts | None = None,
    links: Sequence[str] = (),
) -> AbstractContextManager[Span]:
    """A span around what is done within it, below `parent` or the current one; what is raised ends it as failed."""
    if _tracer is None:
        return _NOTHING
    return _within(_tracer.begin(Begun(name, parent or current(), own, kind, facts=facts or {}, links=links)))


def record(begun: Begun, ended: float | None = None, error: str | None = None) -> None:
    """A span that is over, from `begun.began` to `ended`, Unix seconds."""
    if _tracer is not None:
        _tracer.begin(begun).end(error, ended)


def stand_below(traceparent: str | None) -> None:
    """As `below`, for the rest of this context."""
    _CURRENT.set(traceparent)


@contextmanager
def below(traceparent: str | None) -> Iterator[None]:
    """Spans within it are below that one, which another process may have."""
    before = _CURRENT.set(traceparent)
    try:
        yield
    finally:
        _CURRENT.reset(before)


@contextmanager
def _within(made: Span) -> Iterator[Span]:
    error: str | None = None
    before = _CURRENT.set(made.traceparent)
    try:
        yield made
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        _CURRENT.reset(before)
        made.end(error)
