"""Where the app's log goes in a replica: to Serve's own, which has its files and its format."""

from __future__ import annotations

import logging

SERVE = logging.getLogger("ray.serve")
OURS = ("app", "kinoray")


class ToServe(logging.Handler):
    """Hands records on, to whatever handlers Serve's log has at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        SERVE.handle(record)


def log_to_serve() -> None:
    """To be called as a deployment starts; Serve has set up its own log by then."""
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers = [ToServe()]
        logger.setLevel(SERVE.level)
        logger.propagate = False
