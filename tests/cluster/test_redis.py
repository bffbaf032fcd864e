"""Kinoray's own Redis: its data stay, it leaves with its master, and nobody shares its folder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cluster import redis as local
from cluster.redis import LocalRedis, RedisFailed, find_redis

MASTER = """
import sys, time
from pathlib import Path
from cluster.redis import LocalRedis
server = LocalRedis(Path(sys.argv[1]))
server.start()
print(server.url, flush=True)
time.sleep(60)
"""


def test_data_survive_stop_and_start(tmp_path: Path) -> None:
    server = LocalRedis(tmp_path / "state" / "redis")
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    url = server.url
    server.stop()
    server.stop()
    assert not server.running
    server.start()
    assert (server.running, server.url) == (True, url)
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.get("kept") == "yes"
    server.stop()


def test_strangers_need_the_password_and_cannot_read_it(tmp_path: Path) -> None:
    server = LocalRedis(tmp_path)
    server.start()
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert stat.S_IMODE((tmp_path / "redis.conf").stat().st_mode) == 0o600
    server.stop()


def test_two_on_one_folder_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOCK_S", 0.1)
    server = LocalRedis(tmp_path)
    server.start()
    with pytest.raises(RedisFailed, match="Another Kinoray uses"):
        LocalRedis(tmp_path).start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    server.stop()
    again = LocalRedis(tmp_path)
    again.start()
    again.stop()


def test_redis_leaves_when_its_master_is_killed(tmp_path: Path) -> None:
    master = subprocess.Popen([sys.executable, "-c", MASTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert master.stdout is not None
    with redis.Redis.from_url(master.stdout.readline().strip()) as client:
        client.set("kept", "yes")
        pid = client.info("server")["process_id"]
        os.kill(master.pid, signal.SIGKILL)
        master.wait()
        master.stdout.close()
    until = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _alive(pid)
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
    until = time.monotonic() + 5
    while server.running and time.monotonic() < until:
        time.sleep(0.01)
    assert not server.running
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    server.stop()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").write_bytes(b"this is no append-only file\r\n")
    with pytest.raises(RedisFailed, match="damaged in the middle: something that is no command at byte 0"):
        LocalRedis(tmp_path).start()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RedisFailed, match="cannot be used"):
        LocalRedis(tmp_path / "file" / "redis").start()


def test_the_server_is_found_without_a_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert os.access(find_redis(), os.X_OK)
    with pytest.raises(RedisFailed, match="has not been started"):
        _ = LocalRedis(tmp_path).url


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
