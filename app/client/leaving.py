"""Signals to a command: the first has its story leave in order, a second is told what is waited for, a third ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

WAITING = "Still telling the server to stop, for at most 10 s; once more leaves at once, and the video may go on."
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass(slots=True)
class Leaving:
    """Which signal came first, and how many came."""

    signum: int = signal.SIGINT
    told: int = 0
    at_once: bool = False  # a second one ends it already, without a word

    @property
    def status(self) -> int:
        """The shell's exit status for that."""
        return 128 + self.signum

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Within this, signals cancel the task that runs. One that the process was started deaf to stays unheard."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # a coroutine runs in one
        known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        heard = [signum for signum in known if signal.getsignal(signum) != signal.SIG_IGN]
        try:
            for signum in heard:
                loop.add_signal_handler(signum, self._tell, signum, task)
        except (NotImplementedError, RuntimeError, ValueError):
            heard = []  # not the main thread, or Windows: Ctrl-C is Python's own there
        try:
            yield
        finally:
            for signum in heard:
                loop.remove_signal_handler(signum)

    def _tell(self, signum: int, task: asyncio.Task[object]) -> None:
        self.told += 1
        if self.told == 1:
            self.signum = signum
        if self.told == 2 and not self.at_once:
            typer.echo(WAITING, err=True)
        else:
            task.cancel()
