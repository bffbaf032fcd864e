"""Has a process's loggers write: ours at their level, libraries' warnings, and what ends a thread, in our lines."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TextIO

from app.logs.context import private, words
from app.logs.hiding import Hiding
from app.logs.lines import LineFormatter
from app.settings import Settings
from app.settings.secrets import secrets_of

OURS = ("app", "deployments", "cluster", "benchmarks", "kinoray")
log = logging.getLogger(__name__)


class InContext(logging.Filter):
    """Gives each record what its task says beside it: handlers may write it later, when another task is at hand."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "context"):
            record.context, record.private = dict(words()), private()
            # What stands in our code is said as it is; what is put in comes from elsewhere.
            record.literal = not record.args and record.name.partition(".")[0] in OURS
        return True


def formatter_of(settings: Settings, process: dict[str, object], terminal: bool = False) -> LineFormatter:
    """How this process writes, of which `process` is said. `terminal`: people read it, unless the settings say JSON."""
    form = settings.log_format or ("console" if terminal else "json")
    return LineFormatter(form, process, Hiding(secrets_of(settings)), settings.log_prompts)


def listen(handler: logging.Handler, level: str) -> None:
    """From here on this process's lines go to `handler`: ours from `level` on, others' from WARNING on."""
    handler.addFilter(InContext())
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = _thread_ended


def log_to_stream(settings: Settings, process: dict[str, object], stream: TextIO | None = None) -> None:
    """For a process that no Serve runs: to standard error, for people where that is a terminal."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter_of(settings, process, terminal=stream.isatty()))
    listen(handler, settings.log_level)


def _thread_ended(told: threading.ExceptHookArgs) -> None:
    """A thread's last words, which Python would write to standard error alone."""
    if told.exc_type is SystemExit:
        return
    name = told.thread.name if told.thread else "?"
    error = told.exc_value or told.exc_type()
    log.critical("The thread %s has died: %s", name, error, exc_info=(told.exc_type, error, told.exc_traceback))
