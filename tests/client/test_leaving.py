"""A command that is told to end leaves in order, whoever tells it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.client.leaving import WAITING
from tests.client.service import CANCELLED, Service, video
from tests.waiting import wait_until

# A test run in the background may be deaf to these and hands that on to its children; a terminal does not.
HEARING = "from signal import *; signal(SIGINT, default_int_handler); signal(SIGHUP, SIG_DFL)"
TERMINAL = f"{HEARING}; import app.client.cli as cli; cli.main()"


@contextmanager
def under_way(service: Service, *words: str, program: str = TERMINAL) -> Iterator[subprocess.Popen[str]]:
    """The command, at the first step of its video."""
    service.stall_after = 3
    environment = {**os.environ, "KINORAY_URL": service.url}
    with subprocess.Popen([sys.executable, "-c", program, *words], env=environment, stderr=-1, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("denoising, step 1"):
                break
        yield running


@pytest.mark.parametrize(
    ("signum", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["INT", "TERM", "HUP"],
)
@pytest.mark.parametrize("verb", ["generate", "remix"])
def test_a_signal_cancels_on_the_server(
    verb: str, signum: signal.Signals, status: int, service: Service, tmp_path: Path
) -> None:
    service.videos["source"] = video("source", status="completed")
    words = [*([verb] if verb == "generate" else [verb, "source"]), "a red ball", "-o", str(tmp_path / "out.mp4")]
    with under_way(service, *words) as running:
        assert running.stderr is not None
        running.send_signal(signum)
        assert running.stderr.read() == "Cancelled video_2.\n"
    assert running.returncode == status
    assert service.videos["video_2"]["error"] == CANCELLED["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_second_ctrl_c_says_what_is_waited_for_and_a_third_leaves(service: Service, tmp_path: Path) -> None:
    service.hold_cancel = True
    with under_way(service, "generate", "a red ball", "-o", str(tmp_path / "out.mp4")) as running:
        assert running.stderr is not None
        running.send_signal(signal.SIGINT)
        wait_until(lambda: ("POST", "/v1/videos/video_1/cancel") in service.heard)
        running.send_signal(signal.SIGINT)
        assert running.stderr.readline() == f"{WAITING}\n"
        running.send_signal(signal.SIGINT)
        assert "the server could not be told" in running.stderr.read()
    assert running.returncode == 130


def test_who_was_started_deaf_stays_deaf(service: Service, tmp_path: Path) -> None:
    deaf = TERMINAL.replace("SIG_DFL", "SIG_IGN")
    with under_way(service, "generate", "a red ball", "-o", str(tmp_path / "out.mp4"), program=deaf) as running:
        running.send_signal(signal.SIGHUP)
        service.stall_after = None
        running.communicate(timeout=30)
    assert (running.returncode, (tmp_path / "out.mp4").exists()) == (0, True)
