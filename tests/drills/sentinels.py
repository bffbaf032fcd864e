"""Real Redis servers watched by real sentinels, as processes of this test."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import redis

from app.errors import StoreUnavailable
from app.jobs.store import JobStore
from app.types import Job
from cluster.redis import find_redis
from tests.ports import free_port
from tests.waiting import wait_until

SERVICE = "jobs"
PASSWORD = "secret"
READY_S = 40.0

SENTINEL = """\
port {port}
bind 127.0.0.1
sentinel announce-ip 127.0.0.1
sentinel monitor {service} 127.0.0.1 {master} 2
sentinel auth-pass {service} {password}
sentinel down-after-milliseconds {service} 600
sentinel failover-timeout {service} 3000
"""
SERVER = ["--appendonly", "yes", "--save", "", "--repl-diskless-sync-delay", "0"]


class Watched:
    """A master, a replica and three sentinels; `replicas` of 0 leaves the master alone."""

    def __init__(self, folder: Path, replicas: int = 1) -> None:
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._words: dict[int, list[str]] = {}
        self.servers = [self._server()]
        self.servers += [self._server(self.servers[0]) for _ in range(replicas)]
        self.watchers = [self._watcher() for _ in range(3)]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.watchers)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}/0"

    def start(self) -> None:
        """Return when the replicas follow the master and the sentinels know of them and of each other."""
        wait_until(lambda: all(self._knows(port) for port in self.watchers), READY_S)

    def kill(self, port: int) -> None:
        """As when the machine is gone."""
        running = self._running.pop(port)
        running.kill()
        running.wait()

    def restart(self, port: int, *words: str, empty: bool = False) -> None:
        """Start a server that was killed, as a replica where `words` say so; `empty`: its disk is a new one."""
        if empty:
            shutil.rmtree(self._folder / str(port))
        self._spawn(port, [*self._words[port], *words])

    def freeze(self, port: int) -> None:
        """The machine hangs, and wakes with all that it was about to do."""
        self._running[port].send_signal(signal.SIGSTOP)

    def wake(self, port: int) -> None:
        self._running[port].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        for port in list(self._running):
            self.kill(port)

    def ask(self, port: int, *words: str) -> Any:
        """A server's or a sentinel's answer; None when there is none."""
        password = None if port in self.watchers else PASSWORD
        try:
            with redis.Redis(port=port, password=password, socket_timeout=1) as client:
                return client.execute_command(*words)
        except redis.RedisError:
            return None

    def fail_over(self) -> None:
        """Have a sentinel make the replica the master. It may still be busy with the last time."""
        wait_until(lambda: self.ask(self.watchers[0], "SENTINEL", "FAILOVER", SERVICE) is not None)

    def master(self) -> int | None:
        """Where most sentinels say the master is."""
        said = [self.ask(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE) for port in self.watchers]
        ports = [int(each[1]) for each in said if each]
        return next((port for port in ports if ports.count(port) >= 2), None)

    def follows(self, port: int) -> bool:
        """Whether it is a replica in step with the master that the sentinels name."""
        role = self.ask(port, "ROLE")
        return bool(role) and role[0] == b"slave" and role[3] == b"connected" and int(role[2]) == self.master()

    def _knows(self, port: int) -> bool:
        try:
            with redis.Redis(port=port, socket_timeout=1) as watcher:
                state = watcher.sentinel_master(SERVICE)
                replicas = watcher.sentinel_slaves(SERVICE)
        except redis.RedisError:
            return False
        linked = [each for each in replicas if each["master-link-status"] == "ok"]
        return len(linked) == len(self.servers) - 1 and state["num-other-sentinels"] == 2

    def _server(self, master: int | None = None) -> int:
        port = free_port()
        secret = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
        self._words[port] = ["--port", str(port), *SERVER, *secret]
        self._spawn(port, self._words[port] + ([] if master is None else ["--replicaof", "127.0.0.1", str(master)]))
        return port

    def _watcher(self, *lines: str) -> int:
        port = free_port()
        config = self._folder / f"sentinel-{port}.conf"  # it writes there what it finds out
        told = SENTINEL.format(port=port, service=SERVICE, master=self.servers[0], password=PASSWORD)
        config.write_text("".join([told, *(f"{line}\n" for line in lines)]))
        self._spawn(port, [str(config), "--sentinel"])
        return port

    def _spawn(self, port: int, words: list[str]) -> None:
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        with (self._folder / f"{port}.log").open("ab") as log:
            self._running[port] = subprocess.Popen([find_redis(), *words], cwd=folder, stdout=log, stderr=log)


async def accepted(jobs: JobStore, job: Job) -> bool:
    """Whether there is a master again that takes a job."""
    with contextlib.suppress(StoreUnavailable):
        await jobs.create(job)
        return True
    return False
