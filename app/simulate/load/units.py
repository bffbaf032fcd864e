"""Rates, times and fleets as people write them, "0.4/s", "24h", "main=1..16", read into numbers."""

from __future__ import annotations

import re
from typing import Final

from app.simulate.load.problem import CannotSimulate

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "day": 86_400.0}
MOST_REPLICAS: Final = 100_000
MOST_S: Final = 366 * 86_400.0
_NUMBER = r"(\d+(?:\.\d+)?)\s*([kM]?)"
_TIMES = {"": 1.0, "k": 1e3, "M": 1e6}


def rate(text: str) -> float:
    """Requests per second of "0.4/s", "90/min", "1500/h" or "1M/day". Raises CannotSimulate."""
    found = re.fullmatch(rf"{_NUMBER}\s*/\s*([a-z]+)", text.strip())
    if found is None or found[3] not in SECONDS:
        raise CannotSimulate(f"--rate is a number of requests per s, min, h or day, such as 0.4/s; not {text[:40]!r}.")
    per_s = float(found[1]) * _TIMES[found[2]] / SECONDS[found[3]]
    if not 0.0 < per_s <= 10_000.0:
        raise CannotSimulate(f"--rate is above 0 and at most 10000/s; {text[:40]!r} is not.")
    return per_s


def duration(text: str, option: str) -> float:
    """Seconds of "90", "30s", "24h" or "7d". Raises CannotSimulate."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    if found is None or found[2] not in {"", *SECONDS}:
        raise CannotSimulate(f"{option} is a time such as 90s, 30m, 24h or 7d; not {text[:40]!r}.")
    seconds = float(found[1]) * SECONDS[found[2] or "s"]
    if seconds > MOST_S:
        raise CannotSimulate(f"{option} is at most 366d; {text[:40]!r} is more.")
    return seconds


def replicas(text: str) -> tuple[str, int, int]:
    """Pool, least and most of "main=1..16" or "main=4". Raises CannotSimulate."""
    found = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9_-]{0,39})=(\d{1,6})(?:\.\.(\d{1,6}))?", text.strip())
    if found is None:
        raise CannotSimulate(
            f"--replicas is a pool and how many it has, such as main=4, or may have, such as main=1..16; "
            f"not {text[:60]!r}."
        )
    least = int(found[2])
    most = least if found[3] is None else int(found[3])
    if not 0 <= least <= most or not 1 <= most <= MOST_REPLICAS:
        raise CannotSimulate(f"--replicas {text}: the least is at most the most, which is 1 to {MOST_REPLICAS}.")
    return found[1], least, most
