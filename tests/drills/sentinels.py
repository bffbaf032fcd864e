"""Real Redis servers watched by real sentinels, as processes of this test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import redis

from app.errors import StoreUnavailable
from app.jobs.store import JobStore
from app.types import Job
from cluster.redis import find_redis
from tests.ports import free_port
from tests.waiting import wait_until

SERVICE = "jobs"
PASSWORD = "secret"
READY_S = 20.0

SENTINEL = """\
port {port}
bind 127.0.0.1
sentinel monitor {service} 127.0.0.1 {master} 2
sentinel auth-pass {service} {password}
sentinel down-after-milliseconds {service} 600
sentinel failover-timeout {service} 3000
"""


class Watched:
    """A master, a replica and three sentinels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.servers = [self._server(), self._server()]
        self.watchers = [self._watcher() for _ in range(3)]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.watchers)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}/0"

    def start(self) -> None:
        """Return when the replica follows the master and the sentinels know of it and of each other."""
        wait_until(lambda: all(self._knows(port) for port in self.watchers), READY_S)

    def kill(self, port: int) -> None:
        """As when the machine is gone."""
        running = self._running.pop(port)
        running.kill()
        running.wait()

    def stop(self) -> None:
        for port in list(self._running):
            self.kill(port)

    def _knows(self, port: int) -> bool:
        try:
            with redis.Redis(port=port, socket_timeout=1) as watcher:
                state = watcher.sentinel_master(SERVICE)
                replicas = watcher.sentinel_slaves(SERVICE)
        except redis.RedisError:
            return False
        linked = [each for each in replicas if each["master-link-status"] == "ok"]
        return len(linked) == 1 and state["num-other-sentinels"] == 2

    def _server(self) -> int:
        port, more = free_port(), []
        if self._running:
            more = ["--replicaof", "127.0.0.1", str(next(iter(self._running)))]
        secret = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
        self._spawn(port, ["--port", str(port), "--save", "", "--repl-diskless-sync-delay", "0", *secret, *more])
        return port

    def _watcher(self) -> int:
        port = free_port()
        config = self._folder / f"sentinel-{port}.conf"  # it writes there what it finds out
        config.write_text(SENTINEL.format(port=port, service=SERVICE, master=self.servers[0], password=PASSWORD))
        self._spawn(port, [str(config), "--sentinel"])
        return port

    def _spawn(self, port: int, words: list[str]) -> None:
        with (self._folder / f"{port}.log").open("wb") as log:
            self._running[port] = subprocess.Popen([find_redis(), *words], cwd=self._folder, stdout=log, stderr=log)


async def accepted(jobs: JobStore, job: Job) -> bool:
    """Whether there is a master again that takes a job."""
    try:
        await jobs.create(job)
    except StoreUnavailable:
        return False
    return True
