"""The search for objects in cycles, put off while a simulation runs: it makes objects by the million, few in cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MADE = 1_000_000  # objects more than were freed, between two looks for those in cycles


@contextmanager
def seldom_collected() -> Iterator[None]:
    """A look meanwhile would go through all that is in use, again and again; what is left over goes afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(MADE, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
