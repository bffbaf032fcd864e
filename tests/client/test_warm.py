from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.client.cli import app
from app.client.warm import Warmed, prompts_in
from tests.client.service import Service

Kinoray = Callable[..., Result]
HIT = {"status": "completed", "cache": {"kind": "result", "hit": True, "saved_step_seconds": 1.0}}
FULL = (
    429,
    {"error": {"code": "overloaded", "message": "Too much is waiting.", "param": None}},
    {"retry-after": "0.2"},
)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.txt"
    file.write_text("\ufeffa red ball\n\n# not one\n  a blue box \na red ball\na green ring\n")
    return file


def test_each_prompt_is_asked_for_once_at_low_priority(service: Service, kinoray: Kinoray, prompts: Path) -> None:
    done = kinoray("warm", str(prompts), "--tier", "preview", "--size", "64x64")
    assert (done.exit_code, done.stdout) == (0, "3 made, 0 already there, 0 failed\n"), done.output
    wish = {"priority": "low", "quality_tier": "preview", "size": "64x64"}
    assert sorted(body["prompt"] for body in service.bodies) == ["a blue box", "a green ring", "a red ball"]
    assert all(body == {"prompt": body["prompt"], **wish} for body in service.bodies)


def test_what_is_cached_is_not_made(service: Service, kinoray: Kinoray, prompts: Path) -> None:
    service.ending = dict(HIT)
    done = kinoray("warm", str(prompts), "--at-once", "2")
    assert (done.exit_code, done.stdout) == (0, "0 made, 3 already there, 0 failed\n"), done.output


def test_a_server_without_room_is_asked_again_when_it_says(service: Service, kinoray: Kinoray, prompts: Path) -> None:
    service.refusals.extend([FULL] * 2)
    began = time.monotonic()
    done = kinoray("warm", str(prompts), "--at-once", "1")
    assert (done.exit_code, done.stdout) == (0, "3 made, 0 already there, 0 failed\n"), done.output
    assert time.monotonic() - began >= 0.4


def test_a_prompt_that_fails_holds_up_no_other(service: Service, kinoray: Kinoray, prompts: Path) -> None:
    error = {"code": "invalid_request", "message": "This prompt is too long.", "param": "prompt"}
    service.refusals.append((400, {"error": error}, {}))
    done = kinoray("warm", str(prompts), "--at-once", "1")
    assert (done.exit_code, done.stdout) == (1, "2 made, 0 already there, 1 failed\n")
    assert done.stderr.endswith("a red ball: This prompt is too long.\n")


def test_no_server_and_no_key_end_it_at_once(service: Service, kinoray: Kinoray, prompts: Path, free_url: str) -> None:
    error = {"code": "invalid_api_key", "message": "Who are you?", "param": None}
    service.refusals.extend([(401, {"error": error}, {})] * 3)
    refused = kinoray("warm", str(prompts))
    assert (refused.exit_code, "Who are you?" in refused.stderr) == (1, True)
    nobody = CliRunner().invoke(app, ["--url", free_url, "warm", str(prompts)])
    assert (nobody.exit_code, "kinoray serve" in nobody.stderr) == (1, True)


def test_a_file_that_is_no_text_is_refused(kinoray: Kinoray, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"\xff\xfe\x00")
    assert kinoray("warm", str(tmp_path / "p")).exit_code == 2
    assert kinoray("warm", str(tmp_path / "none")).exit_code == 2


def test_an_empty_file_is_done_at_once(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("# nothing\n")
    assert kinoray("warm", str(tmp_path / "p")).stdout == f"{Warmed().words()}\n"
    assert service.heard == []
    assert prompts_in(["a", " a", "#", ""]) == ["a"]
