"""A replica's start, told to all: its progress while it makes any, and why it failed, in its log and on the board."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace

import psutil

from app.errors import KinorayError, RetryLater, StoreUnavailable
from app.jobs.board import Board
from app.service.pools import FAILURE_TTL_S, StartNote, failure_name, under_way_name
from app.worker.heartbeat import BEAT_S

log = logging.getLogger(__name__)

MOST_CHARS = 400  # of a reason
BUSY_SHARE = 0.1  # of a core: a process with less to do than this waits
BUSY_BYTES = 2**20  # read or written between two looks
_CREDENTIALS = re.compile(r"(\w+://)[^/\s@]*@")
_PASSING = ("requests", "httpx", "httpcore", "urllib3", "huggingface_hub", "aiohttp")  # whose errors are the network's


class Start:
    """The start of one replica, for the pools that need it (a text encoder is of all pools of its model).

    `part` is `DIFFUSER` or `ENCODER`; `clock` gives Unix seconds; `worked` says whether the process has worked since it
    was last asked.
    """

    def __init__(
        self,
        board: Board,
        clock: Callable[[], float],
        pools: Sequence[str],
        part: str,
        model: str,
        replica: str,
        worked: Callable[[], bool] | None = None,
    ) -> None:
        self._board = board
        self._clock = clock
        self._pools = tuple(pools)
        self._part = part
        self._note = StartNote(clock(), model, replica)
        self._worked = worked or Work()

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Around all that a start does: what it raises is told, and raised again; when it ends well, that is told."""
        beating = asyncio.create_task(self._beat(), name="the progress of the start")
        try:
            yield
        except Exception as error:
            await self._failed(error)
            raise
        else:
            await self._put_away(failure_name)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await self._put_away(under_way_name)

    async def _beat(self) -> None:
        note = self._note
        while True:
            note = replace(note, at=self._clock(), work=note.work + self._worked())
            await self._tell(under_way_name, note, 3 * BEAT_S)
            await asyncio.sleep(BEAT_S)

    async def _failed(self, error: Exception) -> None:
        why = reason_of(self._note.model, error)
        log.error("This replica cannot start. %s", why, exc_info=error)
        note = replace(self._note, at=self._clock(), why=why, final=is_final(error))
        await self._tell(failure_name, note, FAILURE_TTL_S)

    async def _tell(self, name: Callable[[str, str], str], note: StartNote, ttl_s: float) -> None:
        for pool in self._pools:
            with contextlib.suppress(StoreUnavailable):  # the log has it
                await self._board.put(name(pool, self._part), asdict(note), ttl_s)

    async def _put_away(self, name: Callable[[str, str], str]) -> None:
        for pool in self._pools:
            with contextlib.suppress(StoreUnavailable):
                await self._board.forget(name(pool, self._part))


class Work:
    """Whether this process has worked since it was last asked: computed, read or written, not merely waited."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._cpu_s, self._moved = self._so_far()
        self._at = time.monotonic()

    def __call__(self) -> bool:
        cpu_s, moved = self._so_far()
        at = time.monotonic()
        busy = cpu_s - self._cpu_s > BUSY_SHARE * (at - self._at) or moved - self._moved > BUSY_BYTES
        self._cpu_s, self._moved, self._at = cpu_s, moved, at
        return busy

    def _so_far(self) -> tuple[float, int]:
        cpu = self._process.cpu_times()
        if not hasattr(self._process, "io_counters"):  # macOS keeps no such count
            return cpu.user + cpu.system, 0
        moved = self._process.io_counters()
        return cpu.user + cpu.system, moved.read_chars + moved.write_chars + moved.read_bytes


def reason_of(model: str, error: Exception) -> str:
    """Why a model cannot be served, in a line that begins with its name and holds no credentials."""
    lines = str(error).strip().splitlines() or [""]
    said = _CREDENTIALS.sub(r"\1", lines[0].removeprefix("models: ").removeprefix(f"{model}: "))[:MOST_CHARS]
    plain = isinstance(error, (KinorayError, ValueError)) and said
    return f"{model}: {said if plain else f'{type(error).__name__}: {said}'}"


def is_final(error: Exception) -> bool:
    """Whether the same start would fail again: not where it was the network, the store or another deployment."""
    passing = isinstance(error, (RetryLater, ConnectionError, TimeoutError, asyncio.TimeoutError))
    return not passing and type(error).__module__.partition(".")[0] not in _PASSING
