"""The backlog as it is written down and read, by this version and by others."""

from __future__ import annotations

import orjson
import pytest

from app.line.backlog import Backlog, PoolBacklog, backlog_from_note, backlog_to_note
from app.line.dispatch import Pool
from app.line.wait_estimates import entered_since, measure, turn_in, wait_of
from tests.line.make import at_work, job

POOLS = {"main": Pool(8, 1, 2), "draft": Pool(0, 0, 0, start_s=30.0)}
OLD = {"jobs": 3, "wait_s": 1900.5}


def test_what_is_written_is_read_back_also_as_json() -> None:
    backlog = measure([job(1), job(2, "draft")], [at_work(0)], POOLS, now=7.0, entered={"main/normal": 2.0})
    assert backlog_from_note(backlog_to_note(backlog)) == backlog
    assert backlog_from_note(orjson.loads(orjson.dumps(backlog_to_note(backlog)))) == backlog


def test_the_note_has_the_names_that_other_versions_read() -> None:
    note = backlog_to_note(measure([job(1)], [], {"main": Pool(8, 1, 2)}, now=7.0))
    assert set(note) == {"at", "jobs", "running", "step_seconds", "wait_s", "pools", "entered"}
    pools = note["pools"]
    assert isinstance(pools, dict)
    names = {"jobs", "running", "step_seconds", "slots", "replicas", "wait_s", "ahead_s", "longest_s", "comes"}
    names |= {"classes"}
    assert set(pools["main"]) == names
    scaled = backlog_to_note(Backlog(pools={"main": PoolBacklog(wanted=2, because="backlog", why="Much.")}))["pools"]
    assert isinstance(scaled, dict)
    assert {name: scaled["main"][name] for name in ("wanted", "because", "why")} == {
        "wanted": 2,
        "because": "backlog",
        "why": "Much.",
    }


def test_a_note_of_an_older_version_is_read_as_it_was_then() -> None:
    backlog = backlog_from_note(OLD)
    assert backlog is not None
    assert wait_of(backlog, job(0)) == 1900.5
    assert entered_since(backlog, {"main/normal": 9.0}, job(0)) == 0.0
    row = backlog_from_note({**OLD, "pools": {"main": {"jobs": 2, "replicas": 1, "wait_s": 4.0}}})
    assert row is not None
    assert (wait_of(row, job(0)), wait_of(row, job(0, "draft"))) == (4.0, 0.0)
    assert turn_in(row, job(0, step_seconds=2.0)) == 2.0  # as where a replica takes several at a time


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert backlog_from_note({"jobs": 3, "new": 1, "pools": {"main": {"jobs": 3, "newer": {}}}}) == Backlog(
        jobs=3, pools={"main": PoolBacklog(jobs=3)}
    )


@pytest.mark.parametrize("note", [None, {"jobs": "many"}, {"pools": [1]}, {"pools": {"main": {"wait_s": "long"}}}])
def test_a_note_that_makes_no_sense_counts_as_none(note: dict[str, object] | None) -> None:
    assert backlog_from_note(note) is None
