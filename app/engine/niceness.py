"""Who gives way on a machine with too few cores: requests go first, then the making of files, then steps."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import Final

STEPS: Final = 5
"""Of the thread that steps, and those that it starts: a look at a job takes a millisecond, and waits for no step."""
FILES: Final = 3
"""Of what makes files of frames: who has all steps behind them has the least left to wait for, and goes before those
who have not; on two cores a job beside another tenant's took 1.9 s so, and 2.8 s the other way round."""
LATER: Final = 15
"""Of what nobody waits for yet."""


def give_way(niceness: int) -> None:
    """Have this thread, and those that it starts from now on, be that nice (see nice(2)); never less so than it is.

    Linux counts niceness by thread. Where the system does not, or forbids it, everything stays as it is.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):
        me = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, me, max(niceness, os.getpriority(os.PRIO_PROCESS, me)))
