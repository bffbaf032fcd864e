"""Replicas follow the work, and jobs move without losing a step: on three nodes, whose GPUs are in Ray's books only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.drills.moves import STEPS

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def moves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened on three nodes; in a process of its own, since the session's service has this one's Ray."""
    folder = tmp_path_factory.mktemp("nodes")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.drills.moves", str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_a_job_wakes_a_pool_that_sleeps_and_is_told_how_long_that_takes(moves: dict[str, Any]) -> None:
    assert (moves["asleep"], moves["woken"]) == ([], "completed")
    assert moves["eta_at_zero_s"] > 10


def test_jobs_of_a_replaced_replica_go_on_elsewhere_from_the_boundary_at_which_they_left(moves: dict[str, Any]) -> None:
    for job in moves["update"]["jobs"]:
        assert (job["status"], job["handed_back"]) == ("completed", 1)
        assert STEPS > job["resumed"] >= job["told_before"] > 0


def test_an_idle_pool_goes_to_sleep_and_says_why(moves: dict[str, Any]) -> None:
    assert (moves["at_zero"]["replicas"], moves["at_zero"]["wanted"]) == (0, 0)
    assert moves["at_zero"]["because"] == "idle"
