"""The voice that needs no model: espeak-ng speaks about a hundred languages and tells when each word is heard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from app.errors import InvalidRequest
from app.types.storyboard import Narrator, VoiceName
from app.voice.espeak.catalogue import Chosen, catalogue
from app.voice.espeak.process import EspeakProcess
from app.voice.espeak.scripts import check_script
from app.voice.text import checked, plain
from app.voice.voice import Speech
from app.voice.words import placed

_WORDS_A_MINUTE: Final = 175  # at speed 1
_SWITCH: Final = re.compile(r"\([a-z0-9-]+\)")  # to another language and back, within phonemes


class EspeakVoice:
    """Every text is spoken in a process of its own, so the same text has the same bits; any number at a time."""

    def __init__(self, process: EspeakProcess, most_characters: int, longest_s: float) -> None:
        """Longer texts, and longer speech, are refused."""
        self._process = process
        self._catalogue = catalogue(process.data)
        self._most_characters = most_characters
        self._longest_s = longest_s

    @property
    def mark(self) -> str:
        return f"espeak-ng {self._process.version}"

    def voices(self) -> Sequence[str]:
        """Languages, and `+variants`."""
        return self._catalogue.names()

    def listed(self) -> Sequence[VoiceName]:
        """Each language's, and the variants, which speak any."""
        return self._catalogue.listed()

    def check(self, text: str, narrator: Narrator) -> None:
        """Raises InvalidRequest."""
        self._ready(text, narrator)

    def speak(self, text: str, narrator: Narrator) -> Speech:
        """Raises InvalidRequest, TimedOut, GenerationError."""
        spoken, chosen = self._ready(text, narrator)
        answer = self._process.ask(
            {
                "voice": chosen.name,
                "text": plain(spoken),
                "words_a_minute": round(_WORDS_A_MINUTE * narrator.speed),
                "longest_s": self._longest_s,
            }
        )
        if answer.facts["longer"]:
            raise InvalidRequest(f"It takes longer to say than {self._longest_s:g} s.", "narration")
        samples = np.frombuffer(answer.sound, "<i2").astype(np.float32) / np.float32(32768.0)
        rate = int(answer.facts["rate"])
        marks = [(int(position), float(at)) for position, at in answer.facts["words"]]
        return Speech(samples, rate, placed(spoken, marks, len(samples) / rate))

    def phonemes(self, texts: Sequence[str], language: str) -> list[str]:
        """Each of `texts` in the International Phonetic Alphabet. Raises as `speak`."""
        chosen = self._catalogue.chosen(Narrator(language=language))
        said = self._process.ask({"voice": chosen.name, "texts": [plain(text) for text in texts]}).facts["phonemes"]
        return [" ".join(_SWITCH.sub("", each).split()) for each in said]

    def _ready(self, text: str, narrator: Narrator) -> tuple[str, Chosen]:
        spoken = checked(text, narrator, self._most_characters)
        chosen = self._catalogue.chosen(narrator)
        check_script(plain(spoken), chosen.language)
        return spoken, chosen
