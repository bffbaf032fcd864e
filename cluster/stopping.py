"""Signals to a service in the foreground: the first stops it in order, later ones are told what is waited for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
DEAF = {signal.SIGHUP}
"""What stays ignored where it was when the process started, as nohup wants it."""


class Stop:
    """`asked` is set by the first signal. `doing` says what is under way, for whoever asks again."""

    def __init__(self, say: Callable[[str], None], doing: Callable[[], str]) -> None:
        self.asked = threading.Event()
        self._say, self._doing = say, doing
        self._starting = True

    def heed(self) -> None:
        """Take the signals; again after Ray, which puts its own in place."""
        for signum in SIGNALS:
            if signum not in DEAF or signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._told)

    def ready(self) -> None:
        """From here on a signal is noticed by who waits for `asked`, and interrupts nothing."""
        self._starting = False

    def _told(self, signum: int, _frame: FrameType | None) -> None:
        if self.asked.is_set():
            self._say(f"Still stopping: waiting for {self._doing()}.")
            return
        self.asked.set()
        if self._starting:
            raise KeyboardInterrupt  # out of whatever the start is waiting for
