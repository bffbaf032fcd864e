"""How a line is written: a log record comes in, one line of JSON or of text for people goes out, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final, Literal

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

from app.logs.context import private, words
from app.logs.hiding import Hiding, without

Format = Literal["json", "console"]
PROMPTS: Final = frozenset({"prompt", "negative_prompt", "written"})
"""Facts that a line has only where that is allowed: what people asked for."""
OWN_WORDS: Final = frozenset(
    {
        *("time", "level", "logger", "job", "jobs", "by", "attempt", "fence", "tenant", "pool", "trace", "request"),
        *("deployment", "replica", "node", "thread", "role", "model", "tier", "size", "priority", "status", "code"),
        *("phase", "cache", "holder"),
    }
)
"""Facts that we choose the values of: a prompt that happens to be one of them does not blank it."""
FIRST: Final = ("time", "level", "message", "logger", "job", "attempt", "fence")
OUR_THREADS: Final = frozenset({"engine", "encoder_0", "redis guardian"})
"""Threads that have a name of ours: others say nothing to anybody."""
_PRIVATE: Final = "_private"
_OWN_MESSAGE: Final = "_own_message"


class LineFormatter(ProcessorFormatter):
    """`process` is said by every line: deployment, replica, node. `prompts`: lines may say what people asked for."""

    def __init__(self, form: Format, process: Mapping[str, object], hiding: Hiding, prompts: bool = False) -> None:
        self._process = dict(process)
        self._hiding = hiding
        self._prompts = prompts
        render = _json if form == "json" else _for_people()
        super().__init__(processors=[self._said, structlog.processors.format_exc_info, self._unsaid, render])

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return self._hiding(super().format(record))

    def _said(self, _logger: Any, _method: str, told: EventDict) -> EventDict:
        record: logging.LogRecord = told.pop("_record")
        told.pop("_from_structlog", None)
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "message": told.pop("event"),
            "logger": record.name,
        }
        context, own = getattr(record, "context", None), getattr(record, "facts", {})
        said |= {**self._process, **(words() if context is None else context), **own, **told}
        if record.threadName in OUR_THREADS:
            said["thread"] = record.threadName
        if not self._prompts:
            said = {name: value for name, value in said.items() if name not in PROMPTS}
            said[_PRIVATE] = getattr(record, "private", None) or private()
            said[_OWN_MESSAGE] = getattr(record, "literal", False)
        return {**{name: said[name] for name in FIRST if name in said}, **said}

    @staticmethod
    def _unsaid(_logger: Any, _method: str, told: EventDict) -> EventDict:
        """Without what people asked for, whatever an error or a library has made of it."""
        texts, own = told.pop(_PRIVATE, ()), told.pop(_OWN_MESSAGE, False)
        if not texts:
            return told
        ours = OWN_WORDS | {"message"} if own else OWN_WORDS
        return {name: value if name in ours else without(value, texts) for name, value in told.items()}


def _for_people() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=False,
        sort_keys=False,
        event_key="message",
        timestamp_key="time",
    )


def _json(_logger: Any, _method: str, told: EventDict) -> str:
    return orjson.dumps(told, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
