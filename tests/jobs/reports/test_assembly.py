"""What a report says of jobs that went well, went wrong, waited, moved, or were never made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.jobs.reports.account import account_of, attempt_entry, finish_entry, loss_entry
from app.jobs.reports.assembly import assemble
from app.jobs.reports.records import Cause, Facts, Outcome, Report, Stage
from app.types import Artifact, CacheUse, Delivery, Failure, Job, Phase, Webhook
from tests.jobs.make import a_job

INTAKE = {"received_at": 99.9, "stages_s": {"plan": 0.1, "lookup": 0.01, "record": 0.02}, "host_bytes": 5 * 2**20}


def span(name: str, at: float, until: float | None, device: int | None = None) -> dict[str, Any]:
    return {"name": name, "at": at, "until": until, "host_bytes": 2**30, "device_bytes": device}


def attempt(leased: float, replica: str = "r1", **more: Any) -> dict[str, Any]:
    """Ten seconds of steps, in a batch of two and then alone, with three of them forecast."""
    runs = [(2, 6, 6.0), (0, 3, 0.0), (1, 4, 4.0)]
    return {
        "replica": replica,
        "leased_at": leased,
        "began_at": leased,
        "spans": [
            span("inputs", leased, leased + 0.1),
            span("steps", leased + 0.1, leased + 10.1),
            span("decode", leased + 10.1, leased + 11),
        ],
        "pauses": [],
        "runs": [{"batch": batch, "steps": steps, "took_s": took_s} for batch, steps, took_s in runs],
        "ended_at": leased + 11,
        "outcome": "handed_on",
        "heard_at": leased + 11,
    } | more


def finish(at: float) -> dict[str, Any]:
    return {"began_at": at, "encoded_at": at + 0.4, "stored_at": at + 0.5, "size_bytes": 900}


def report(job: Job, entries: dict[str, Any], now: float = 500.0, *others: Job, leader: str | None = None) -> Report:
    known = {other.id: other for other in others}
    return assemble(Facts(job, account_of({"intake": INTAKE, **entries}), known, leader), now)


def done(**changed: Any) -> Job:
    state: dict[str, Any] = {"phase": Phase.COMPLETED, "fence": 1, "attempts": 1, "step": 13, "completed_at": 120.0}
    return a_job(**(state | changed))


def causes(found: Report) -> list[Cause]:
    return [wait.cause for wait in found.waits]


def test_a_job_that_went_well_has_all_its_stages_in_order() -> None:
    found = report(done(), {attempt_entry(1): attempt(102.0), finish_entry(1): finish(113.2)})
    assert [row.name for row in found.stages] == [
        *(Stage.RECEIVED, Stage.ANALYSED, Stage.CACHE, Stage.ADMITTED, Stage.LINE, Stage.LEASED),
        *(Stage.STEPS, Stage.DECODE, Stage.HANDED_ON, Stage.FILE, Stage.STORED, Stage.CLOSED),
    ]
    took = {row.name: round(row.duration_s or 0.0, 3) for row in found.stages}
    assert (took[Stage.LINE], took[Stage.STEPS], took[Stage.FILE]) == (1.97, 10.0, 0.4)
    assert (found.received_at, round(found.total_s, 3)) == (99.9, 20.1)
    assert [(row.replica, row.fence, row.outcome) for row in found.attempts] == [("r1", 1, Outcome.COMPLETED)]
    assert found.bottleneck.name == "steps"
    assert "10 of 13 steps ran the denoiser, in batches of 1.6 on average, 1 s each" in found.bottleneck.sentence


def test_a_job_in_the_line_waits_still() -> None:
    found = report(a_job(), {}, 130.0)
    assert [(wait.cause, wait.duration_s) for wait in found.waits] == [(Cause.LINE, None)]
    assert (found.bottleneck.name, found.bottleneck.sentence[:7]) == ("line", "So far,")
    assert (found.attempts, round(found.total_s, 2)) == ((), 30.1)


def test_a_running_job_is_told_as_far_as_it_is() -> None:
    job = a_job(phase=Phase.DENOISING, fence=1, attempts=1, started_at=102.0, step=5)
    told = attempt(102.0, spans=[span("inputs", 102, 102.1), span("steps", 102.1, None)], ended_at=None, outcome=None)
    found = report(job, {attempt_entry(1): told}, 110.0)
    [steps] = [row for row in found.stages if row.name is Stage.STEPS]
    assert (steps.duration_s, found.attempts[0].outcome, found.attempts[0].ended_at) == (None, Outcome.RUNNING, None)


def test_a_leased_job_of_which_nothing_was_heard_yet_has_its_attempt() -> None:
    job = a_job(phase=Phase.ENCODING, fence=1, attempts=1, started_at=102.0)
    [row] = report(job, {}, 103.0).attempts
    assert (row.fence, row.replica, row.leased_at, row.outcome) == (1, None, 102.0, Outcome.RUNNING)


def test_a_cached_answer_made_nothing_and_says_whose_video_it_is() -> None:
    maker = a_job()
    files = {"video": Artifact(f"{maker.id}/1/video.mp4", "video/mp4", 3)}
    use = CacheUse("result", True, 1.5)
    job = done(fence=0, attempts=0, completed_at=100.02, started_at=100.0, cache=use, artifacts=files)
    found = report(job, {}, 500.0, maker)
    assert (found.attempts, found.waits, found.cache.made_by) == ((), (), maker.id)
    assert found.bottleneck.sentence.startswith("Answered from the cache in 0.13 s")
    assert report(job, {}).cache.made_by is None  # another tenant's


def test_a_follower_waited_for_its_leader_and_not_in_the_line() -> None:
    leader = a_job()
    files = {"video": Artifact(f"{leader.id}/1/video.mp4", "video/mp4", 3)}
    job = done(fence=0, attempts=0, cache=CacheUse("flight", True, 1.5), artifacts=files)
    found = report(job, {}, 500.0, leader)
    assert [(wait.cause, wait.by) for wait in found.waits] == [(Cause.FLIGHT, (leader.id,))]
    assert (found.bottleneck.name, Stage.LINE in [row.name for row in found.stages]) == ("flight", False)
    waiting = report(a_job(), {}, 130.0, leader=leader.id)
    assert [(wait.cause, wait.by, wait.duration_s) for wait in waiting.waits] == [(Cause.FLIGHT, (leader.id,), None)]


def test_a_follower_whose_leader_failed_stood_in_the_line_from_then_on() -> None:
    entries = {"promoted": {"at": 110.0}, attempt_entry(1): attempt(112.0), finish_entry(1): finish(123.0)}
    found = report(done(completed_at=124.0), entries)
    took = [(wait.cause, round(wait.duration_s or 0.0, 2)) for wait in found.waits]
    assert took == [(Cause.FLIGHT, 9.97), (Cause.LINE, 2.0)]


def test_a_job_that_came_after_others_names_those_of_its_tenant() -> None:
    mine = a_job()
    job = done(after=(mine.id, "video_" + 32 * "f"))
    entries = {"released": {"at": 108.0}, attempt_entry(1): attempt(108.0), finish_entry(1): finish(119.0)}
    found = report(job, entries, 500.0, mine)
    assert [(wait.cause, wait.by) for wait in found.waits if wait.duration_s] == [(Cause.DEPENDENCY, (mine.id,))]


def test_a_job_waits_until_the_last_of_those_that_it_comes_after_is_done() -> None:
    done_one, other = a_job(), a_job()
    job = a_job(after=(done_one.id, other.id))
    known = {each.id: each for each in (done_one, other)}
    account = account_of({"intake": INTAKE, "released": {"at": 105.0}})
    [wait] = assemble(Facts(job, account, known, awaits=(other.id,)), 130.0).waits
    assert (wait.cause, wait.by, wait.duration_s) == (Cause.DEPENDENCY, (other.id,), None)
    gone = a_job(after=("video_1",), phase=Phase.FAILED, completed_at=110.0, failure=Failure("dependency_failed", ""))
    found = report(gone, {})
    assert [(wait.cause, round(wait.duration_s or 0.0)) for wait in found.waits] == [(Cause.DEPENDENCY, 10)]
    assert Stage.LINE not in [row.name for row in found.stages]


def test_a_failed_job_says_why() -> None:
    job = done(phase=Phase.FAILED, failure=Failure("out_of_memory", "The device is full."))
    told = attempt(102.0, outcome="failed", why="out_of_memory")
    found = report(job, {attempt_entry(1): told})
    assert (found.attempts[0].outcome, found.attempts[0].why) == (Outcome.FAILED, "out_of_memory: The device is full.")
    assert [row.note for row in found.stages if row.name is Stage.CLOSED] == ["out_of_memory"]


def test_a_job_that_was_cancelled_in_the_line_had_no_attempt() -> None:
    job = a_job(phase=Phase.FAILED, fence=1, completed_at=110.0, failure=Failure("cancelled", "Stopped."))
    found = report(job, {})
    assert (found.attempts, causes(found), found.waits[0].duration_s is not None) == ((), [Cause.LINE], True)


def test_who_was_preempted_is_told_by_whom_if_that_is_their_own() -> None:
    rival = a_job(priority="high")
    paused = {"cause": "preempted", "at": 104.0, "until": 110.0, "rival": rival.id, "step": 7}
    told = attempt(102.0, pauses=[paused])
    mine = report(done(completed_at=114.0), {attempt_entry(1): told, finish_entry(1): finish(113.2)}, 500.0, rival)
    [wait] = [wait for wait in mine.waits if wait.cause is Cause.PREEMPTED]
    assert (wait.duration_s, wait.by, rival.id in wait.why, wait.step) == (6.0, (rival.id,), True, 7)
    assert {wait.step for wait in mine.waits if wait.cause is Cause.LINE} == {None}
    assert mine.bottleneck.name == "preempted"
    others = report(done(), {attempt_entry(1): told})
    [wait] = [wait for wait in others.waits if wait.cause is Cause.PREEMPTED]
    assert (wait.by, rival.id in wait.why) == ((), False)


def moved() -> dict[str, Any]:
    """The first replica was last heard of at 110, and its lease ran out at 125; another went on from step 6."""
    first = attempt(102.0, ended_at=None, outcome=None, heard_at=110.0, spans=[span("steps", 102.1, None)])
    loss = {"leased_at": 102.0, "at": 125.0, "why": "lease_ran_out", "not_before": 126.0}
    second = attempt(128.0, "r2", resumes=True, begins_at=6)
    return {attempt_entry(1): first, loss_entry(1): loss, attempt_entry(3): second, finish_entry(3): finish(139.0)}


def test_a_job_that_was_handed_over_shows_both_attempts_the_lost_lease_and_the_pause() -> None:
    found = report(done(fence=3, attempts=2, completed_at=140.0), moved())
    assert [(row.number, row.fence, row.replica, row.outcome) for row in found.attempts] == [
        (1, 1, "r1", Outcome.LOST),
        (2, 3, "r2", Outcome.COMPLETED),
    ]
    assert found.attempts[1].resumed_from_step == 6
    took = {wait.cause: wait.duration_s for wait in found.waits if wait.attempt == 2 or wait.cause is Cause.LEASE_LOST}
    assert (took[Cause.LEASE_LOST], took[Cause.BACKOFF], took[Cause.LINE]) == (15.0, 1.0, 2.0)
    assert "r1" in next(wait.why for wait in found.waits if wait.cause is Cause.LEASE_LOST)
    assert found.bottleneck.name == "lease_lost"


def test_steps_that_nobody_went_on_from_are_lost_work() -> None:
    entries = moved()
    entries[loss_entry(1)] |= {"at": 110.0, "not_before": 110.0}
    entries[attempt_entry(3)] = attempt(110.0, "r2", spans=[span("steps", 110.0, 112.0)], ended_at=112.0)
    entries[finish_entry(3)] = finish(112.1)
    found = report(done(fence=3, attempts=2, completed_at=113.0), entries)
    assert found.bottleneck.name == "lost_work"
    assert "lost with a replica" in found.bottleneck.sentence


def test_time_between_its_own_forwards_is_that_of_others() -> None:
    told = attempt(102.0, runs=[{"batch": 1, "steps": 10, "took_s": 2.0}])
    found = report(done(completed_at=114.0), {attempt_entry(1): told})
    [turns] = [wait for wait in found.waits if wait.cause is Cause.TURNS]
    assert (round(turns.duration_s or 0.0, 3), found.bottleneck.name) == (8.0, "turns")


def test_a_webhook_is_under_way_until_its_receiver_has_heard() -> None:
    job = done(webhook=Webhook("https://example.org/", ("video.completed",)))
    [row] = [row for row in report(job, {}).stages if row.name is Stage.WEBHOOK]
    assert row.duration_s is None
    told = replace(job, delivery=Delivery("delivered", 2, at=123.0))
    [row] = [row for row in report(told, {}).stages if row.name is Stage.WEBHOOK]
    assert (row.duration_s, row.note) == (3.0, "delivered, 2 tries")


def test_a_record_without_an_account_still_makes_a_report() -> None:
    found = assemble(Facts(done(started_at=101.0), account_of({}), {}), 500.0)
    assert ([row.replica for row in found.attempts], found.total_s) == ([None], 20.0)


def test_an_entry_that_cannot_be_read_is_passed_over() -> None:
    account = account_of({"attempt:1": {"replica": 3}, "attempt:x": {}, "loss:1": {"at": "noon"}, "intake": {}})
    assert (account.attempts, account.losses, account.intake) == ({}, {}, None)


times = st.floats(100.0, 200.0)


@given(leased=times, lost=times, again=times, ended=times, phase=st.sampled_from(Phase), fence=st.integers(0, 4))
def test_no_report_has_a_negative_time_or_a_share_beyond_the_whole(
    leased: float, lost: float, again: float, ended: float, phase: Phase, fence: int
) -> None:
    entries = {
        attempt_entry(1): attempt(leased),
        loss_entry(1): {"leased_at": leased, "at": lost, "why": "replica_lost", "not_before": again},
        attempt_entry(3): attempt(again, "r2", resumes=True, begins_at=2),
        finish_entry(3): finish(again + 11.0),
    }
    job = a_job(phase=phase, fence=fence, attempts=2, completed_at=ended if phase.ended else None)
    found = report(job, entries, 200.0)
    took = [*(row.duration_s for row in found.stages), *(row.duration_s for row in found.waits)]
    assert all(seconds is None or seconds >= 0 for seconds in took)
    assert 0 <= found.bottleneck.share <= 1
