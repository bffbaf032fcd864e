"""A service on a free port for each test, and the clients that talk to it."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from app.client.cli import app
from app.client.client import Kinoray
from tests.client.service import Door, Service
from tests.waiting import wait_until


@dataclass(frozen=True)
class Typed:
    """How a command that was typed has ended."""

    status: int
    stdout: bytes
    stderr: str


@pytest.fixture(scope="session")
def door() -> Iterator[tuple[Door, str]]:
    """A listening server and its address."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # connections are dropped on purpose
    opened = Door()
    config = uvicorn.Config(opened.app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield opened, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


@pytest.fixture
def service(door: tuple[Door, str]) -> Iterator[Service]:
    """A fresh service for one test."""
    opened, url = door
    opened.service = Service(url)
    yield opened.service
    opened.service.stall_after = None
    opened.service.hold_cancel = False


@pytest.fixture
def typed(service: Service) -> Callable[..., Typed]:
    """Runs the command against the service as a user does, in a process of its own."""

    def run(*words: str, cwd: Path | None = None, **variables: str) -> Typed:
        environment = {**os.environ, "KINORAY_URL": service.url, **variables}
        command = [sys.executable, "-m", "kinoray", *words]
        ended = subprocess.run(
            command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
        return Typed(ended.returncode, ended.stdout, ended.stderr.decode())

    return run


@pytest.fixture
def free_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Kinoray]:
    async with Kinoray(service.url, api_key="secret") as opened:
        yield opened


@pytest.fixture
def kinoray(service: Service) -> Callable[..., Result]:
    """Runs the command against the service."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["--url", service.url, *words], env={"COLUMNS": "160"})

    return run
