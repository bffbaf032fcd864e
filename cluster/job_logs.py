"""`kinoray logs`: the lines about a job, or about a request and the jobs that it made, wherever they were written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson

from app.logs.read import Line, in_order, job_of, lines_with, shown
from cluster.log_files import Logs, NoLogs, found_logs

LOOK_S = 1.0


def collect(logs: Logs, word: str) -> list[Line]:
    """All lines about the id, in the order of time. Raises NoLogs."""
    found = _read(logs.files(), frozenset({word}))
    if job_of(word):
        return in_order(found)
    jobs = frozenset().union(*(line.jobs for line in found))
    return in_order([*found, *_read(logs.files(), jobs)] if jobs else found)


def follow(logs: Logs, word: str, tell: Callable[[Line], None], sleep: Callable[[float], None] = time.sleep) -> None:
    """Tell what there is, then what comes, until all the jobs that it is about have ended. Raises NoLogs."""
    told = collect(logs, word)
    for line in told:
        tell(line)
    seen = {_key(line) for line in told}
    jobs = frozenset({word}) if job_of(word) else frozenset().union(*(line.jobs for line in told))
    ended = _ended(told)
    while not jobs or not jobs <= ended:
        sleep(LOOK_S)
        for line in in_order(_read(logs.news(), frozenset({word}) | jobs)):
            if _key(line) not in seen:
                seen.add(_key(line))
                tell(line)
                ended |= _ended([line])
                jobs |= line.jobs if not job_of(word) else frozenset()


def show(word: str, follows: bool, as_json: bool, folder: Path | None, address: str | None) -> int:
    """What `kinoray logs` runs; the exit status, 1 when there is nothing."""
    told = 0

    def tell(line: Line) -> None:
        nonlocal told
        told += 1
        print(orjson.dumps(line.said).decode() if as_json else shown(line), flush=True)  # noqa: T201

    try:
        logs = found_logs(folder, address, os.environ)
        if follows:
            follow(logs, word, tell)
        else:
            for line in collect(logs, word):
                tell(line)
    except NoLogs as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        return 130
    if not told:
        raise SystemExit(f"No line about {word} in {logs.where}. Its lines may have been put aside, or be elsewhere.")
    return 0


def _read(files: Iterable[Iterable[str]], words: frozenset[str]) -> list[Line]:
    return [line for texts in files for line in lines_with(texts, words)]


def _ended(lines: Iterable[Line]) -> frozenset[str]:
    return frozenset().union(*(line.jobs for line in lines if line.ends))


def _key(line: Line) -> tuple[float, str]:
    return line.at, str(line.said.get("message"))
