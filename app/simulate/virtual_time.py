"""An event loop on virtual time: whoever waits is woken at once, in the order of the seconds that nobody spends.

One thread, no I/O, no other clock: so a run is decided by what it is given, and the same again with the same. Each
callback belongs to a process of the simulation, by its context; those of one that is frozen lie until it is thawed.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

RESOLUTION_S = 1e-9


class Stalled(RuntimeError):
    """Everybody waits, and nobody is ever to be woken."""


class VirtualProcess:
    """Whose callbacks can be held back, and whose tasks can be ended, as an operating system does with a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frozen = False
        self.alive = True
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in the order of their begin, which a set would not keep
        self._held: list[asyncio.Handle] = []

    def hold(self, handle: asyncio.Handle) -> None:
        """Keep a callback that came while the process is frozen."""
        self._held.append(handle)

    def take_held(self) -> list[asyncio.Handle]:
        """What came meanwhile, in order."""
        held, self._held = self._held, []
        return held


_process: contextvars.ContextVar[VirtualProcess | None] = contextvars.ContextVar("virtual process", default=None)


class VirtualLoop(asyncio.BaseEventLoop):
    """Its seconds begin at 0 and go by only while everybody waits. `run_in_executor` works at once, in this thread."""

    _ready: deque[Any]  # these are the base class's, and hold its handles
    _scheduled: list[Any]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.callbacks = 0  # that have run
        self.frozen: dict[VirtualProcess, None] = {}
        self.running_process: VirtualProcess | None = None
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.now

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """The task is of the process that is running, also where its context has been made afresh."""
        process = self.running_process
        context = contextvars.copy_context() if context is None else context
        context.run(_process.set, process)
        begin: Any = asyncio.Task  # it copies the context that it is made in; Python 3.10 cannot be given one
        task: asyncio.Task[T] = context.run(begin, coro, loop=self, name=None if name is None else str(name))
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(process.tasks.pop, context=context)
            if not process.alive:
                task.cancel()
        return task

    def run_in_executor(  # type: ignore[override]  # typeshed says what a thread's arguments may be
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Do it now: a thread would come and go as it likes."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is whoever awaits it that has to know
            done.set_exception(error)
        return done

    @contextmanager
    def of(self, process: VirtualProcess | None) -> Iterator[None]:
        """What is begun within is of that process."""
        former, self.running_process = self.running_process, process
        try:
            yield
        finally:
            self.running_process = former

    def start(self, process: VirtualProcess, work: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
        """Begin a task of that process."""
        with self.of(process):
            return self.create_task(work, name=name, context=contextvars.Context())

    def freeze(self, process: VirtualProcess) -> None:
        """Nothing of it runs until `thaw`, while time goes by for everybody else."""
        process.frozen = True
        self.frozen[process] = None

    def thaw(self, process: VirtualProcess) -> None:
        """It goes on, with all that came meanwhile."""
        process.frozen = False
        self.frozen.pop(process, None)
        self._ready.extend(process.take_held())

    def kill(self, process: VirtualProcess) -> None:
        """End it where it stands. Its tasks unwind; what they would do to others is for the ports to refuse."""
        process.alive = False
        self.thaw(process)
        for task in list(process.tasks):
            task.cancel()

    def close(self) -> None:
        """End all tasks that are left."""
        if self.is_running() or self.is_closed():
            return
        self._ready.clear()
        self._scheduled.clear()
        super().close()

    # What BaseEventLoop asks of those who have real selectors

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        if not ready and not self._stopping:
            self._wait()
        end = self.now + RESOLUTION_S
        while scheduled and scheduled[0]._when < end:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(_process)
            if process is not None and process.frozen:
                process.hold(handle)
                continue
            self.running_process = process
            self.callbacks += 1
            handle._run()
        self.running_process = None

    def _wait(self) -> None:
        """Until the next that is due; nothing comes from outside."""
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
        if not scheduled:
            raise Stalled(f"Nobody is to be woken any more, {self.now:.3f} s in.")
        self.now = max(self.now, scheduled[0]._when)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """They are passed over when their time has come."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""


def run_virtually(work: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run it to its end on a loop of its own. Raises what it raises, and Stalled where it can never end."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(work(loop))
    finally:
        _end_all(loop)
        asyncio.set_event_loop(None)
        loop.close()


def _end_all(loop: VirtualLoop) -> None:
    """Cancel what is left, so that nothing is told of when it is collected."""
    for process in list(loop.frozen):
        loop.thaw(process)
    left = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=60.0))
