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
import pytest

ROOT = Path(__file__).parent.parent.parent
DRIVER = [sys.executable, "-m", "tests.drills.deaths"]

pytestmark = pytest.mark.timeout(700)  # two starts of a service on three nodes


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


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything dies under four jobs; what the next start made of them, and of four more when a node of it died."""
    folder = tmp_path_factory.mktemp("machines")
    begin = [*DRIVER, "begin", str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(begin, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as begun:
        assert begun.stdout is not None
        told = begun.stdout.readline()
        assert killed_with_all_it_started(begun) > 10
    ran = subprocess.run([*DRIVER, "again", str(folder), told], cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_when_everything_dies_at_once_the_next_start_ends_what_was_accepted(story: dict[str, Any]) -> None:
    assert_sound(story["jobs"])
    resumed = [job["resumed"] for job in story["jobs"]]
    assert all(resumed), resumed


def test_jobs_of_a_node_that_is_gone_go_on_at_another_from_their_checkpoints(story: dict[str, Any]) -> None:
    node = story["node"]
    assert_sound(node["jobs"])
    resumed = [job["resumed"] for job in node["jobs"] if job["resumed"] is not None]
    assert len(resumed) == 2
    assert min(resumed) > 0
    assert node["left"] == 1
