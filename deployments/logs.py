"""Where the app's log goes in a replica: to Serve's own, which has its files and its format."""

from __future__ import annotations

import logging

OURS = ("app", "kinoray")


def log_to_serve() -> None:
    """To be called as a deployment starts; Serve has set up its own log by then."""
    serve = logging.getLogger("ray.serve")
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers = list(serve.handlers)
        logger.setLevel(serve.level)
        logger.propagate = False
