from __future__ import annotations

import logging

import pytest

from app.logs.context import about, facts
from app.logs.read import in_order, lines_with, parsed, shown
from tests.logs.recorded import recorded

LOG = logging.getLogger("app.worker.attempt")
JOB, OTHER = "video_aaaaaaaaaaaa", "video_bbbbbbbbbbbb"


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_was_written_in_either_form_is_read_again(form: str) -> None:
    with recorded({"deployment": "Diffuser"}, log_format=form) as log:
        with about(job=JOB, request="req_1"):
            LOG.info("preempted, for a while", extra=facts(step=3, why="more urgent"))
            try:
                raise ValueError("over\ntwo lines")
            except ValueError:
                LOG.exception("failed")
        with about(job=OTHER):
            LOG.info("started")
    [first, second] = lines_with(log.text.splitlines(keepends=True), frozenset({JOB}))
    assert (first.said["message"], str(first.said["step"]), first.said["why"]) == (
        *("preempted, for a while", "3", "more urgent"),
    )
    assert (first.jobs, first.said["request"], second.ends) == (frozenset({JOB}), "req_1", True)
    assert "two lines" in str(second.said["exception"])
    assert "two lines" in shown(second)
    assert [line.jobs for line in lines_with(log.text.splitlines(keepends=True), frozenset({OTHER}))] == [{OTHER}]


def test_lines_of_several_files_come_in_the_order_of_time_and_each_once() -> None:
    texts = [f'{{"time":"2026-01-01T00:00:0{n}.000000Z","message":"m{n}","job":"{JOB}"}}\n' for n in (3, 1, 2, 1)]
    found = in_order(lines_with(texts, frozenset({JOB})))
    assert [line.said["message"] for line in found] == ["m1", "m2", "m3"]


def test_a_line_that_names_a_job_among_several_or_in_its_message_is_about_it() -> None:
    texts = [
        f'{{"time":"2026-01-01T00:00:01.000000Z","message":"a forward failed","jobs":["{OTHER}","{JOB}"]}}\n',
        f'{{"time":"2026-01-01T00:00:02.000000Z","message":"Passed over {JOB}: damaged"}}\n',
        f'{{"time":"2026-01-01T00:00:03.000000Z","message":"else","after":"{JOB}","job":"{OTHER}"}}\n',
    ]
    assert len(list(lines_with(texts, frozenset({JOB})))) == 2


@pytest.mark.parametrize("text", ["", "{", '{"time":"now"}', "[1]", '{"a":', "INFO 2026-01-01 serve -- said"])
def test_what_is_no_line_of_ours_is_passed_over(text: str) -> None:
    assert parsed(text) is None
