"""What a request costs before its route does anything: the key's check and the rate limit, in processor time."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from rich.console import Console

from app.access.api_key import issued
from app.access.opening import access_on
from app.access.rate_limits import RateLimiter
from app.access.scopes import ALL
from app.redis.commands import Commands
from app.redis.connection import connect
from app.redis.rate_windows import RedisWindows
from app.settings import Settings
from app.settings.limits import Limits, RouteClass
from benchmarks.figures import at_most
from cluster.redis import LocalRedis

TARGET_MS: Final = 0.3
ADDRESS: Final = "10.1.2.3"
RATE: Final = {"per_minute": 100_000, "burst": 50_000}
LIMITS: Final = {
    "address": {"read": RATE, "submit": RATE},
    "key": {"rates": {"read": RATE, "submit": RATE}},
}
ROUNDS: Final = 9


def run(quick: bool, console: Console) -> dict[str, Any]:
    """Each in one warm process with a real Redis beside it: `both` is what the target is for."""
    with tempfile.TemporaryDirectory() as folder:
        server = LocalRedis(Path(folder))
        server.start()
        try:
            found = asyncio.run(_measured(server.url, 300 if quick else 2000))
        finally:
            server.stop()
    for name, row in found.items():
        console.print(name, row)
    return found


async def _measured(url: str, requests: int) -> dict[str, Any]:
    made = issued("bench", "acme", ALL, time.time())
    text = made.text
    settings = Settings(redis_url=SecretStr(url), limits=Limits.model_validate(LIMITS))
    redis = connect(url, 5.0)
    try:
        access = access_on(redis, settings)
        await access.keys.add(made.key)
        limiter = RateLimiter(settings.limits, RedisWindows(redis=redis, prefix="bench"), time.time)
        caller = await access.gate.enter(f"Bearer {text}", ADDRESS)

        async def check() -> None:
            await access.gate.enter(f"Bearer {text}", ADDRESS)

        def taking(route: RouteClass) -> Callable[[], Awaitable[None]]:
            async def take() -> None:
                standing = await limiter.take(caller, route)
                assert standing is not None, "there is a limit"
                assert standing.refused is None, "and it is not reached"

            return take

        def both(route: RouteClass) -> Callable[[], Awaitable[None]]:
            take = taking(route)

            async def checked_and_taken() -> None:
                await check()
                await take()

            return checked_and_taken

        commands, addresses = Commands(redis), count()

        async def first() -> None:
            await check()
            at = next(addresses)
            await limiter.take(replace(caller, address=f"10.{at // 250}.{at % 250}.1"), "submit")

        async def ping() -> None:
            await commands.call("PING")

        return {
            "key_check_ms": await _timed(check, requests),
            "limit_ms": await _timed(taking("read"), requests),
            "poll_both_ms": at_most(await _timed(both("read"), requests), TARGET_MS),
            "submit_both_ms": at_most(await _timed(both("submit"), requests), TARGET_MS),
            # Of a small limit no permits are given ahead: each request is a round trip, beside which stands a bare one.
            "both_with_a_round_trip_ms": at_most(await _timed(first, requests), TARGET_MS),
            "redis_ping_ms": await _timed(ping, requests),
        }
    finally:
        await redis.aclose()


async def _timed(call: Callable[[], Awaitable[None]], times: int) -> float:
    """Milliseconds of this process's processor for each, the median of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times // ROUNDS + 1):
            await call()
        rounds.append(1000 * (time.process_time() - began) / (times // ROUNDS + 1))
    return round(statistics.median(rounds), 4)
