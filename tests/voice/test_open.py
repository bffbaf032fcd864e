"""The settings decide which voice there is, and without one narrations are refused in words that help."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.errors import NotSupported
from app.settings import Settings
from app.types.storyboard import Narrator
from app.voice import open as opening
from app.voice.espeak.espeak import EspeakVoice
from app.voice.none import NoVoice
from app.voice.open import kind_of, open_voice


def test_without_a_word_what_is_installed_speaks() -> None:
    assert isinstance(open_voice(Settings()), EspeakVoice)


def test_a_model_that_is_named_comes_before_espeak() -> None:
    assert kind_of(Settings(voice_model=Path("folder"))) == "transformers"
    assert kind_of(Settings(voice_model=Path("a.onnx"), voice_styles=Path("b.bin"))) == "kokoro"
    assert kind_of(Settings(voice="espeak", voice_model=Path("folder"))) == "espeak"


def test_where_nothing_is_installed_there_is_no_voice_but_a_word_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    voice = open_voice(Settings())
    assert isinstance(voice, NoVoice)
    assert voice.voices() == ()
    for call in (voice.check, voice.speak):
        with pytest.raises(NotSupported, match=r"pip install 'kinoray\[voice\]'") as refusal:
            call("Hello", Narrator())
        assert (refusal.value.error_code, refusal.value.param) == ("not_supported", "narration")
    with pytest.raises(NotSupported, match="not installed"):
        open_voice(Settings(voice="espeak"))


def test_no_voice_is_a_voice_too() -> None:
    assert isinstance(open_voice(Settings(voice="none")), NoVoice)


def test_without_the_meter_a_voice_that_was_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_METER", "no_such_package")
    with pytest.raises(NotSupported, match="kinoray"):
        open_voice(Settings(voice="espeak"))
    assert isinstance(open_voice(Settings()), NoVoice)


@pytest.mark.parametrize(
    "given",
    [
        {"voice": "kokoro"},
        {"voice": "kokoro", "voice_model": "a.onnx"},
        {"voice": "transformers"},
        {"voice_styles": "b.bin"},
        {"voice": "siri"},
        {"narration_lufs": 0.0},
        {"narration_max_characters": 0},
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**given)


@pytest.mark.parametrize("given", [{"voice": "transformers"}, {"voice": "kokoro", "voice_styles": "/nowhere/b.bin"}])
def test_a_model_that_is_not_there_is_told_at_the_start(given: dict[str, Any]) -> None:
    pytest.importorskip("kokoro_onnx")
    with pytest.raises(NotSupported):
        open_voice(Settings(voice_model=Path("/nowhere/at/all"), **given))
