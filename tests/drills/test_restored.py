"""A real Kinoray is brought back from a backup: over what it has done since, and in a new place with a copied store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis as plain_redis

from cluster.backup import AT_WORK, key_of
from cluster.redis import LocalRedis
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]  # three starts of a service


def ran(module: str, *words: str) -> str:
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (done.stdout[-1000:], done.stderr[-4000:])
    return done.stdout


def brought_back(state: Path, file: Path, *more: str) -> str:
    """What an operator types while no service runs; what the command says."""
    server = LocalRedis(state / "redis")
    server.start()
    try:
        with plain_redis.Redis.from_url(server.url) as client:
            wait_until(lambda: not client.exists(key_of("kinoray", AT_WORK)))
        where = ["--redis-url", server.url, "--artifacts", (state / "artifacts").as_uri()]
        return ran("cluster.deploy", "restore", str(file), *where, *more)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("restored")
    told: dict[str, Any] = json.loads(ran("tests.drills.restored", "begin", str(folder / "state")).splitlines()[-1])
    assert told["before"].count("completed") < len(told["ids"])
    return folder, told


def assert_all_playable(state: Path, ids: list[str]) -> None:
    told = json.loads(ran("tests.drills.restored", "again", str(state), json.dumps(ids)).splitlines()[-1])
    for job in told["jobs"]:
        assert (job["status"], job["error"]) == ("completed", None)
        assert job["frames"] > 0


def test_a_new_place_with_a_copied_store_has_every_video_playable(begun: tuple[Path, dict[str, Any]]) -> None:
    folder, told = begun
    state = folder / "elsewhere"
    shutil.copytree(folder / "state" / "artifacts", state / "artifacts")
    said = brought_back(state, folder / "redis.jsonl.zst")
    assert "0 are lost" in said
    assert_all_playable(state, [*told["ids"], *told["since"]])


def test_after_all_is_brought_back_over_what_it_did_since_every_job_ends_well(
    begun: tuple[Path, dict[str, Any]],
) -> None:
    folder, told = begun
    shutil.rmtree(folder / "state" / "artifacts" / told["since"][0])
    said = brought_back(folder / "state", folder / "redis.jsonl.zst", "--replace")
    assert f"  {told['since'][0]}: " in said
    assert_all_playable(folder / "state", [*told["ids"], *told["since"][1:]])
