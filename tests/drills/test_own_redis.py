"""Kinoray's own Redis is killed, or its master is: it comes back with what it held, and nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from app.settings import Settings
from cluster.local import LocalService
from cluster.redis import LocalRedis
from tests.waiting import wait_until

MASTER = """
import sys
from pathlib import Path
from cluster.redis import LocalRedis
from tests.waiting import wait_until
server = LocalRedis(Path(sys.argv[1]))
server.start()
print(server.url, flush=True)
sys.stdin.read()
"""


def test_redis_leaves_when_its_master_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MASTER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as master:
        assert master.stdout is not None
        with redis.Redis.from_url(master.stdout.readline().strip()) as client:
            client.set("kept", "yes")
            pid = client.info("server")["process_id"]
        master.kill()
    wait_until(lambda: not _alive(pid), 10)
    server = LocalRedis(tmp_path)
    server.start()
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.get("kept") == "yes"
    server.stop()


def test_a_redis_that_was_killed_is_started_again(tmp_path: Path) -> None:
    server = LocalRedis(tmp_path)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    wait_until(lambda: server.died, 5)
    assert not server.running
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    server.stop()


def test_a_redis_that_dies_under_the_service_comes_back_with_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINORAY_REDIS_URL", "")  # the service sets it; put back afterwards
    service = LocalService(Settings(state_dir=tmp_path, redis_url=None))
    service._start_redis()
    assert service.redis is not None
    try:
        with redis.Redis.from_url(service.redis.url) as client:
            client.set("kept", "yes")  # in the file before it is answered: only what the machine's disk has comes later
            server = psutil.Process(client.info("server")["process_id"])
            server.kill()
            server.wait(10)
            wait_until(lambda: _answers(client), 10)
            assert client.get("kept") == b"yes"
            assert client.info("server")["process_id"] != server.pid
    finally:
        service.stop()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
