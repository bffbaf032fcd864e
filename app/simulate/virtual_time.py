"""An event loop on virtual time: whoever waits is woken at once, in the order of the seconds that nobody spends.

One thread, no I/O, no other clock: so a run is decided by what it is given, and the same again with the same. Each
callback belongs to a process of the simulation, by its context; those of one that is frozen lie until it is thawed.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")

RESOLUTION_S = 1e-9
MOST_TASKS = 128


class Stalled(RuntimeError):
    """Everybody waits, and nobody is ever to be woken."""


class VirtualProcess:
    """Whose callbacks can be held back, and whose tasks can be ended, as an operating system does with a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frozen = False
        self.alive = True
        self.doomed = False  # dead, or about to be: whatever it calls has to look
        self._held: list[asyncio.Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._most = MOST_TASKS  # of these; then those that have ended are let go

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those that have not ended, in the order of their begin."""
        self._tasks = [task for task in self._tasks if not task.done()]
        return self._tasks

    def began(self, task: asyncio.Task[Any]) -> None:
        """A task of it has begun."""
        self._tasks.append(task)
        if len(self._tasks) > self._most:
            self._most = MOST_TASKS + 2 * len(self.tasks)

    def hold(self, handle: asyncio.Handle) -> None:
        """Keep a callback that came while the process is frozen."""
        self._held.append(handle)

    def take_held(self) -> list[asyncio.Handle]:
        """What came meanwhile, in order."""
        held, self._held = self._held, []
        return held


_process: contextvars.ContextVar[VirtualProcess | None] = contextvars.ContextVar("virtual process", default=None)


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Let the others have their turn: as `asyncio.sleep(0)`, which a simulated store does at many of its calls."""
    yield


@types.coroutine
def sleep(loop: VirtualLoop, seconds: float) -> Generator[Any, None, None]:
    """As `asyncio.sleep`, which looks for the loop and cancels what is over: half of all callbacks come of it."""
    awake: asyncio.Future[None] = loop.create_future()
    handle = loop.call_at(loop.now + seconds, _wake, awake)
    try:
        yield from awake
    except BaseException:
        handle.cancel()
        raise


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class _Handle(asyncio.Handle):
    """As its base, with what a loop that is never debugged asks of it, since there is one for each callback."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, context: contextvars.Context) -> None:
        self._context = context
        self._callback = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        """It will not be called."""
        self._cancelled = True
        self._callback = self._args = None  # type: ignore[assignment]

    __repr__ = object.__repr__


class _TimerHandle(_Handle, asyncio.TimerHandle):
    """The same of one that has its time."""

    __slots__ = ()

    def __init__(self, when: float, callback: Any, args: Any, context: contextvars.Context) -> None:
        self._context = context
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._when = when


class VirtualLoop(asyncio.BaseEventLoop):
    """Its seconds begin at 0 and go by only while everybody waits. `run_in_executor` works at once, in this thread."""

    _ready: deque[Any]  # this is the base class's, and holds handles
    _stopping: bool
    get_debug = staticmethod(bool)  # False; asked for with each future and task

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._timers: list[tuple[float, int, _TimerHandle]] = []  # a heap; equal times in the order they came
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]
        self._numbers = itertools.count()
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
        if context is None:
            context = copy_context()
        if context.get(_process) is not process:
            context.run(_process.set, process)
        task: asyncio.Task[T] = _task_in(context, coro, self, None if name is None else str(name))
        if process is not None:
            process.began(task)
            if not process.alive:
                task.cancel()
        return task

    # Typeshed ties the arguments of these to their callbacks.
    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """As the base class, in less time."""
        handle = _Handle(callback, args, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there is one thread

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """As the base class; what is due at the same time comes in the order of these calls."""
        handle = _TimerHandle(when, callback, args, copy_context() if context is None else context)
        heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """As the base class."""
        when = self.now + delay
        handle = _TimerHandle(when, callback, args, copy_context() if context is None else context)
        heappush(self._timers, (when, next(self._numbers), handle))
        return handle

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
        process.alive, process.doomed = False, True
        self.thaw(process)
        for task in list(process.tasks):
            task.cancel()

    def close(self) -> None:
        """End all tasks that are left."""
        if self.is_running() or self.is_closed():
            return
        self._ready.clear()
        self._timers.clear()
        super().close()

    # What BaseEventLoop asks of those who have real selectors

    def _run_once(self) -> None:
        """Everything, until the loop is stopped."""
        ready, timers = self._ready, self._timers
        while True:
            if not ready and not self._stopping:
                self._wait()
            end = self.now + RESOLUTION_S
            while timers and timers[0][0] < end:
                ready.append(heappop(timers)[2])
            self._run(ready, len(ready))
            self.running_process = None
            if self._stopping:
                return

    def _run(self, ready: deque[Any], count: int) -> None:
        """So many of them; what they add has its turn with the next."""
        take, whose = ready.popleft, _process
        for _ in range(count):
            handle = take()
            if handle._cancelled:
                continue
            context = handle._context
            self.running_process = process = context.get(whose)
            if process is not None and process.frozen:
                process.hold(handle)
                continue
            try:
                context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - as the base class: it is told, and the loop goes on
                self.call_exception_handler({"message": "A callback failed.", "exception": error, "handle": handle})

    def _wait(self) -> None:
        """Until the next that is due; nothing comes from outside."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        if not timers:
            raise Stalled(f"Nobody is to be woken any more, {self.now:.3f} s in.")
        when = timers[0][0]
        if when > self.now:
            self.now = when

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """They are passed over when their time has come."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""


if sys.version_info >= (3, 11):

    def _task_in(context: contextvars.Context, coro: Any, loop: VirtualLoop, name: str | None) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=loop, name=name, context=context)

else:

    def _task_in(context: contextvars.Context, coro: Any, loop: VirtualLoop, name: str | None) -> asyncio.Task[Any]:
        return context.run(asyncio.Task, coro, loop=loop, name=name)  # it copies the context that it is made in


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
