"""Lines of logs read again: files' text comes in, the lines about a job or request go out, in the order of time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

import orjson

ENDS: Final = frozenset({"completed", "cached", "failed", "cancelled", "deleted"})
"""The message of a job's last line, but for those about its webhook."""
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z")
_CONSOLE: Final = re.compile(rf"{_TIME.pattern} \[(\w+) *\] (.*?) +\[([\w.]+)\] ?(.*)", re.DOTALL)
_WORD: Final = re.compile(r"(\w+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)")
_JOB: Final = re.compile(r"video_[0-9A-Za-z]{8,64}")
_BESIDE: Final = ("time", "level", "message", "logger", "exception")


@dataclass(frozen=True, slots=True)
class Line:
    """One line, whatever form it was written in: Unix seconds, what it says, and what each word of it is."""

    at: float
    said: Mapping[str, object]

    @property
    def jobs(self) -> frozenset[str]:
        """The jobs that it is about."""
        several = self.said.get("jobs")
        named = [self.said.get("job"), *(several if isinstance(several, list) else ())]
        return frozenset(each for each in named if isinstance(each, str))

    @property
    def ends(self) -> bool:
        """Whether it is the end of a job."""
        return self.said.get("message") in ENDS

    def about(self, word: str) -> bool:
        """Whether it is about the job or request of that id, in its words or in its message."""
        return word in self.jobs or self.said.get("request") == word or word in str(self.said.get("message", ""))


def lines_with(texts: Iterable[str], words: frozenset[str]) -> Iterator[Line]:
    """The lines of a file that are about one of these ids; `texts` are its lines as they stand there.

    What follows a line for people without a time of its own, such as a traceback, belongs to it.
    """
    together: list[str] = []
    for text in texts:
        if together and not _begins(text):
            together.append(text)
            continue
        yield from _wanted("".join(together), words)
        together = [text]
    yield from _wanted("".join(together), words)


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By time; the same line found twice, as while a file is put aside, is one."""
    once = {(line.at, orjson.dumps(line.said, default=str, option=orjson.OPT_SORT_KEYS)): line for line in lines}
    return [once[key] for key in sorted(once)]


def parsed(text: str) -> Line | None:
    """A line as it stands in a file; None: it is none of ours."""
    if text.startswith("{"):
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError:  # cut off: its process died in the middle of it
            return None
        at = _unix_s(str(said.get("time", ""))) if isinstance(said, dict) else None
        return None if at is None else Line(at, said)
    match = _CONSOLE.match(text)
    at = _unix_s(f"{match[1]}Z") if match else None
    if match is None or at is None:
        return None
    words, _, traceback = match[5].partition("\n")
    said = {"time": f"{match[1]}Z", "level": match[2], "message": match[3].strip(), "logger": match[4]}
    said |= {name: value.strip("'\"") for name, value in _WORD.findall(words)}
    return Line(at, said | ({"exception": traceback.rstrip()} if traceback.strip() else {}))


def shown(line: Line) -> str:
    """A line for people: when, where, what, and the words beside; a traceback below."""
    said = line.said
    when = datetime.fromtimestamp(line.at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    where = str(said.get("deployment") or said.get("logger"))
    left_out = (*_BESIDE, "deployment", "job")
    words = " ".join(f"{name}={_plain(value)}" for name, value in said.items() if name not in left_out)
    first = f"{when} {str(said.get('level', '')):<7} {where:<14} {said.get('message')}"
    rest = f"\n{said['exception']}" if said.get("exception") else ""
    return f"{first}  {words}".rstrip() + rest


def job_of(word: str) -> bool:
    """Whether an id is that of a job, else of a request."""
    return _JOB.fullmatch(word) is not None


def _begins(text: str) -> bool:
    return text.startswith("{") or _TIME.match(text) is not None


def _wanted(text: str, words: frozenset[str]) -> Iterator[Line]:
    if any(word in text for word in words):
        line = parsed(text)
        if line is not None and any(line.about(word) for word in words):
            yield line


def _unix_s(text: str) -> float | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    return datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc).timestamp()


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
