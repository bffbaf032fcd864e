"""The port to a voice: a narration comes in, a waveform goes out, with the times of its words where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.types.storyboard import Narrator, SpokenWord, VoiceName


@dataclass(frozen=True, slots=True)
class Speech:
    """What was spoken: float32 samples, mono, (N,), from -1 to 1, at `rate` per second.

    `words`: when each is heard, up to the next; empty where the voice does not tell. Not `measured`: they are spread
    over each sentence by their length, since the voice knows no more.
    """

    samples: NDArray[np.float32]
    rate: int
    words: tuple[SpokenWord, ...] = ()
    measured: bool = True

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / self.rate


class Voice(Protocol):
    """One way to speak. Calls block, and are made on worker threads; `check` is quick and loads no model."""

    @property
    def mark(self) -> str:
        """What decides its bits beside text and narrator: name, version and model; part of cache keys."""
        ...

    def voices(self) -> Sequence[str]:
        """The names that a narrator may have here."""
        ...

    def listed(self) -> Sequence[VoiceName]:
        """The same with their languages, for people; quick, as `check`."""
        ...

    def check(self, text: str, narrator: Narrator) -> None:
        """Raises InvalidRequest, whose param is `narration`, `voice`, `language` or `speed`: it cannot be spoken.

        NotSupported where there is no voice.
        """
        ...

    def speak(self, text: str, narrator: Narrator) -> Speech:
        """As it comes from the voice: not yet normalised. Raises InvalidRequest as `check`, GenerationError."""
        ...
