"""Deploys on a live service under load lose no accepted job and no step, whatever is deployed and whoever dies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.rollout import Exit
from tests.drills.deploys import BROKEN
from tests.drills.test_machines import killed_with_all_it_started

ROOT = Path(__file__).parent.parent.parent
DRIVER = [sys.executable, "-m", "tests.drills.deploys"]

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2000)]  # five deploys, one after the other


def said_by(words: list[str]) -> dict[str, Any]:
    ran = subprocess.run([*DRIVER, *words], cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each deploy in turn, on one service."""
    return said_by(["story", str(tmp_path_factory.mktemp("deploys"))])


@pytest.mark.parametrize("name", ["good", "slip", "model", "slow", "cut_off"])
def test_a_deploy_under_load_loses_no_accepted_job(story: dict[str, Any], name: str) -> None:
    drill = story[name]
    assert drill["accepted"] >= 4
    assert (drill["completed"], drill["ended_once"]) == (drill["accepted"], drill["accepted"])


def test_a_rolling_update_loses_no_step_beyond_a_boundary(story: dict[str, Any]) -> None:
    assert story["good"]["handed_back"] > 0
    assert story["good"]["steps_redone"] == 0


def test_a_good_config_serves(story: dict[str, Any]) -> None:
    assert (story["good"]["status"], story["good"]["as_wanted"]) == (Exit.DEPLOYED, True)


def test_a_slip_is_refused_and_changes_nothing(story: dict[str, Any]) -> None:
    slip = story["slip"]
    assert (slip["status"], slip["as_before"], slip["handed_back"]) == (Exit.REFUSED, True, 0)
    assert "'max_ongoing_requests'" in slip["said"]


def test_a_model_that_does_not_load_is_taken_back_and_named(story: dict[str, Any]) -> None:
    model = story["model"]
    assert (model["status"], model["as_before"]) == (Exit.ROLLED_BACK, True)
    assert f"{BROKEN}: " in model["said"]
    assert "Expecting property name" in model["said"], "why, and not only that"


def test_a_start_that_waits_for_a_machine_is_waited_for(story: dict[str, Any]) -> None:
    assert (story["slow"]["status"], story["slow"]["as_wanted"]) == (Exit.DEPLOYED, True)


def test_a_deploy_that_was_killed_is_made_whole_by_the_next(story: dict[str, Any]) -> None:
    assert (story["cut_off"]["status"], story["cut_off"]["as_wanted"]) == (Exit.DEPLOYED, True)


def test_when_the_power_goes_in_the_middle_of_a_deploy_the_next_start_ends_what_was_accepted(tmp_path: Path) -> None:
    begin, pipe = [*DRIVER, "begin", str(tmp_path)], subprocess.PIPE
    with subprocess.Popen(begin, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as begun:
        assert begun.stdout is not None
        told = begun.stdout.readline()
        assert killed_with_all_it_started(begun) > 10
    jobs = said_by(["again", str(tmp_path), told])["jobs"]
    assert len(jobs) >= 6
    assert [(job["status"], job["ends"]) for job in jobs] == [("completed", 1)] * len(jobs)
