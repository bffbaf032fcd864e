"""A whole node dies; everything dies at once and is started again: no accepted job is lost, and none is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent.parent
DRIVER = [sys.executable, "-m", "tests.drills.deaths"]


def run(*words: str) -> dict[str, Any]:
    ran = subprocess.run([*DRIVER, *words], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def killed_with_all_it_started(begun: subprocess.Popen[str]) -> int:
    """SIGKILL for the process, its Redis, Ray's daemons and every replica, as when the power goes; says how many."""
    everyone = [*psutil.Process(begun.pid).children(recursive=True), psutil.Process(begun.pid)]
    for process in everyone:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    begun.wait()
    return len(everyone)


def assert_sound(jobs: list[dict[str, Any]]) -> None:
    for job in jobs:
        assert (job["status"], job["error"], job["same"], job["ends"]) == ("completed", None, True, 1)


def test_jobs_of_a_node_that_is_gone_go_on_at_another_from_their_checkpoints(tmp_path: Path) -> None:
    found = run("node", str(tmp_path))
    assert_sound(found["jobs"])
    resumed = [job["resumed"] for job in found["jobs"] if job["resumed"] is not None]
    assert len(resumed) == 2
    assert min(resumed) > 0
    assert found["left"] == 1


def test_when_everything_dies_at_once_the_next_start_ends_what_was_accepted(tmp_path: Path) -> None:
    begun = subprocess.Popen(
        [*DRIVER, "begin", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert begun.stdout is not None
    with begun.stdout as out:
        told = out.readline()
    assert killed_with_all_it_started(begun) > 10
    found = run("again", str(tmp_path), told)
    assert_sound(found["jobs"])
    assert all(job["resumed"] for job in found["jobs"])
