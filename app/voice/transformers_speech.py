"""The voice of a transformers text-to-speech model in a folder, such as VITS or one of the MMS languages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from app.errors import GenerationError, InvalidRequest, NotSupported
from app.plan.suggest import did_you_mean
from app.types.storyboard import Narrator, VoiceName
from app.voice.by_sentence import spoken
from app.voice.sentences import sentences
from app.voice.text import checked, plain
from app.voice.voice import Speech
from app.voice.weights import mark_of

_KINDS: Final = ("vits",)  # whose forward gives a waveform, and which know how to speak faster
_MOST: Final = 300  # characters at once: memory grows with their square


class TransformersVoice:
    """Speaks the language that the model was trained on; a narrator's voice is the number of one of its speakers."""

    def __init__(self, folder: Path, most_characters: int, longest_s: float) -> None:
        """Raises NotSupported: the folder holds no model that can be used here."""
        try:
            self._config: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
        except (OSError, ValueError) as error:
            raise NotSupported(f"{folder} holds no model of transformers: {error}", "narration") from error
        if self._config.get("model_type") not in _KINDS:
            kind = self._config.get("model_type")
            raise NotSupported(f"{folder} holds a model of type {kind!r}; it must be {', '.join(_KINDS)}.", "narration")
        files = sorted(each for each in folder.iterdir() if each.is_file())
        self.mark = f"transformers {self._config['model_type']} {mark_of(files)}"
        self._folder = folder
        self._most_characters = most_characters
        self._longest_s = longest_s
        self._turn = Lock()

    def voices(self) -> Sequence[str]:
        """Its speakers' numbers; empty where it has one."""
        count = int(self._config.get("num_speakers", 1))
        return tuple(map(str, range(count))) if count > 1 else ()

    def listed(self) -> Sequence[VoiceName]:
        """Its speakers, of whose languages and names such a model tells nothing."""
        return [VoiceName(number, None, number) for number in self.voices()]

    def check(self, text: str, narrator: Narrator) -> None:
        """Raises InvalidRequest."""
        checked(text, narrator, self._most_characters)
        if narrator.voice is not None and narrator.voice not in self.voices():
            near = did_you_mean(narrator.voice, self.voices())
            raise InvalidRequest(f"There is no voice {narrator.voice[:80]!r} here.{near}", "voice")

    def speak(self, text: str, narrator: Narrator) -> Speech:
        """Raises InvalidRequest, GenerationError. The same text gives the same bits on the same machine."""
        self.check(text, narrator)
        parts = sentences(checked(text, narrator, self._most_characters), _MOST)
        with self._turn:
            return spoken(parts, lambda part: self._said(part, narrator), self._longest_s)

    def _said(self, part: str, narrator: Narrator) -> Speech:
        import torch

        model, tokenizer = self._loaded
        inputs = tokenizer(plain(part), return_tensors="pt")
        # The tokenizer puts a blank between and around signs; a text of none that it knows is that blank alone.
        if int(inputs["input_ids"].shape[-1]) <= 1:
            raise InvalidRequest(f"The voice cannot say {part[:80]!r}: it knows none of its signs.", "narration")
        model.speaking_rate = float(self._config.get("speaking_rate", 1.0)) * narrator.speed
        speaker = {} if narrator.voice is None else {"speaker_id": int(narrator.voice)}
        seed = int.from_bytes(hashlib.sha256(part.encode()).digest()[:4], "big")
        try:
            with torch.random.fork_rng(devices=[]), torch.inference_mode():
                torch.manual_seed(seed)
                sound = model(**inputs, **speaker).waveform[0]
        except RuntimeError as error:
            raise GenerationError(f"The voice's model failed: {error}", "narration") from error
        return Speech(sound.float().numpy().astype(np.float32), int(model.config.sampling_rate))

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoTokenizer, VitsModel

        try:
            with torch.random.fork_rng(devices=[]):  # it draws weights before it reads them
                model = VitsModel.from_pretrained(self._folder, local_files_only=True, use_safetensors=True).eval()
            return model, AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            raise GenerationError(f"The voice's model cannot be loaded: {error}", "narration") from error
