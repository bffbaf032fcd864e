"""A server that speaks S3, as a process of its own, and the environment that leads to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import httpx
import pytest

from tests.ports import free_port
from tests.waiting import wait_until

BUCKET = "films"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "kinoray",
    "AWS_SECRET_ACCESS_KEY": "kinoray-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class S3Server:
    """`moto_server` on a loopback port; it keeps everything in memory, so that a stop forgets it."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Ready, with an empty bucket, when this returns."""
        if self.process is None:
            words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, 60)
        boto3.client("s3", endpoint_url=self.url).create_bucket(Bucket=BUCKET)

    def _answers(self) -> bool:
        try:
            httpx.get(f"{self.url}/moto-api/", timeout=5)
        except httpx.HTTPError:
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[str]:
    """Credentials and the endpoint are in the environment, and nowhere else."""
    port = free_port()
    added = ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    yield str(port)
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def s3_process(s3_environment: str) -> Iterator[S3Server]:
    server = S3Server(int(s3_environment))
    yield server
    server.stop()


@pytest.fixture
def s3(s3_process: S3Server) -> S3Server:
    s3_process.start()  # a test may have stopped it
    return s3_process
