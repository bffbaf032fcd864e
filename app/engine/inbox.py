"""The engine's inbox: what other threads ask for lies here until the engine's thread takes it in."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from app.engine.denoiser import DeviceLost
from app.engine.sinks import Sink
from app.engine.ticket import Ticket, outcome
from app.errors import WorkerLost

T = TypeVar("T")


class Inbox:
    """New jobs, wishes to stop, and calls to be made between two steps."""

    def __init__(self) -> None:
        self.closing = False
        self.ended = False
        self._news = threading.Condition()  # guards everything here
        self._inbox: list[Ticket] = []
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._latest: dict[str, Ticket] = {}  # by job id

    # From any thread

    def hand_in(self, ticket: Ticket) -> None:
        """A new job; a former attempt of the same id is stopped.

        Raises:
            WorkerLost: the engine has ended.
        """
        with self._news:
            self._refuse_when_over()
            self._mark_stopped(ticket.job_id)
            self._latest[ticket.job_id] = ticket
            self._inbox.append(ticket)
            self._news.notify()

    def stop(self, job_id: str, sink: Sink | None = None) -> None:
        """The job, if it is here, is to leave at the next boundary; with `sink`, only the attempt which that hears."""
        with self._news:
            if sink is None or (job_id in self._latest and self._latest[job_id].sink is sink):
                self._mark_stopped(job_id)

    def change(self, job_id: str, priority: int) -> None:
        """The job, if it is here, is of that class from the next boundary on."""
        with self._news:
            if job_id in self._latest:
                self._latest[job_id].priority = priority
                self._news.notify()

    def call(self, work: Callable[[], T]) -> Future[T]:
        """Have it done on the engine's thread, between two steps.

        Raises:
            WorkerLost: the engine has ended.
        """
        future: Future[T] = Future()
        with self._news:
            self._refuse_when_over()
            self._calls.append((future, work))
            self._news.notify()
        return future

    def close(self) -> None:
        """No more jobs; those there are end at the next boundary."""
        with self._news:
            self.closing = True
            self._news.notify()

    def _refuse_when_over(self) -> None:
        if self.closing or self.ended:
            raise WorkerLost("The engine has ended.")

    def _mark_stopped(self, job_id: str) -> None:
        if job_id in self._latest:
            self._latest[job_id].stopped = True

    # From the engine's thread

    def take(self, idle: bool, rest_s: float = 0.0, linger_s: float = 0.0, most: int = 1) -> list[Ticket] | None:
        """The new jobs, after all calls are answered; an idle engine waits here, one that is held up for `rest_s`.

        An idle one to which the first job has come waits `linger_s` more for others, until there are `most`: a step
        that has begun alone is alone to its end. None: it is time to close.

        Raises:
            DeviceLost: a call found the device unusable.
        """
        with self._news:
            while idle and not (self.closing or self._inbox or self._calls):
                self._news.wait()
            if idle and self._inbox and linger_s:
                self._news.wait_for(lambda: self.closing or self._calls or len(self._inbox) >= most, linger_s)
            if rest_s and not (self.closing or self._inbox or self._calls):
                self._news.wait(rest_s)
        while not self.closing and self._calls:
            self._answer(*self._calls.popleft())
        with self._news:
            if self.closing:
                return None
            arrived, self._inbox = self._inbox, []
        return arrived

    @staticmethod
    def _answer(future: Future[Any], work: Callable[[], Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            answer = outcome(work)
        except DeviceLost as lost:
            future.set_exception(lost)
            raise
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def forget(self, ticket: Ticket) -> None:
        """The job has left the engine."""
        with self._news:
            if self._latest.get(ticket.job_id) is ticket:
                del self._latest[ticket.job_id]

    def end(self) -> list[Ticket]:
        """Take no more; calls not answered are cancelled, jobs not taken in are handed back."""
        with self._news:
            self.ended = True
            for future, _ in self._calls:
                future.cancel()
            self._calls.clear()
            unheard, self._inbox = self._inbox, []
        return unheard
