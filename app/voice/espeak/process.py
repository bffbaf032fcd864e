"""An order to espeak-ng goes into a new process, its answer comes out; a process that crashes or hangs ends alone."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from app.errors import GenerationError, InvalidRequest, NotSupported, TimedOut
from app.voice.none import INSTALL

log = logging.getLogger(__name__)

_CHILD: Final = Path(__file__).with_name("child.py")
_BY_TEXT: Final = frozenset(
    -each for each in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGXCPU)
)  # exits of a process that the text itself has brought down
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # what Python itself may need to start
_TRIES: Final = 2  # a process may also be ended by what has nothing to do with its text
PACKAGE: Final = "espeakng_loader"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the process said, and the samples (int16, little-endian) after it."""

    facts: dict[str, Any]
    sound: bytes = b""


@dataclass(frozen=True, slots=True)
class EspeakProcess:
    """Starts a process for each order."""

    library: Path
    data: Path
    version: str
    timeout_s: float

    def ask(self, order: dict[str, Any]) -> Answer:
        """Blocks.

        Raises:
            InvalidRequest: the library crashes on it.
            TimedOut, GenerationError: something else keeps it from an answer.
        """
        asked = json.dumps(order).encode()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        why = ""
        for _ in range(_TRIES):
            try:
                done = subprocess.run(
                    self._command,
                    input=asked,
                    capture_output=True,
                    timeout=self.timeout_s,
                    env=environment,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise TimedOut(f"It could not be spoken within {self.timeout_s:g} s.", "narration") from None
            if done.returncode == 0:
                facts, _, sound = done.stdout.partition(b"\n")
                return Answer(json.loads(facts), sound)
            why = f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-500:]}"
            log.warning("espeak-ng ended without an answer (%s)", why)
        if done.returncode in _BY_TEXT:
            raise InvalidRequest("espeak-ng cannot speak it: it crashes on this text.", "narration")
        raise GenerationError(f"espeak-ng failed on it ({why}).", "narration")

    @property
    def _command(self) -> list[str]:
        seconds = str(math.ceil(self.timeout_s) + 1)
        return [sys.executable, "-I", "-S", str(_CHILD), str(self.library), str(self.data), seconds]


def installed() -> bool:
    """Whether espeak-ng is here; it is not loaded."""
    return find_spec(PACKAGE) is not None


def espeak_process(timeout_s: float) -> EspeakProcess:
    """With the library and data of `espeakng-loader`. Raises NotSupported: that is not installed."""
    if not installed():
        raise NotSupported(f"espeak-ng is not installed here: {INSTALL}.", "narration")
    import espeakng_loader

    paths = Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
    return EspeakProcess(*paths, version("espeakng-loader"), timeout_s)
