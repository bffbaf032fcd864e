"""A service in the foreground stops at the first signal, and says at the second what it waits for."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SERVICE = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from cluster.stopping import Stop
from tests.waiting import wait_until

said = []

def say(words):
    said.append(words)
    print(words, flush=True)

stop = Stop(say, lambda: "Redis to write its data")
stop.heed()
try:
    say("starting")
    if "start" in sys.argv:
        signal.pause()
    stop.ready()
    say("ready")
    stop.asked.wait()
except KeyboardInterrupt:
    pass
before = len(said)
say("stopping")
wait_until(lambda: len(said) == before + 3)
say("stopped")
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("during", ["start", "service"])
def test_the_first_signal_stops_it_and_later_ones_are_told_what_is_waited_for(
    during: str, signum: signal.Signals
) -> None:
    command = [sys.executable, "-c", SERVICE, during]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "starting\n"
        assert during == "start" or running.stdout.readline() == "ready\n"
        running.send_signal(signum)
        assert running.stdout.readline() == "stopping\n"
        for _ in range(2):
            running.send_signal(signal.SIGINT)
            assert running.stdout.readline() == "Still stopping: waiting for Redis to write its data.\n"
        assert running.stdout.read() == "stopped\n"
    assert running.returncode == 0
