"""What those who wait are told of their place."""

from __future__ import annotations

import time

import pytest

from app.jobs.board import BACKLOG, PLACES
from app.line.backlog import backlog_to_note
from app.line.dispatch import Pool
from app.line.queue_places import (
    NO_REPLICA,
    POOL_STARTING,
    Place,
    QueuePlaces,
    place_behind,
    places_from_note,
    places_to_note,
    queue_news,
    queue_places,
)
from app.line.wait_estimates import measure
from app.service.outlook import Outlook
from app.types import Caller, VideoRequest
from tests.api.house import House
from tests.line.make import at_work, job

ONE = {"main": Pool(1, 0, 1)}


def test_two_replicas_halve_the_wait() -> None:
    two = {"main": Pool(16, 0, 2)}
    assert measure([job(1), job(2)], [], two, now=0.0).wait_s == 2.0
    assert queue_places([job(1), job(2)], [], two, now=0.0).jobs["job-2"] == Place(1, 4.0)


def test_where_no_replica_is_one_has_to_come_first() -> None:
    asleep = {"main": Pool(0, 0, 0, start_s=30.0)}
    assert measure([job(1)], [], asleep, now=0.0).wait_s == 32.0
    assert queue_places([job(1)], [], asleep, now=0.0).jobs["job-1"] == Place(0, 33.0, POOL_STARTING)


def test_a_job_waits_for_what_runs_and_for_those_before_it_in_its_pool() -> None:
    line = [job(2, step_seconds=5.0), job(1), job(3, "draft"), job(0)]
    found = queue_places(line, [at_work(9, step=10)], {**ONE, "draft": Pool(1, 0, 1)}, now=0.0)
    assert found.jobs == {
        "job-2": Place(0, 7.0),
        "job-1": Place(1, 9.0),
        "job-3": Place(0, 3.0),
        "job-0": Place(2, 11.0),
    }


def test_only_changed_positions_are_news() -> None:
    told = queue_places([job(0), job(1), job(2)], [], ONE, now=0.0).jobs
    assert set(queue_news(told, {})) == {"job-0", "job-1", "job-2"}
    assert set(queue_news(queue_places([job(1), job(0), job(2)], [], ONE, now=1.0).jobs, told)) == {"job-0", "job-1"}


def test_whoever_is_not_told_a_place_stands_behind_all_of_its_pool_that_are() -> None:
    line = [job(3, "draft"), job(2), job(1), job(0)]
    places = queue_places(line, [], ONE, now=0.0, limit=2)  # of each pool
    assert (places.jobs["job-1"], places.jobs.get("job-0")) == (Place(1, 5.0), None)
    assert place_behind(places, None, 0, line[3]).position == 2
    assert place_behind(QueuePlaces(), None, 0, line[3]).position == 0
    assert queue_places(line, [], ONE, now=0.0).beyond == {}


def test_places_are_kept_as_json_and_read_back() -> None:
    line = [job(2), job(1), job(0)]
    places = queue_places(line, [], ONE, now=5.0, limit=2)
    note = places_to_note(places)
    assert note == {"at": 5.0, "jobs": {"job-2": [0, 3.0], "job-1": [1, 5.0]}, "beyond": {"main": 2}}
    assert places_from_note(note) == places


@pytest.mark.parametrize("note", [None, {}, {"jobs": {"job-1": ["first"]}}, {"jobs": 3}])
def test_without_a_note_that_makes_sense_nobody_has_a_place(note: dict[str, object] | None) -> None:
    assert places_from_note(note) == QueuePlaces()


@pytest.mark.anyio
async def test_a_video_is_told_its_place_by_urgency_as_soon_as_the_dispatcher_has_looked() -> None:
    house = House()
    made = [await house.service.submit(VideoRequest("a ball", seed=n), Caller()) for n in range(3)]
    assert [(await house.service.outlook(each)).position for each in made] == [0, 1, 2]
    line = [made[2], made[0]]
    now = time.time()
    await house.board.put(PLACES, places_to_note(queue_places(line, [], ONE, now, limit=1)), 10.0)
    await house.board.put(BACKLOG, backlog_to_note(measure(line, [], ONE, now)), 10.0)
    assert await house.service.outlook(made[2]) == Outlook(0, round(made[2].plan.estimate.seconds, 2))
    assert [(await house.service.outlook(each)).position for each in made[:2]] == [1, 1]


def test_nobody_knows_when_a_pool_without_replicas_makes_a_job_and_it_is_told_once_that_is_known() -> None:
    waits = job(1)
    nobody = queue_places([waits], [], {"main": Pool(0, 0, 0)}, 0.0).jobs
    assert nobody[waits.id] == Place(0, None, NO_REPLICA)
    assert places_from_note(places_to_note(QueuePlaces(0.0, nobody))).jobs == nobody
    comes = queue_places([waits], [], {"main": Pool(0, 0, 0, start_s=20.0)}, 0.0).jobs
    there = queue_places([waits], [], ONE, 0.0).jobs
    assert (comes[waits.id].eta_s or 0) == 20.0 + (there[waits.id].eta_s or 0)
    assert queue_news(there, nobody) == there
    assert queue_news(there, there) == {}
    backlog = measure([waits], [], {"main": Pool(0, 0, 0)}, 0.0)
    assert place_behind(QueuePlaces(), backlog, 1, waits).eta_s is None
