from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.client.cli import app as kinoray
from cluster.job_logs import collect, follow
from cluster.log_files import Dashboard, Folder, NoLogs, found_logs
from tests.ports import free_port

JOB, OTHER = "video_aaaaaaaaaaaa", "video_bbbbbbbbbbbb"


def line(second: int, message: str, **words: str) -> str:
    return json.dumps({"time": f"2026-01-01T00:00:{second:02}.000000Z", "message": message, **words}) + "\n"


def written(root: Path, session: str, name: str, *lines: str) -> Path:
    path = root / session / "logs" / "serve" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(lines)
    return path


@pytest.fixture
def ray(tmp_path: Path) -> Path:
    """Two starts of a service; the Diffuser's file of the latter was put aside once."""
    first, second = "session_2026-01-01_00-00-00_1", "session_2026-01-01_00-01-00_2"
    written(tmp_path, first, "replica_Router.log", line(1, "accepted", job=JOB, request="req_1"))
    written(tmp_path, first, "replica_Router.log", line(2, "accepted", job=OTHER, request="req_2"))
    written(tmp_path, second, "replica_Diffuser.log.1", line(3, "started", job=JOB), "half a line, and no end")
    written(tmp_path, second, "replica_Diffuser.log", line(4, "preempted", job=JOB))
    written(tmp_path, second, "replica_Finisher.log", line(5, "completed", job=JOB), line(6, "completed", job=OTHER))
    return tmp_path


def test_a_jobs_lines_come_from_all_files_and_starts_in_order(ray: Path) -> None:
    found = [str(each.said["message"]) for each in collect(Folder(ray), JOB)]
    assert found == ["accepted", "started", "preempted", "completed"]


def test_a_requests_lines_lead_to_those_of_its_jobs(ray: Path) -> None:
    found = [str(each.said["message"]) for each in collect(Folder(ray), "req_2")]
    assert found == ["accepted", "completed"]


def test_who_follows_hears_what_comes_once_until_the_job_has_ended(ray: Path) -> None:
    name = "session_2026-01-01_00-01-00_2"
    late = "video_cccccccccccc"
    written(ray, name, "replica_Router.log", line(10, "accepted", job=late))
    folder = ray / name / "logs" / "serve"
    comes: list[Callable[[], object]] = [
        lambda: written(ray, name, "replica_Diffuser.log", line(11, "started", job=late)),
        lambda: (folder / "replica_Diffuser.log").rename(folder / "replica_Diffuser.log.2"),
        lambda: written(ray, name, "replica_Diffuser.log", line(12, "resumed", job=late)),
        lambda: written(ray, name, "replica_Finisher.log", line(13, "completed", job=late)),
    ]
    heard: list[str] = []

    def sleep(_seconds: float) -> None:
        comes.pop(0)()

    follow(Folder(ray), late, lambda each: heard.append(str(each.said["message"])), sleep)
    assert heard == ["accepted", "started", "resumed", "completed"]


def test_the_command_shows_lines_for_people_and_for_programs(ray: Path) -> None:
    shown = CliRunner().invoke(kinoray, ["logs", JOB, "--folder", str(ray)])
    assert (shown.exit_code, len(shown.output.splitlines())) == (0, 4)
    told = CliRunner().invoke(kinoray, ["logs", JOB, "--folder", str(ray), "--json"])
    assert [json.loads(each)["job"] for each in told.output.splitlines()] == [JOB] * 4


def test_what_is_not_there_is_said_in_plain_words(ray: Path, tmp_path: Path) -> None:
    unknown = CliRunner().invoke(kinoray, ["logs", "video_dddddddddddd", "--folder", str(ray)])
    assert (unknown.exit_code, "No line about video_dddddddddddd" in unknown.output) == (1, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = CliRunner().invoke(kinoray, ["logs", JOB, "--folder", str(empty)])
    assert (nothing.exit_code, "There are no logs of a service" in nothing.output) == (1, True)
    away = CliRunner().invoke(kinoray, ["logs", JOB, "--address", f"http://127.0.0.1:{free_port()}"])
    assert (away.exit_code, "does not answer" in away.output, "Traceback" in away.output) == (1, True, False)


def test_where_to_look_is_what_was_named_first(ray: Path) -> None:
    assert isinstance(found_logs(None, "http://127.0.0.1:1", {}), Dashboard)
    assert isinstance(found_logs(None, None, {"RAY_DASHBOARD_ADDRESS": "http://127.0.0.1:1"}), Dashboard)
    assert isinstance(found_logs(ray, "http://127.0.0.1:1", {}), Folder)
    with pytest.raises(NoLogs, match="does not answer"):
        list(Dashboard("http://127.0.0.1:1").files())
