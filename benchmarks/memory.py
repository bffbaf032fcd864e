"""Resident memory of what stands between clients and jobs: Serve's proxy and the Routers, by process title."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

TITLES = {"ray::ProxyActor": "proxy", "ray::ServeReplica:kinoray:Router": "router"}


def processes() -> Counter[str]:
    """MiB by part; several Routers are added up."""
    found = Counter[str]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().decode(errors="replace")
            part = next((part for start, part in TITLES.items() if title.startswith(start)), None)
            if part is not None:
                pages = int((folder / "statm").read_text().split()[1])
                found[part] += pages * 4096 // 2**20
        except OSError:  # it has ended meanwhile
            continue
    return found


def resident_mib() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20
