from __future__ import annotations

from dataclasses import replace

import pytest

from tests.jobs.make import a_job


@pytest.mark.parametrize(
    ("promised_s", "wished", "now", "holds"),
    [
        (None, "normal", None, False),
        (3.0, "normal", None, True),
        (3.0, "normal", "high", True),
        (3.0, "high", "normal", False),
        (3.0, "high", "high", True),
    ],
)
def test_a_promise_is_not_kept_to_who_was_made_less_urgent_since(
    promised_s: float | None, wished: str, now: str | None, holds: bool
) -> None:
    job = a_job()
    job = replace(job, promised_s=promised_s, priority_now=now, wishes=replace(job.wishes, priority=wished))
    assert job.holds_promise is holds
