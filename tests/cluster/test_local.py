"""Kinoray on one machine looks after what it started."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
import redis

from app.settings import Settings
from cluster.local import LocalService


def test_a_redis_that_dies_under_the_service_comes_back_with_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINORAY_REDIS_URL", "")  # the service sets it; put back afterwards
    service = LocalService(Settings(state_dir=tmp_path, redis_url=None))
    service._start_redis()
    assert service.redis is not None
    try:
        with redis.Redis.from_url(service.redis.url) as client:
            client.set("kept", "yes")
            time.sleep(1.1)  # appended every second
            server = psutil.Process(client.info("server")["process_id"])
            server.kill()
            until = time.monotonic() + 10
            while time.monotonic() < until and not _answers(client):
                time.sleep(0.1)
            assert client.get("kept") == b"yes"
            assert client.info("server")["process_id"] != server.pid
    finally:
        service.stop()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
