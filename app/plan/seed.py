"""A wish for a seed comes in, the seed goes out; without one it follows from what is asked, so that repeats match."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Final

from app.errors import InvalidRequest
from app.types import VideoSpec

FRESH: Final = -1
MOST: Final = 2**63 - 1


def settle(asked: int | None, subject: tuple[str, ...], spec: VideoSpec, draw: Callable[[], int]) -> int:
    """The seed of a plan.

    None: 31 bits of the SHA-256 of `subject` (model, prompt, negative prompt) and the shape. So the same request always
    gets the same video, at every tier from the same noise, and its repeats are answered by the result cache.
    -1: a fresh one from `draw`, 0..2**31-1. Otherwise the seed itself, 0..2**63-1.

    A replica hands it to a torch generator on the CPU, as those who call diffusers' pipelines do. That takes 64 bits,
    but starts from the lower 32 (a Mersenne Twister): seeds that differ only above them give the same noise.

    Raises:
        InvalidRequest: out of range.
    """
    if asked is None:
        told = json.dumps([*subject, spec.width, spec.height, spec.frames, spec.fps])
        return int.from_bytes(hashlib.sha256(told.encode()).digest()[:4], "big") >> 1
    if asked == FRESH:
        return draw()
    if not 0 <= asked <= MOST:
        raise InvalidRequest(f"seed must be 0 to {MOST}, or -1 for a fresh one.", param="seed")
    return asked
