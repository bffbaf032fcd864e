"""Which waiting jobs start, and what the others are told."""

from __future__ import annotations

from dataclasses import replace

from app.line.dispatch import Pool, backlog, choose, expected_s, pools, queue_news, remaining
from app.types import Analysis, Estimate, Job, Phase, Plan, ReplicaInfo, Sampling, VideoSpec


def job(number: int, pool: str = "main", step_seconds: float = 2.0) -> Job:
    plan = Plan(
        model="m",
        revision="r",
        prompt="p",
        negative_prompt="",
        spec=VideoSpec(64, 64, 17, 8),
        sampling=Sampling(steps=20, budget=20, guidance=3.0, seed=0),
        tier="standard",
        asked_tier="auto",
        pool=pool,
        estimate=Estimate(step_seconds, step_seconds + 1),
        why=Analysis(0, "simple"),
    )
    return Job(id=f"job-{number}", tenant="t", plan=plan, phase=Phase.QUEUED, created_at=float(number))


def replica(pool: str = "main", slots: int = 2) -> ReplicaInfo:
    return ReplicaInfo(replica="x", pool=pool, model="m", slots=slots, running=0, step_s=0.1, seen_at=0.0)


def test_those_who_came_first_start_first_and_no_more_than_there_are_slots() -> None:
    line = [job(number) for number in range(5)]
    assert choose(line, {"main": Pool(slots=3, busy=1, replicas=1)}) == line[:2]


def test_a_full_pool_does_not_hold_up_another() -> None:
    line = [job(0), job(1, "draft")]
    assert choose(line, {"main": Pool(1, 1, 1), "draft": Pool(1, 0, 1)}) == [line[1]]


def test_nothing_starts_where_there_is_no_replica() -> None:
    assert choose([job(0)], {}) == []


def test_pools_add_up_the_slots_of_their_replicas() -> None:
    found = pools([replica(), replica(slots=4), replica("draft")], {"main": 3})
    assert found == {"main": Pool(6, 3, 2), "draft": Pool(2, 0, 1)}


def test_more_leases_than_slots_leave_none_free() -> None:
    assert Pool(slots=2, busy=5, replicas=1).free == 0


def test_the_backlog_counts_what_running_jobs_still_need() -> None:
    running = replace(job(0), phase=Phase.DENOISING, step=15)
    assert remaining(running) == 0.5
    note = backlog([job(1), job(2)], [running], {"main": Pool(8, 1, 1)}, now=7.0)
    assert (note["jobs"], note["running"], note["step_seconds"], note["wait_s"]) == (2, 1, 4.5, 4.5)


def test_two_replicas_halve_the_wait() -> None:
    assert backlog([job(1), job(2)], [], {"main": Pool(16, 0, 2)}, now=0.0)["wait_s"] == 2.0


def test_a_job_further_back_waits_longer() -> None:
    line = [job(number) for number in range(4)]
    note = backlog(line, [], {"main": Pool(1, 0, 1)}, now=0.0)
    etas = [expected_s(note, place, each.plan) for place, each in enumerate(line)]
    assert etas == sorted(etas)
    assert etas[-1] < note["wait_s"] + line[0].plan.estimate.seconds
    assert expected_s(None, 0, line[0].plan) == line[0].plan.estimate.seconds


def test_only_changed_positions_are_news() -> None:
    line = [job(0), job(1), job(2)]
    note = backlog(line, [], {}, now=0.0)
    assert set(queue_news(line, {}, note)) == {"job-0", "job-1", "job-2"}
    assert queue_news(line[1:], {"job-1": 1, "job-2": 1}, note).keys() == {"job-1"}
    assert queue_news(line, {}, note, limit=1).keys() == {"job-0"}
