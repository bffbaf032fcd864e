"""Waiting for what happens in another process or thread and is told to nobody: looked at again until it holds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

LOOK_S = 0.02
WITHIN_S = 30.0

Found = TypeVar("Found")


async def until(look: Callable[[], Awaitable[Found]], within_s: float = WITHIN_S, every_s: float = LOOK_S) -> Found:
    """The first answer that is true. Raises TimeoutError."""
    with anyio.fail_after(within_s):
        while not (found := await look()):
            await anyio.sleep(every_s)
        return found


def wait_until(look: Callable[[], Found], within_s: float = WITHIN_S, every_s: float = LOOK_S) -> Found:
    """The same where nothing is async. Raises TimeoutError."""
    end = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s:g} s")
        time.sleep(every_s)
    return found
