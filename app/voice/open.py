"""Settings come in, the voice of this service goes out."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from app.errors import NotSupported
from app.settings import Settings
from app.voice.espeak.espeak import EspeakVoice
from app.voice.espeak.process import espeak_process, installed
from app.voice.none import INSTALL, NoVoice
from app.voice.voice import Voice

_METER: Final = "pyloudnorm"


def open_voice(settings: Settings) -> Voice:
    """The voice that the settings name, or with `auto` what they have files for, else what is installed.

    It reads a model's files for its mark, but loads none: that is done when the first text is spoken.

    Raises:
        NotSupported: it is not installed, or its files are not there.
    """
    kind = kind_of(settings)
    if kind == "none":
        return NoVoice()
    if find_spec(_METER) is None:
        raise NotSupported(f"{_METER} is not installed here: {INSTALL}.", "narration")
    limits = settings.narration_max_characters, settings.narration_max_s
    if kind == "transformers":
        from app.voice.transformers_speech import TransformersVoice

        assert settings.voice_model is not None, "the settings see to that"
        return TransformersVoice(settings.voice_model, *limits)
    espeak = EspeakVoice(espeak_process(settings.voice_timeout_s), *limits)
    if kind == "kokoro":
        from app.voice.kokoro import KokoroFiles, KokoroVoice

        assert settings.voice_model is not None, "the settings see to that"
        assert settings.voice_styles is not None, "the settings see to that"
        return KokoroVoice(KokoroFiles(settings.voice_model, settings.voice_styles), espeak, *limits)
    return espeak


def kind_of(settings: Settings) -> str:
    """What `auto` stands for here: kokoro, transformers, espeak or none."""
    if settings.voice != "auto":
        return settings.voice
    if settings.voice_model is not None:
        return "transformers" if settings.voice_styles is None else "kokoro"
    return "espeak" if installed() and find_spec(_METER) is not None else "none"
