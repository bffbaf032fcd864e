from __future__ import annotations

import pytest

from app.types import Delivery
from app.webhooks.policy import JITTER, RETRY_S, after


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_ends_it(status: int) -> None:
    assert after(Delivery(attempts=2), status, None, 50.0, 0.5) == Delivery("delivered", 3, None, 50.0)


def test_410_means_no_more() -> None:
    assert after(Delivery(), 410, None, 50.0, 0.5).state == "disabled"


@pytest.mark.parametrize(
    ("status", "error", "why"), [(500, None, "http_500"), (302, None, "http_302"), (None, "timeout", "timeout")]
)
def test_anything_else_is_tried_again(status: int | None, error: str | None, why: str) -> None:
    told = after(Delivery(), status, error, 50.0, 0.5)
    assert (told.state, told.error, told.next_at) == ("waiting", why, 50.0 + RETRY_S[0])


def test_the_waits_grow_over_hours_with_jitter_and_end() -> None:
    told, waits = Delivery(), []
    while (told := after(told, 503, None, 0.0, 0.0)).state == "waiting":
        waits.append(told.next_at or 0.0)
    assert waits == [wait_s * (1 - JITTER) for wait_s in RETRY_S]
    assert waits == sorted(waits)
    assert 6 * 3600 < sum(RETRY_S) < 24 * 3600
    assert (told.state, told.attempts, told.next_at) == ("failed", len(RETRY_S) + 1, None)
