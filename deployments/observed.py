"""Where a replica's lines and spans go: lines into Serve's file of it, in our form, Serve's own among them."""

from __future__ import annotations

import logging
import os
from functools import partial
from logging.handlers import MemoryHandler, RotatingFileHandler

import ray
from ray import serve
from ray.serve.exceptions import RayServeException

from app.logs.setup import formatter_of, listen
from app.settings import Settings
from app.tracing.setup import trace_process

SERVE = logging.getLogger("ray.serve")
NODE_CHARS = 8  # of a node's id: enough to tell nodes apart


class IntoServe(logging.Handler):
    """Hands records on to whatever handlers Serve's log has at the time, and has those write and rotate as ours do."""

    def __init__(self, formatter: logging.Formatter, most_bytes: int, files: int) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._most_bytes, self._files = most_bytes, files
        self._dressed: list[logging.Handler] = []
        self._dress()

    def emit(self, record: logging.LogRecord) -> None:
        if SERVE.handlers != self._dressed:  # a deploy has changed Serve's logging
            self._dress()
        SERVE.handle(record)

    def _dress(self) -> None:
        for handler in SERVE.handlers:
            target = handler.target if isinstance(handler, MemoryHandler) and handler.target else handler
            target.setFormatter(self.formatter)
            if isinstance(target, RotatingFileHandler):
                target.maxBytes, target.backupCount = self._most_bytes, self._files
                target.shouldRollover = partial(_full, target)  # type: ignore[method-assign]
        self._dressed = list(SERVE.handlers)


def _full(handler: RotatingFileHandler, _record: logging.LogRecord) -> bool:
    """Whether its file has reached its size. The handler's own way writes each line twice to see whether it would."""
    if handler.stream is None:
        handler.stream = handler._open()
    return 0 < handler.maxBytes <= os.fstat(handler.stream.fileno()).st_size


def observe(settings: Settings) -> None:
    """To be called first as a deployment starts; Serve has set up its own log by then. Outside of Serve: nothing."""
    try:
        here = serve.get_replica_context()
    except RayServeException:
        return
    node = ray.get_runtime_context().get_node_id()[:NODE_CHARS]
    process = {"deployment": here.deployment, "replica": here.replica_id.unique_id, "node": node}
    into = IntoServe(formatter_of(settings, process), settings.log_max_bytes, settings.log_files)
    listen(into, settings.log_level)
    SERVE.setLevel(logging.DEBUG if settings.log_level == "debug" else logging.WARNING)  # it tells of every handle
    trace_process(settings, process)
