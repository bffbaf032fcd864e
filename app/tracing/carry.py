"""What goes with a call to another process or task: the words of its log lines and its place in the trace."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

from structlog.contextvars import bind_contextvars

from app.logs.context import about, keep_private, private, words
from app.tracing.spans import Kind, below, current, is_on, span, stand_below
from app.tracing.traceparent import TRACEPARENT

Carried: TypeAlias = Mapping[str, object] | None


def carried() -> Carried:
    """To be sent along with a call; None: there is nothing to send."""
    said, above = words(), current()
    return {**said, TRACEPARENT: above} if said or above else None


def traced() -> Carried:
    """The same where spans are kept, else None: for calls of which only a trace has to know."""
    return carried() if is_on() else None


def continued(sent: Carried, name: str, kind: Kind = "server") -> AbstractContextManager[None]:
    """Within it, lines and spans are those of who sent that, below a span of this name."""
    return nullcontext() if sent is None else _continued(sent, name, kind)


@contextmanager
def _continued(sent: Mapping[str, object], name: str, kind: Kind) -> Iterator[None]:
    above = sent.get(TRACEPARENT)
    with (
        about(**{word: value for word, value in sent.items() if word != TRACEPARENT}),
        below(above if isinstance(above, str) else None),
        span(name, kind=kind),
    ):
        yield


def fresh_context() -> contextvars.Context:
    """An empty context but for what lines say and the place in the trace: for work that outlives who starts it."""
    said, above, unsaid = dict(words()), current(), private()
    context = contextvars.Context()
    if unsaid:
        context.run(keep_private, unsaid)
    if said:
        context.run(bind_contextvars, **said)
    if above is not None:
        context.run(stand_below, above)
    return context
