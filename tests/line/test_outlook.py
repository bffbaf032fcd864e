"""What those who wait are told, and what admission reads."""

from __future__ import annotations

import time

import pytest

from app.jobs.board import BACKLOG, PLACES
from app.line.dispatch import Pool
from app.line.outlook import Place, backlog, expected_s, place_behind, place_in, places, places_note, queue_news
from app.service.outlook import Outlook
from app.types import Caller, VideoRequest
from tests.api.house import House
from tests.line.make import at_work, job

ONE = {"main": Pool(1, 0, 1)}


def test_the_backlog_counts_what_running_jobs_still_need() -> None:
    note = backlog([job(1), job(2)], [at_work(0, step=15)], {"main": Pool(8, 1, 1)}, now=7.0)
    assert (note["jobs"], note["running"], note["step_seconds"], note["wait_s"]) == (2, 1, 4.5, 4.5)


def test_two_replicas_halve_the_wait() -> None:
    two = {"main": Pool(16, 0, 2)}
    assert backlog([job(1), job(2)], [], two, now=0.0)["wait_s"] == 2.0
    assert places([job(1), job(2)], [], two)["job-2"] == Place(1, 4.0)


def test_where_no_replica_is_one_has_to_come_first() -> None:
    asleep = {"main": Pool(0, 0, 0, start_s=30.0)}
    assert backlog([job(1)], [], asleep, now=0.0)["wait_s"] == 32.0
    assert places([job(1)], [], asleep)["job-1"] == Place(0, 33.0)


def test_a_job_waits_for_what_runs_and_for_those_before_it_in_its_pool() -> None:
    line = [job(2, step_seconds=5.0), job(1), job(3, "draft"), job(0)]
    found = places(line, [at_work(9, step=10)], {**ONE, "draft": Pool(1, 0, 1)})
    assert found == {
        "job-2": Place(0, 7.0),
        "job-1": Place(1, 9.0),
        "job-3": Place(0, 3.0),
        "job-0": Place(2, 11.0),
    }


def test_only_changed_positions_are_news() -> None:
    told = places([job(0), job(1), job(2)], [], ONE)
    assert set(queue_news(told, {})) == {"job-0", "job-1", "job-2"}
    assert set(queue_news(places([job(1), job(0), job(2)], [], ONE), told)) == {"job-0", "job-1"}


def test_a_job_further_back_waits_longer_also_by_the_backlog_alone() -> None:
    line = [job(number) for number in range(4)]
    load = backlog(line, [], ONE, now=0.0)
    etas = [expected_s(load, place, each.plan) for place, each in enumerate(line)]
    assert etas == sorted(etas)
    assert etas[-1] < load["wait_s"] + line[0].plan.estimate.seconds
    assert expected_s(None, 0, line[0].plan) == line[0].plan.estimate.seconds


def test_whoever_is_not_in_the_note_stands_behind_all_of_its_pool_that_are() -> None:
    line = [job(3, "draft"), job(2), job(1), job(0)]
    note = places_note(places(line, [], ONE, limit=3), line, now=0.0)
    assert (place_in(note, "job-1"), place_in(note, "job-0"), place_in(None, "job-1")) == (Place(1, 5.0), None, None)
    assert place_behind(note, None, 0, line[3].plan).position == 2
    assert place_behind(None, None, 0, line[3].plan).position == 0
    assert places_note(places(line, [], ONE), line, now=0.0)["beyond"] == {}


@pytest.mark.anyio
async def test_a_video_is_told_its_place_by_urgency_as_soon_as_the_dispatcher_has_looked() -> None:
    house = House()
    made = [await house.service.submit(VideoRequest("a ball", seed=n), Caller()) for n in range(3)]
    assert [(await house.service.outlook(each)).position for each in made] == [0, 1, 2]
    line = [made[2], made[0]]
    now = time.time()
    await house.board.post(PLACES, places_note(places(line, [], {}, limit=1), line, now), 10.0)
    await house.board.post(BACKLOG, backlog(line, [], {}, now), 10.0)
    assert await house.service.outlook(made[2]) == Outlook(0, round(made[2].plan.estimate.seconds, 2))
    assert [(await house.service.outlook(each)).position for each in made[:2]] == [1, 1]
