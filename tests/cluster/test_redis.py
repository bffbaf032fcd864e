"""Kinoray's own Redis: its data stay, it leaves with its master, and nobody shares its folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cluster import redis as local
from cluster.redis import LocalRedis, RedisFailed, find_redis

pytestmark = pytest.mark.redis


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


def test_what_it_answers_is_on_the_disk_unless_the_disk_is_to_be_spared(tmp_path: Path) -> None:
    for name, server in (
        ("always", LocalRedis(tmp_path / "a")),
        ("everysec", LocalRedis(tmp_path / "b", fsync="everysec")),
    ):
        server.start()
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            assert client.config_get("appendfsync") == {"appendfsync": name}
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
