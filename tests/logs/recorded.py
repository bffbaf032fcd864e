"""A log of this process as its handlers would write it, to be looked at line by line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.logs.setup import OURS, formatter_of, listen
from app.settings import Settings


class Recorded:
    """What was written so far."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def about(self, job: str) -> list[str]:
        """The messages of the lines that name the job, in order."""
        return [line["message"] for line in self.lines if line.get("job") == job]


@contextmanager
def recorded(process: dict[str, object] | None = None, **settings: Any) -> Iterator[Recorded]:
    """This process's loggers write there, and afterwards to where they did before."""
    names = ["", *OURS]
    before = [(each.handlers[:], each.level, each.propagate) for each in map(logging.getLogger, names)]
    made, told = Recorded(), Settings(**settings)
    handler = logging.StreamHandler(made.stream)
    handler.setFormatter(formatter_of(told, process or {}))
    listen(handler, told.log_level)
    try:
        yield made
    finally:
        logging.captureWarnings(False)
        for name, (handlers, level, propagate) in zip(names, before, strict=True):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
