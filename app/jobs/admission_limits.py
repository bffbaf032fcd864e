"""What has to hold when a job is recorded: a store checks it, and says why not, in the step that records the job."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import (
    ConcurrencyExceeded,
    Conflict,
    InvalidRequest,
    JobNotFound,
    KinorayError,
    Overloaded,
    QuotaExceeded,
)
from app.jobs.quotas import Held, ends_at
from app.settings.limits import Period

BUCKETS = 60  # what a tenant has spent is kept in so many parts of the window: it rolls in steps of a sixtieth
BUSY_S = 10.0  # when one of a tenant's jobs will end nobody knows
MOST_AFTER = 32  # jobs that one job may wait for


class Replayed(Conflict):
    """The key was used for this very request: no job is recorded. `message` is the id of the first one's job."""


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class PictureWillTell(KeyReused):
    """The key was used for the same request with a picture named in another way: it is the same if the picture is."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's name for a request, so that asking again makes no second job. `digest` is that of the request.

    That of a request which names a picture has three parts between colons: the request with the picture itself (empty
    until that has been looked at), the request without it, and how it was named.
    """

    value: str
    digest: str
    ttl_s: float


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Limits on who comes in; None: as many as like. Those on jobs and spending hold for jobs that will be made."""

    idempotency_key: IdempotencyKey | None = None
    most_open: int | None = None  # of the tenant's jobs, those that have not ended
    most_waiting: int | None = None  # of all tenants: in the line, or waiting for other jobs; see `fills_line`
    most_spent: float | None = None  # step-seconds that the tenant may ask for in a window
    window_s: float = 3600.0
    held: tuple[Held, ...] = ()  # the job's tenant and key, with what they may

    @property
    def bucket_s(self) -> float:
        return self.window_s / BUCKETS


UNLIMITED = AdmissionLimits()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant has under way, and the step-seconds that it asked for in the window."""

    open: int = 0
    running: int = 0
    spent: float = 0.0


def key_name(tenant: str, key: str) -> str:
    """The name under which a tenant's key is kept; it never shows the key, nor is it of the client's making."""
    return hashlib.sha256(f"{len(tenant)}:{tenant}:{key}".encode()).hexdigest()


def refuse_another(kept: str, asked: str) -> None:
    """Compare the digest that a key was used with to the one it is used with now.

    Raises KeyReused unless they are of one request, or PictureWillTell where only the picture's content can say.
    """
    before, now = kept.split(":"), asked.split(":")
    if kept == asked:
        return
    if len(before) != 3 or len(now) != 3 or before[1] != now[1]:
        raise refusal("reused")
    if before[2] == now[2] or before[0] == now[0]:
        return
    raise refusal("reused") if now[0] else PictureWillTell("The picture is not looked at yet.", "Idempotency-Key")


def fills_line(waiting: int, mine: int, tenants: int, most: int) -> bool:
    """Whether one more finds no place where so many wait; of `tenants` with open jobs its own has `mine`.

    The last tenth of the line is kept for those who have less than their part of it, so that nobody can shut out the
    others by filling it.
    """
    taken = most - most // 10
    return waiting >= most or (waiting >= taken and mine * tenants >= taken)


def bucket(now: float, limits: AdmissionLimits) -> int:
    """The part of the window that this moment falls in."""
    return math.floor(now / limits.bucket_s)


def spent(buckets: Mapping[int, float], now: float, limits: AdmissionLimits) -> float:
    """Step-seconds asked for within the window that ends now."""
    oldest = bucket(now, limits) - BUCKETS
    return sum(amount for place, amount in buckets.items() if place > oldest)


def free_in_s(buckets: Mapping[int, float], amount: float, now: float, limits: AdmissionLimits) -> float:
    """Seconds until enough has left the window for this amount to fit; the window itself for one that never does."""
    left = spent(buckets, now, limits)
    for place in sorted(place for place in buckets if place > bucket(now, limits) - BUCKETS):
        left -= buckets[place]
        if left + amount <= (limits.most_spent or 0.0) + 1e-9:
            return max(1.0, (place + BUCKETS) * limits.bucket_s - now)
    return limits.window_s


def refused_by(word: str, limit: str, now: float) -> KinorayError:
    """The error for a limit of the settings, by its name: `seats` (jobs at once) or `quota` (of a day or month)."""
    kind, about = limit.split(".")[1:3]
    if word == "seats":
        message = f"Your {kind} has as many jobs waiting and running as it may ({limit})."
        return ConcurrencyExceeded(message, limit, retry_after_s=BUSY_S)
    period: Period = "day" if about == "day" else "month"
    message = f"Your {kind} has had what it may have in a {period} ({limit}); a new {period} begins at 00:00 UTC."
    return QuotaExceeded(message, limit, retry_after_s=max(1.0, ends_at(period, now) - now))


def refusal(word: str, detail: str = "", retry_after_s: float = BUSY_S) -> KinorayError:
    """The error for what a store found; `detail` is the id that the word is about."""
    if word == "replayed":
        return Replayed(detail)
    if word == "reused":
        return KeyReused("This Idempotency-Key was used for another request.", "Idempotency-Key")
    if word == "busy":
        message = "You have as many jobs waiting and running as you may."
        return Overloaded(message, code="tenant_jobs_limit", retry_after_s=retry_after_s)
    if word == "spent":
        message = "You have asked for as many step-seconds as you may in this time."
        return Overloaded(message, code="tenant_spend_limit", retry_after_s=retry_after_s)
    if word == "full":
        return Overloaded("Too many jobs are waiting.", retry_after_s=retry_after_s)
    if word == "unknown":
        return JobNotFound(f"after: there is no video {detail}.", "after")
    return InvalidRequest(f"after: {detail} has failed.", "after", "dependency_failed")
