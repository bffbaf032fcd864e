"""One narration: text and narrator come in, a sound file of even loudness goes out, with the times of its words."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Final

from app.errors import InvalidRequest
from app.types.storyboard import Narrator, SpokenWord
from app.voice.flac import encoded
from app.voice.loudness import normalised
from app.voice.silence import is_silent, trimmed, without_pauses
from app.voice.text import cleaned
from app.voice.voice import Voice
from app.voice.words import spread

_SCHEMA: Final = 1  # of what happens to speech on its way into the file: counts up when that changes


@dataclass(frozen=True, slots=True)
class Narrated:
    """A narration that was made.

    `words`: joined without blanks they are the cleaned narration without blanks. `measured`: their times come from the
    voice, and are not spread by length.
    """

    flac: bytes  # mono, 16 bits, of the voice's own rate
    seconds: float
    words: tuple[SpokenWord, ...]
    measured: bool


def narrate(voice: Voice, text: str, narrator: Narrator, lufs: float) -> Narrated:
    """Speak `text`, without silence at its ends, at `lufs`. It blocks.

    Raises:
        InvalidRequest: it cannot be spoken so; `param` is `narration`, `voice`, `language` or `speed`.
        NotSupported: there is no voice.
        GenerationError: the voice failed.
    """
    spoken = voice.speak(text, narrator)
    if is_silent(spoken.samples):
        raise InvalidRequest("The voice has nothing to say for it: perhaps it is of another language.", "narration")
    speech = trimmed(spoken)
    if not speech.words:
        speech = replace(speech, words=spread(cleaned(text), 0.0, speech.seconds), measured=False)
    samples = normalised(speech.samples, speech.rate, lufs)
    return Narrated(encoded(samples, speech.rate), speech.seconds, without_pauses(speech), speech.measured)


def narration_key(voice: Voice, tenant: str, text: str, narrator: Narrator, lufs: float) -> str:
    """SHA-256 (hex) of all that decides what `narrate` makes, and of whose it is."""
    facts = {
        "schema": _SCHEMA,
        "tenant": tenant,
        "text": cleaned(text),
        "voice": narrator.voice,
        "language": narrator.language,
        "speed": float(narrator.speed),
        "mark": voice.mark,
        "lufs": float(lufs),
    }
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
