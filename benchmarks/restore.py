"""What a restore costs: backups brought back after work that they know nothing of, and how many of their jobs fail.

Redis is real, and the Dispatcher with a replica is a process that is really killed; the denoiser is the fake one: what
is asked is whether records and files come together again, not how fast a device is.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.figures import spread
from cluster.redis import LocalRedis
from tests.drills.restores import Outcome, drill, row


async def measure(count: int, folder: Path, console: Console) -> dict[str, Any]:
    """So many drills, of each kind about as many. All jobs of each backup are to end well."""
    server = LocalRedis(folder / "redis")
    await asyncio.to_thread(server.start)
    outcomes: list[Outcome] = []
    took: list[float] = []
    try:
        for number in range(count):
            began = time.monotonic()
            outcomes.append(await drill(number, server.url, folder))
            took.append(time.monotonic() - began)
            console.print(f"[dim]drill {number + 1}: {row(outcomes[-1])}[/dim]")
    finally:
        await asyncio.to_thread(server.stop)
    return {
        "drills": count,
        "without_a_failed_job": {"measured": sum(not each.failed for each in outcomes), "target": count},
        "well": {"measured": sum(each.well for each in outcomes), "target": count},
        "jobs_of_backups": sum(each.of_backup for each in outcomes),
        "jobs_completed": sum(each.completed for each in outcomes),
        "completed_since_the_backup": sum(each.completed_since for each in outcomes),
        "found_in_the_store": sum(each.found for each in outcomes),
        "said_to_be_lost": sum(each.lost for each in outcomes),
        "unplayable": sum(len(each.unplayable) for each in outcomes),
        "drill_s": spread(took),
        "outcomes": [row(each) for each in outcomes],
    }
