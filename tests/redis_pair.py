"""A real Redis with a real replica, for what is promised of both."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from app.redis.connection import Client, Replicas, connect
from cluster.redis import LocalRedis, find_redis
from tests.ports import free_port
from tests.waiting import wait_until

PATIENT = Replicas(within_s=20.0)  # a replica that runs is waited for, however busy the machine
HURRIED = Replicas(within_s=0.5)  # for one that is stopped: it does not confirm, however long one waits


class Pair:
    """The first is the master when it starts."""

    def __init__(self, folder: Path) -> None:
        self._clients: list[Client] = []
        self.first = LocalRedis(folder / "first")
        self.first.start()
        at = urlsplit(self.first.url)
        self._port, self.port, self._password = at.port or 0, free_port(), at.password or ""
        words = ["--port", str(self.port), "--save", "", "--dir", str(folder)]
        words += ["--requirepass", self._password, "--masterauth", self._password]
        words += ["--replicaof", "127.0.0.1", str(self._port)]
        with redis.Redis.from_url(self.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        with (folder / "replica.log").open("wb") as log:
            self._replica = subprocess.Popen([find_redis(), *words], stdout=log, stderr=log)
        wait_until(self.in_step)

    @property
    def url(self) -> str:
        return self.first.url

    @property
    def replica_url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def in_step(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.info("replication").get("slave0", {}).get("state") == "online")
        except redis.RedisError:
            return False

    def swap(self) -> None:
        """The replica becomes the master, the master its replica."""
        with redis.Redis.from_url(self.replica_url) as second, redis.Redis.from_url(self.url) as first:
            second.replicaof("NO", "ONE")
            first.config_set("masterauth", self._password)
            first.replicaof("127.0.0.1", str(self.port))
            wait_until(lambda: first.info("replication")["master_link_status"] == "up")

    def connect(self) -> Client:
        """A client that wants the replica to have what it writes."""
        self._clients.append(connect(self.url, 5.0, PATIENT))
        return self._clients[-1]

    def freeze(self) -> None:
        """The replica is there and confirms nothing."""
        self._replica.send_signal(signal.SIGSTOP)
        self._wait(HURRIED)

    def wake(self) -> None:
        self._replica.send_signal(signal.SIGCONT)
        self._wait(PATIENT)

    def _wait(self, how: Replicas) -> None:
        for client in self._clients:
            client.replicas = how

    def stop(self) -> None:
        self._replica.kill()
        self._replica.wait()
        self.first.stop()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    started = Pair(tmp_path)
    yield started
    started.stop()


@pytest.fixture
async def replicated(pair: Pair) -> AsyncIterator[Client]:
    client = pair.connect()
    yield client
    await client.aclose()
