from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.errors import StoreUnavailable
from app.jobs.memory import MemoryJobs
from app.plan.feedback.ratings import MemoryRatings
from app.service.planning_facts import REFRESH_S, PlanningFacts
from app.types import ReplicaInfo
from tests.jobs.make import a_replica
from tests.plan.feedback.test_ratings import PLACE, Clock, rating

pytestmark = pytest.mark.anyio


class Jobs(MemoryJobs):
    """Job records whose store can go away."""

    away = False

    async def replicas(self) -> Sequence[ReplicaInfo]:
        if self.away:
            raise StoreUnavailable("Redis is away.")
        return await super().replicas()


class Now:
    """Seconds that the test sets."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_what_replicas_measure_and_users_say_is_read_every_few_seconds() -> None:
    jobs, ratings, now = Jobs(), MemoryRatings(clock=Clock()), Now()
    facts = PlanningFacts(jobs, ratings, now)
    await facts.refresh()
    assert (facts.paces, facts.leanings) == ({}, {})
    for name, step_s in (("r1", 0.1), ("r2", 0.3)):
        await jobs.announce(replace(a_replica(name), step_s=step_s), 60.0)
    await jobs.announce(replace(a_replica("r3"), model="another", step_s=1.0), 60.0)
    await ratings.add(rating())
    await facts.refresh()
    assert facts.paces == {}  # it has just looked
    now.at += REFRESH_S
    await facts.refresh()
    assert {model: pace.step_s for model, pace in facts.paces.items()} == {"kinoray-shapes": 0.2, "another": 1.0}
    assert facts.leanings[PLACE] > 1.0


async def test_without_the_store_what_was_last_known_serves() -> None:
    jobs, now = Jobs(), Now()
    facts = PlanningFacts(jobs, MemoryRatings(), now)
    await jobs.announce(a_replica(), 60.0)
    await facts.refresh()
    jobs.away, now.at = True, REFRESH_S
    await facts.refresh()
    assert list(facts.paces) == ["kinoray-shapes"]
