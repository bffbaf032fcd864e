"""A model that speaks one sentence at a time comes in; a whole text is spoken, with pauses between its sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.errors import GenerationError, InvalidRequest
from app.types.storyboard import SpokenWord
from app.voice.silence import trimmed
from app.voice.voice import Speech
from app.voice.words import moved, spread

_PAUSE_S: Final = 0.35


def spoken(parts: Sequence[str], say: Callable[[str], Speech], longest_s: float) -> Speech:
    """All `parts` one after another. Words of parts that `say` tells nothing of are spread over these.

    Raises:
        InvalidRequest: together they last longer than `longest_s`.
        GenerationError: the model gave what is no sound.
    """
    sound: list[NDArray[np.float32]] = []
    words: list[SpokenWord] = []
    measured = True
    rate, samples = 0, 0
    for part in parts:
        said = say(part)
        if not np.isfinite(said.samples).all():
            raise GenerationError("The voice's model gave samples that are no numbers.", "narration")
        said = trimmed(said)
        rate, start_s = said.rate, samples / said.rate
        measured = measured and bool(said.words)
        heard = said.words or spread(part, 0.0, said.seconds)
        words += moved(heard, start_s, start_s + said.seconds)
        pause = np.zeros(round(_PAUSE_S * rate), np.float32)
        sound += [said.samples, pause]
        samples += len(said.samples) + len(pause)
        if samples > longest_s * rate:
            raise InvalidRequest(f"It takes longer to say than {longest_s:g} s.", "narration")
    return Speech(np.concatenate(sound[:-1]), rate, tuple(words), measured)
