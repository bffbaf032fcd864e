"""The accounts behind fair shares: what is charged, given back, forgotten and written down."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from app.line.rules import Rules
from app.line.tenant_shares import HALF_LIFE_S, KEPT, TenantShares, shares_from_note, shares_to_note
from app.types import Phase
from tests.line.make import at_work, job

RULES = Rules(max_batch=1, slots=1, weights={"heavy": 2.0})


def test_a_job_is_charged_once_by_weight_and_one_that_ends_early_gives_back_the_rest() -> None:
    shares, waits = TenantShares(RULES), [job(1, tenant="heavy"), job(2, tenant="other")]
    running = at_work(0, tenant="heavy", step_seconds=20.0)
    for now in (1.0, 2.0):
        shares.observe(waits, [running], now)
    assert dict(shares.starts("main")) == pytest.approx({"heavy": 10.0, "other": 0.0}, abs=1e-5)
    assert shares.left([running]) == []
    assert shares.left([]) == [running.id]
    shares.settle(running.id, replace(running, phase=Phase.FAILED, step=5))
    assert shares.starts("main")["heavy"] == pytest.approx(2.5), "of a quarter of its steps"


def test_a_job_that_is_done_or_gone_gives_nothing_back_and_one_back_in_the_line_all_of_it() -> None:
    shares = TenantShares(RULES)
    waits, jobs = [job(9, tenant="other")], [at_work(n, step_seconds=4.0) for n in range(3)]
    shares.observe(waits, jobs, 1.0)
    shares.settle("job-0", replace(jobs[0], phase=Phase.COMPLETED))
    shares.settle("job-1", None)
    assert shares.starts("main")["t"] == pytest.approx(12.0)
    shares.settle("job-2", replace(jobs[2], phase=Phase.QUEUED))
    assert shares.starts("main")["t"] == pytest.approx(8.0)


def test_each_pool_has_shares_of_its_own() -> None:
    shares = TenantShares(RULES)
    shares.observe([job(1, "draft"), job(2)], [at_work(0)], 1.0)
    assert (shares.starts("main")["t"], shares.starts("draft")["t"]) == pytest.approx((2.0, 0.0), abs=1e-5)


def test_a_newcomer_stands_level_with_the_least_of_those_who_are_there() -> None:
    shares, running = TenantShares(RULES), at_work(0, step_seconds=30.0)
    for now in (1.0, 2.0):
        shares.observe([job(1)], [running], now)
    assert shares.starts("main")["new"] == pytest.approx(30.0)


def test_as_a_note_it_is_the_same_to_another_dispatcher_also_what_it_started_and_had_not_seen_running() -> None:
    shares, running = TenantShares(RULES), at_work(0, step_seconds=30.0)
    shares.observe([job(1), job(2, tenant="heavy")], [running], 5.0)
    shares.charge([job(2, tenant="heavy")])
    note = shares_from_note(orjson.loads(orjson.dumps(shares_to_note(shares.note()))))
    assert note == shares.note()
    again = TenantShares(RULES, note)
    again.observe([job(1)], [running, at_work(2, tenant="heavy"), at_work(3, tenant="heavy")], 5.0)
    assert dict(again.starts("main")) == pytest.approx({"t": 30.0, "heavy": 2.0}, abs=1e-5), (
        "the third it found by its lease"
    )


@pytest.mark.parametrize("note", [None, {"used": 3}, {"charged": {"job": {"pool": "main"}}}])
def test_a_note_that_makes_no_sense_counts_as_none(note: dict[str, object] | None) -> None:
    assert shares_from_note(note) is None


def test_who_has_gone_is_forgotten_once_the_others_have_come_as_far_and_never_are_there_many() -> None:
    shares = TenantShares(RULES)
    crowd = [at_work(n, tenant=f"t{n}") for n in range(2 * KEPT)]
    shares.observe([job(5000)], crowd, 1.0)
    for each in crowd:
        shares.settle(each.id, replace(each, phase=Phase.COMPLETED))
    shares.observe([job(5000)], [], 2.0)
    assert len(shares.note().used["main"]) == KEPT + 1
    shares.charge([job(5000, step_seconds=9.0)])
    shares.observe([job(5001)], [at_work(5000, step_seconds=9.0)], 3.0)
    assert set(shares.note().used["main"]) == {"t"}
    shares.settle("job-5000", None)
    shares.observe([], [], 4.0)
    assert shares.note().used == {}


def test_what_was_given_lately_halves_and_is_forgotten() -> None:
    shares = TenantShares(RULES)
    shares.observe([], [at_work(0, step_seconds=8.0)], 0.0)
    assert shares.recent(HALF_LIFE_S) == {"t": 4.0}
    shares.observe([], [], 100 * HALF_LIFE_S)
    assert shares.recent(100 * HALF_LIFE_S) == {}
