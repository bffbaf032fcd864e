"""Who leaves `kinoray story` is asked what is to become of the film, where there is somebody to ask."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tests.client.street import Street, opened
from tests.client.test_leaving import TERMINAL

pytestmark = pytest.mark.anyio


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    async with opened(tmp_path) as found:
        yield found


class Terminal:
    """What stands on a terminal that a command was started on, and what is typed there."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._shown = ""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            self._shown += os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._master)
        self._more.set()

    async def shows(self, text: str) -> None:
        """Wait until it stands there."""
        with anyio.fail_after(60):
            while text not in self._shown:
                self._more.clear()
                await self._more.wait()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())


@asynccontextmanager
async def on_terminal(street: Street) -> AsyncIterator[tuple[Process, Terminal]]:
    """The command on a terminal, its film under way."""
    master, slave = os.openpty()
    running = await started(street, stdin=slave, stderr=slave)
    os.close(slave)
    terminal = Terminal(master)
    try:
        await terminal.shows("0 of 2 scenes made")
        yield running, terminal
    finally:
        asyncio.get_running_loop().remove_reader(master)
        if running.returncode is None:
            running.kill()
            await running.wait()
        os.close(master)


async def started(street: Street, stdin: int, stderr: int) -> Process:
    words = ["story", street.film(), "-o", street.out()]
    environment = {**os.environ, "KINORAY_URL": street.url, "TERM": "xterm"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", TERMINAL, *words, env=environment, stdin=stdin, stdout=PIPE, stderr=stderr
    )


async def status_of(street: Street) -> tuple[str, str]:
    """The film's status, and the code of its error."""
    story = (await street.house.storyboards.list("public", None, 1, True)).stories[0]
    return story.status.value, story.failure.code if story.failure else ""


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
async def test_away_from_a_terminal_a_signal_cancels_it(signum: signal.Signals, status: int, street: Street) -> None:
    running = await started(street, stdin=asyncio.subprocess.DEVNULL, stderr=PIPE)
    assert running.stderr is not None
    story_id = (await running.stderr.readline()).decode().strip()
    await running.stderr.readline()  # it is followed
    running.send_signal(signum)
    assert (await running.stderr.read()).decode().endswith(f"Cancelled {story_id}; scenes that are made are kept.\n")
    assert await running.wait() == status
    assert await status_of(street) == ("failed", "cancelled")


async def test_on_a_terminal_ctrl_c_asks_and_cancels_when_told_so(street: Street) -> None:
    async with on_terminal(street) as (running, terminal):
        running.send_signal(signal.SIGINT)
        await terminal.shows("Cancel it, or leave it running? [c/l]")
        terminal.type("what\n")
        await terminal.shows("[c/l] what\r\n\r\nCancel it, or leave it running?")
        terminal.type("c\n")
        await terminal.shows("scenes that are made are kept.")
        assert await running.wait() == 130
    assert await status_of(street) == ("failed", "cancelled")


async def test_on_a_terminal_it_may_be_left_running(street: Street) -> None:
    async with on_terminal(street) as (running, terminal):
        running.send_signal(signal.SIGINT)
        await terminal.shows("[c/l]")
        terminal.type("l\n")
        await terminal.shows("--follow`.")
        assert await running.wait() == 130
    assert await status_of(street) == ("in_progress", "")


async def test_a_second_ctrl_c_leaves_at_once(street: Street) -> None:
    async with on_terminal(street) as (running, terminal):
        running.send_signal(signal.SIGINT)
        await terminal.shows("[c/l]")
        running.send_signal(signal.SIGINT)
        await terminal.shows("running; see it with")
        assert await running.wait() == 130
    assert await status_of(street) == ("in_progress", "")


async def test_on_a_terminal_sigterm_cancels_without_a_question(street: Street) -> None:
    async with on_terminal(street) as (running, terminal):
        running.send_signal(signal.SIGTERM)
        await terminal.shows("scenes that are made are kept.")
        assert await running.wait() == 143
    assert await status_of(street) == ("failed", "cancelled")
