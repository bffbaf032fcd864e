"""Where pictures of strangers are decoded: one at a time for a tenant, few in all, and the memory is given back."""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import anyio

from app.errors import Overloaded

T = TypeVar("T")

AT_ONCE: Final = 2  # in one process: each may take 160 MB for a second
MOST_WAITING: Final = 64
MOST_WAITING_OF_TENANT: Final = 32
RETRY_AFTER_S: Final = 2.0


class Decoding:
    """A queue of work on pictures, in threads of its own."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._threads = ThreadPoolExecutor(at_once, "pictures")  # they start when they are needed
        self._seats = anyio.Semaphore(at_once)
        self._turns: dict[str, anyio.Lock] = {}
        self._there: Counter[str] = Counter()

    async def run(self, tenant: str, work: Callable[[], T]) -> T:
        """What `work` returns or raises, when it is the tenant's turn.

        Work that has begun is done to its end even if nobody waits for it any more, and keeps its place until then.
        Raises Overloaded when too much of it waits already.
        """
        if self._there[tenant] >= MOST_WAITING_OF_TENANT or self._there.total() >= MOST_WAITING:
            raise Overloaded(
                "Too many pictures are being looked at: ask again in a moment.", retry_after_s=RETRY_AFTER_S
            )
        self._there[tenant] += 1
        turn = self._turns.setdefault(tenant, anyio.Lock())
        task = asyncio.ensure_future(self._in_turn(turn, work))
        task.add_done_callback(lambda done: self._leave(tenant, done))
        return await asyncio.shield(task)

    async def _in_turn(self, turn: anyio.Lock, work: Callable[[], T]) -> T:
        async with turn, self._seats:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _trimmed, work)

    def _leave(self, tenant: str, done: asyncio.Future[T]) -> None:
        if not done.cancelled():
            done.exception()  # it is told to who waits; who has left misses nothing
        self._there[tenant] -= 1
        if not self._there[tenant]:
            del self._there[tenant], self._turns[tenant]


def _trimmed(work: Callable[[], T]) -> T:
    """Do it, and give the memory that it took back to the system: the allocator would keep it for this thread."""
    try:
        return work()
    finally:
        give_back()


def give_back() -> None:
    """Return to the system what the C library keeps of freed memory; nothing where it is not the GNU one."""
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


_libc = ctypes.CDLL(ctypes.util.find_library("c"))
