"""The voice of a Kokoro model: espeak-ng turns text into phonemes in its own process, onnxruntime these into speech."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from app.errors import GenerationError, InvalidRequest, NotSupported
from app.plan.suggest import did_you_mean
from app.types.storyboard import Narrator, SpokenWord, VoiceName
from app.voice.by_sentence import spoken
from app.voice.espeak.espeak import EspeakVoice
from app.voice.languages import found
from app.voice.sentences import sentences
from app.voice.text import checked, plain, spans
from app.voice.voice import Speech
from app.voice.weights import mark_of
from app.voice.words import placed

_TAGS: Final = ("en", "en-us", "en-gb", "es", "fr", "hi", "it", "ja", "pt", "pt-br", "zh", "cmn")
_LETTERS: Final = MappingProxyType(dict(zip(_TAGS, "aabefhijppzz", strict=True)))
"""The letter with which the names of a language's voices begin."""
_SPOKEN_AS: Final = MappingProxyType({"en": "en-us", "fr": "fr-fr", "zh": "cmn"})
_LANGUAGES: Final = MappingProxyType(
    dict(each.split("=") for each in ("a=en-us", "b=en-gb", "e=es", "f=fr", "h=hi", "i=it", "j=ja", "p=pt-br", "z=zh"))
)
_USUAL: Final = ("af_heart", "bf_emma")  # the best of their language, by the model's own card
_MOST: Final = 250  # characters at once: the model takes 510 phonemes
_MARKS: Final = re.compile(r"\s*((?:[;!?¡¿—…\"()]|(?<!\d)[.,:]|[.,:](?!\d))+)\s*")  # but for those within numbers


@dataclass(frozen=True, slots=True)
class KokoroFiles:
    """The model (.onnx) and its voices (.bin or .npz)."""

    model: Path
    voices: Path


class KokoroVoice:
    """One text at a time: the model takes all the processor that there is."""

    def __init__(self, files: KokoroFiles, espeak: EspeakVoice, most_characters: int, longest_s: float) -> None:
        """Raises NotSupported: kokoro-onnx is not installed, or a file is missing."""
        if find_spec("kokoro_onnx") is None:
            raise NotSupported("Kokoro is not installed here: `pip install 'kinoray[kokoro]'`.", "narration")
        for path in (files.model, files.voices):
            if not path.is_file():
                raise NotSupported(f"The voice's file {path} is not there.", "narration")
        self.mark = f"kokoro {mark_of((files.model, files.voices))} {espeak.mark}"
        self._files = files
        self._espeak = espeak
        self._most_characters = most_characters
        self._longest_s = longest_s
        self._turn = Lock()

    def voices(self) -> Sequence[str]:
        return self._names

    def listed(self) -> Sequence[VoiceName]:
        """By the model's own naming: `af_heart` is an American woman called Heart."""
        return [
            VoiceName(name, _LANGUAGES.get(name[:1]), name.partition("_")[2].title() or name) for name in self._names
        ]

    def check(self, text: str, narrator: Narrator) -> None:
        """Raises InvalidRequest."""
        checked(text, narrator, self._most_characters)
        self._chosen(narrator)

    def speak(self, text: str, narrator: Narrator) -> Speech:
        """Raises InvalidRequest, TimedOut, GenerationError."""
        text = checked(text, narrator, self._most_characters)
        name, language = self._chosen(narrator)
        parts = sentences(text, _MOST)
        told = self._pronounced(parts, language)

        def say(part: str) -> Speech:
            return self._said(part, told[part], name, narrator.speed)

        with self._turn:
            return spoken(parts, say, self._longest_s)

    def _said(self, part: str, phonemes: str, name: str, speed: float) -> Speech:
        try:
            samples, rate, timings = self._model.create_timed(phonemes, name, speed=speed, is_phonemes=True)
        except ValueError as error:  # nothing of it is in the model's vocabulary
            raise InvalidRequest(f"The voice cannot say {part[:80]!r}.", "narration") from error
        except Exception as error:  # onnxruntime's own have no common base
            raise GenerationError(f"The voice's model failed: {error}", "narration") from error
        sound = np.asarray(samples, np.float32)
        words = _heard(part, [(each.phoneme, each.start) for each in timings], len(sound) / rate)
        return Speech(sound, int(rate), words)

    def _pronounced(self, parts: Sequence[str], language: str) -> dict[str, str]:
        """Phonemes of each part, with the marks between them that the model makes pauses of."""
        pieces = [_MARKS.split(plain(part)) for part in parts]
        texts = [each for piece in pieces for each in piece[::2]]
        told = iter(self._espeak.phonemes(texts, language))
        return {part: _assembled(piece, told) for part, piece in zip(parts, pieces, strict=True)}

    def _chosen(self, narrator: Narrator) -> tuple[str, str]:
        """The voice's name, and the language as espeak-ng calls it."""
        if narrator.voice and narrator.voice not in self._names:
            near = did_you_mean(narrator.voice, self._names)
            raise InvalidRequest(f"There is no voice {narrator.voice[:80]!r} here.{near}", "voice")
        begin = {name[0] for name in self._names}
        language = found(
            narrator.language, [tag for tag, letter in _LETTERS.items() if narrator.voice or letter in begin]
        )
        own = [name for name in self._names if name.startswith(_LETTERS[language])]
        usual = next((name for name in _USUAL if name in own), own[0] if own else "")
        return narrator.voice or usual, _SPOKEN_AS.get(language, language)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        with np.load(self._files.voices) as voices:  # never unpickles
            return tuple(sorted(voices.files))

    @cached_property
    def _model(self) -> Any:
        from kokoro_onnx import Kokoro

        try:
            return Kokoro(str(self._files.model), str(self._files.voices))
        except Exception as error:
            raise GenerationError(f"The voice's model cannot be loaded: {error}", "narration") from error


def _assembled(pieces: Sequence[str], told: Iterable[str]) -> str:
    phonemes = iter(told)
    said = [next(phonemes) if place % 2 == 0 else f"{mark} " for place, mark in enumerate(pieces)]
    return " ".join("".join(said).split())


def _heard(part: str, timings: Sequence[tuple[str, float]], seconds: float) -> tuple[SpokenWord, ...]:
    """The words by the model's own times, where it says as many as are written; else none."""
    begun: list[float] = []
    within = False
    for phoneme, at in timings:
        sounds = phoneme.isalpha()
        if sounds and not within:
            begun.append(at)
        within = sounds or (within and not phoneme.isspace())
    places = [place for place in spans(part, ()) if any(char.isalnum() for char in part[slice(*place)])]
    if len(begun) != len(places):
        return ()
    return placed(part, [(place[0], at) for place, at in zip(places, begun, strict=True)], seconds)
