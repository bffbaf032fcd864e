"""Processor time by part of a running service, from /proc: what others do on the same machine does not matter to it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_REPLICA: Final = re.compile(r"ServeReplica:(\w+):([\w-]+)|SERVE_REPLICA::(\w+)#([\w-]+)#")
_OTHERS: Final = (
    ("proxy", re.compile(r"ray::(ProxyActor|SERVE_PROXY)")),
    ("haproxy", re.compile(r"haproxy")),
    ("controller", re.compile(r"ray::(ServeController|SERVE_CONTROLLER)")),
    ("redis", re.compile(r"redis-server")),
    ("raylet", re.compile(r"raylet/raylet")),
    ("gcs", re.compile(r"gcs_server")),
    ("dashboard", re.compile(r"dashboard|ray::_|runtime_env|log_monitor|monitor\.py")),
)


class Seconds(Counter[str]):
    """Processor seconds by part."""

    def minus(self, before: Mapping[str, int]) -> dict[str, float]:
        """What has been used since."""
        return {part: self[part] - before.get(part, 0) for part in sorted(self)}


def seconds() -> Seconds:
    """Of all that this process has started, since each began: utime and stime, to a tick of 10 ms."""
    found = Seconds()
    for child in psutil.Process().children(recursive=True):
        try:
            title = Path(f"/proc/{child.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        found[part_of(title)] += (int(fields[11]) + int(fields[12])) / _TICKS  # type: ignore[assignment]
    return found


def part_of(title: str) -> str:
    """The part that a process is, by its title."""
    replica = _REPLICA.search(title)
    if replica is not None:
        return (replica[2] or replica[4]).partition("-")[0].lower()
    return next((part for part, pattern in _OTHERS if pattern.search(title)), "other")
