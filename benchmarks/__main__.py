"""Runs the benchmarks against a real Kinoray on this machine and writes `benchmarks/results/*.json`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from app.settings import Settings
from benchmarks import main_job
from benchmarks.machine import facts, memory_bytes
from cluster.local import LocalService

RESULTS = Path(__file__).parent / "results"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="pairs of served and bare jobs")
    parser.add_argument("--repeats", type=int, default=200, help="exact repeats timed")
    options = parser.parse_args()
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    console = Console()
    with tempfile.TemporaryDirectory() as state:
        service = LocalService(Settings(state_dir=Path(state), port=free_port(), redis_url=None))
        started = time.monotonic()
        service.start()
        start_up_s = time.monotonic() - started
        try:
            time.sleep(5)
            idle_bytes = memory_bytes()
            measured = asyncio.run(main_job.measure(service.url, options.runs, options.repeats, console))
        finally:
            service.stop()
    figures: dict[str, Any] = {"start_up_s": round(start_up_s, 1), "idle_memory_gib": round(idle_bytes / 2**30, 2)}
    write("main_job", {**figures, **measured}, console)


def write(name: str, figures: dict[str, Any], console: Console) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": facts(), "figures": figures}, indent=2) + "\n")
    console.print_json(data=figures)
    console.print(f"[dim]{path}[/dim]")


if __name__ == "__main__":
    main()
