"""A service that is started for a run and stopped after it: `kinoray serve` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 600.0
STOP_S = 60.0
LOG_CHARS = 2000  # of the end of what a service said that did not start


class NotStarted(RuntimeError):
    """The service could not be started; the message ends with what it said."""


@contextmanager
def own_service(settings: Mapping[str, Any]) -> Iterator[str]:
    """The address of a service with these settings, beside what this environment says, until the block ends.

    Its Redis, port and state folder are its own. Raises NotStarted.
    """
    with tempfile.TemporaryDirectory(prefix="kinoray-bench-") as folder:
        port = _free_port()
        words = ["serve", "--json", "--host", "127.0.0.1", "--port", str(port), "--state-dir", folder]
        log = Path(folder) / "serve.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "kinoray", *words],
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment(settings, os.environ),
                start_new_session=True,  # Ctrl-C is for whoever started it
            )
        try:
            _await_ready(process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def environment(settings: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, str]:
    """The variables of the service: those around it without what would have it share another's data."""
    apart = {"KINORAY_REDIS_URL", "KINORAY_URL", "KINORAY_ARTIFACTS_URL", "KINORAY_REDIS_PREFIX"}
    own = {f"KINORAY_{name.upper()}": _text(value) for name, value in settings.items()}
    return {name: value for name, value in around.items() if name not in apart} | own


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it prints its addresses, which it does once it is ready."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    until, said = time.monotonic() + START_S, b""
    while b"}" not in said:
        if process.poll() is not None or time.monotonic() > until:
            end = log.read_text(errors="replace")[-LOG_CHARS:].strip()
            raise NotStarted(f"The service did not start.\n{end}")
        said += process.stdout.read() or b""
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
