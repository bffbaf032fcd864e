"""When to try again: what an attempt met comes in, the delivery as it stands after it goes out; no clock, no I/O."""

from __future__ import annotations

from app.types import Delivery

RETRY_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 10800.0, 18000.0)
"""Seconds until the next attempt after each failed one; together about twelve hours."""

JITTER = 0.2  # each is up to so much longer or shorter, so that receivers that were away are not met by all at once
GONE = 410


def after(before: Delivery, status: int | None, error: str | None, now: float, draw: float) -> Delivery:
    """The delivery after one more attempt, answered with an HTTP `status` or ended by `error`.

    2xx is taken for told; 410 for "no more"; anything else, redirects too, is tried again until RETRY_S is used up.
    `draw` is from [0, 1).
    """
    attempts = before.attempts + 1
    if status is not None and 200 <= status < 300:
        return Delivery("delivered", attempts, None, now)
    why = error or f"http_{status}"
    if status == GONE:
        return Delivery("disabled", attempts, why, now)
    if attempts > len(RETRY_S):
        return Delivery("failed", attempts, why, now)
    wait_s = RETRY_S[attempts - 1] * (1 + JITTER * (2 * draw - 1))
    return Delivery("waiting", attempts, why, now, now + wait_s)
