"""What every line of a log says beside itself: the job, attempt, tenant, request and trace at hand, kept by context."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import lru_cache

from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars, reset_contextvars

from app.types import Job

MOST_CHARS = 200  # of a word that came from outside
LEAST_PRIVATE = 6  # characters: shorter texts would blank ordinary words

_PRIVATE: ContextVar[tuple[str, ...]] = ContextVar("private", default=())


def about(**words: object) -> AbstractContextManager[None]:
    """Within it, every line of this task or thread says these words too; those that are None stay as they were."""
    return bound_contextvars(**{name: _short(word) for name, word in words.items() if word is not None})


@contextmanager
def about_job(job: Job, fence: int | None = None) -> Iterator[None]:
    """Within it, every line names the job, its attempt, fence, pool and trace, and its tenant by a hash."""
    words = {
        "job": job.id,
        "attempt": job.attempts,
        "fence": job.fence if fence is None else fence,
        "tenant": tenant_hash(job.tenant),
        "pool": job.plan.pool[:MOST_CHARS],
        "trace": trace_id(job.trace),
    }
    before = bind_contextvars(**{name: word for name, word in words.items() if word is not None})
    texts = (job.plan.prompt, job.plan.negative_prompt, job.plan.written or "")
    private_before = _PRIVATE.set(_with_private(texts))
    try:
        yield
    finally:
        _PRIVATE.reset(private_before)
        reset_contextvars(**before)


@contextmanager
def unsaid(*texts: str) -> Iterator[None]:
    """Within it, no line says these texts, whatever an error or a library makes of them, unless prompts are allowed."""
    before = _PRIVATE.set(_with_private(texts))
    try:
        yield
    finally:
        _PRIVATE.reset(before)


def _with_private(texts: Iterable[str]) -> tuple[str, ...]:
    return (*_PRIVATE.get(), *(text for text in texts if len(text) >= LEAST_PRIVATE))


def private() -> tuple[str, ...]:
    """What lines of this task or thread must not say."""
    return _PRIVATE.get()


def keep_private(texts: tuple[str, ...]) -> None:
    """As `unsaid`, for the rest of this context."""
    _PRIVATE.set(texts)


def facts(**said: object) -> dict[str, object]:
    """What one line says beside its message, as the `extra` of a logging call; what is None stays out."""
    return {"facts": {name: value for name, value in said.items() if value is not None}}


def words() -> Mapping[str, object]:
    """Those that lines of this task or thread say now."""
    return get_contextvars()


@lru_cache(maxsize=4096)  # several lines of each request say it
def tenant_hash(tenant: str) -> str:
    """Who a tenant is, for those who know its name already: 12 hexadecimal digits."""
    return hashlib.sha256(tenant.encode()).hexdigest()[:12]


def trace_id(traceparent: str | None) -> str | None:
    """The 32 hexadecimal digits of a W3C `traceparent` that has been checked; None: there is none."""
    return traceparent.split("-")[1] if traceparent else None


def _short(word: object) -> object:
    return word[:MOST_CHARS] if isinstance(word, str) else word
