"""How long a job stays out of the way after its replica was lost."""

from __future__ import annotations

from app.jobs.backoff import Backoff
from tests.jobs.make import a_job


def test_pauses_double_up_to_the_longest() -> None:
    policy = Backoff(first_s=1.0, most_s=10.0)
    assert [policy.pause_s(losses) for losses in (1, 2, 3, 4, 5, 10_000)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_attempts_that_were_handed_back_do_not_count() -> None:
    policy = Backoff(losses=3)
    assert not policy.gives_up(a_job(attempts=50, losses=1))
    assert policy.gives_up(a_job(attempts=3, losses=2))
