"""The Sentinel example runs: its own script starts real servers, and another Redis takes over when the master dies."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import Replicas, connect
from app.redis.safety import refuse_what_loses_jobs
from cluster.redis import find_redis
from tests.drills.sentinels import accepted
from tests.jobs.make import a_job
from tests.ports import free_port
from tests.waiting import until, wait_until

pytestmark = pytest.mark.anyio

SCRIPT = Path(__file__).resolve().parents[2] / "cluster" / "sentinel" / "start.sh"
PASSWORD = "secret"


class Example:
    """Two Redis and three sentinels as compose.sentinel.yaml starts them, on ports of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.redis = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self.sentinels = [f"127.0.0.1:{free_port()}" for _ in range(3)]

    @property
    def url(self) -> str:
        return f"redis+sentinel://:{PASSWORD}@{','.join(self.sentinels)}/kinoray/0"

    def start(self, role: str, me: str) -> None:
        folder = self._folder / me.replace(":", "-")
        folder.mkdir(exist_ok=True)
        env = {
            "PATH": f"{Path(find_redis()).parent}:{os.environ['PATH']}",
            "ME": me,
            "FIRST": self.redis[0],
            "SENTINELS": " ".join(self.sentinels),
            "REDIS_PASSWORD": PASSWORD,
            "DOWN_MS": "600",
            "FAILOVER_MS": "3000",
        }
        with (folder / "log").open("wb") as log:
            self._running[me] = subprocess.Popen(["sh", str(SCRIPT), role], cwd=folder, env=env, stdout=log, stderr=log)

    def kill(self, me: str) -> None:
        running = self._running.pop(me)
        running.kill()
        running.wait()

    def stop(self) -> None:
        for me in list(self._running):
            self.kill(me)

    def ask(self, me: str, *words: str) -> object:
        """A server's answer; None when there is none."""
        try:
            with redis.Redis(port=int(me.rpartition(":")[2]), password=self._secret(me), socket_timeout=1) as client:
                answer: object = client.execute_command(*words)
                return answer
        except redis.RedisError:
            return None

    def role(self, me: str) -> str | None:
        answer = self.ask(me, "ROLE")
        return answer[0].decode() if isinstance(answer, list) else None

    def synced(self, me: str) -> bool:
        """Whether it is a replica that has all of its master; from Redis 7 on the first copy begins after 5 s."""
        answer = self.ask(me, "ROLE")
        return isinstance(answer, list) and answer[0] == b"slave" and answer[3] == b"connected"

    def _secret(self, me: str) -> str | None:
        return PASSWORD if me in self.redis else None


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Example]:
    started = Example(tmp_path)
    try:
        for me in started.redis:
            started.start("redis", me)
        wait_until(lambda: started.role(started.redis[0]) == "master" and started.synced(started.redis[1]))
        for me in started.sentinels:
            started.start("sentinel", me)
        wait_until(lambda: all(ready(started, me) for me in started.sentinels))
        yield started
    finally:
        started.stop()


def ready(example: Example, me: str) -> bool:
    """Whether the sentinel knows the other two and the second Redis."""
    answer = example.ask(me, "SENTINEL", "CKQUORUM", "kinoray")
    replicas = example.ask(me, "SENTINEL", "SLAVES", "kinoray")
    return isinstance(answer, bytes | bool) and b"3 usable" in str(answer).encode() and bool(replicas)


async def test_jobs_go_on_at_the_other_redis_and_the_first_comes_back_as_its_replica(example: Example) -> None:
    first, second = example.redis
    assert "always" in str(example.ask(first, "CONFIG", "GET", "appendfsync"))
    client = connect(example.url, 1.0, Replicas())
    await refuse_what_loses_jobs(client)
    jobs, before, after = RedisJobs(client, "p", 60.0), a_job(), a_job()
    await jobs.create(before)
    example.kill(first)
    assert not await accepted(jobs, after)  # nobody to have it, or nobody else
    await client.aclose()
    client = connect(example.url, 1.0)
    jobs = RedisJobs(client, "p", 60.0)
    await until(lambda: accepted(jobs, after))
    assert {job.id for job in await jobs.waiting()} == {before.id, after.id}
    assert example.role(second) == "master"
    example.start("redis", first)  # it asks the sentinels, so it is never a second master
    wait_until(lambda: example.role(first) is not None)
    assert example.role(first) == "slave"
    await client.aclose()
