"""Kokoro's own package speaks what espeak-ng makes of a text, with a model of its interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.errors import GenerationError, InvalidRequest, NotSupported
from app.types.storyboard import Narrator
from app.voice.espeak.espeak import EspeakVoice
from app.voice.kokoro import KokoroFiles, KokoroVoice
from app.voice.narrate import narrate
from tests.voice import tiny_kokoro

pytest.importorskip("kokoro_onnx", reason="needs kokoro-onnx")

NAMES = ("af_bella", "af_heart", "bm_lewis", "ff_siwis", "pf_dora")
TEXT = "Hello there, my friend. It works!"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> KokoroFiles:
    return KokoroFiles(*tiny_kokoro.save(tmp_path_factory.mktemp("kokoro"), NAMES))


@pytest.fixture(scope="module")
def voice(files: KokoroFiles, espeak: EspeakVoice) -> KokoroVoice:
    return KokoroVoice(files, espeak, 5000, 600.0)


def test_it_speaks_and_words_have_the_times_of_their_phonemes(voice: KokoroVoice) -> None:
    speech = voice.speak(TEXT, Narrator())
    assert speech.rate == 24000
    assert speech.measured
    assert [word.text for word in speech.words] == TEXT.split()
    hello, there = speech.words[:2]
    # həlˈoʊ and a blank: 7 tokens of 25 ms, less what is cut off before the first sound.
    assert hello.end_s == there.start_s == pytest.approx(7 * 0.025, abs=0.03)


def test_numbers_keep_their_marks_and_words_that_become_several_are_spread(voice: KokoroVoice) -> None:
    told = voice._pronounced(["It costs 12.5, or 1,000."], "en-us")["It costs 12.5, or 1,000."]
    assert (told.count("."), told.count(",")) == (1, 1)
    assert "pɔɪnt" in told
    assert "θˈaʊzənd" in told
    speech = voice.speak("It costs 12.5, or 1,000.", Narrator())
    assert not speech.measured
    assert [word.text for word in speech.words] == ["It", "costs", "12.5,", "or", "1,000."]


@pytest.mark.parametrize(
    ("narrator", "chosen"),
    [
        (Narrator(), ("af_heart", "en-us")),
        (Narrator(language="en-GB"), ("bm_lewis", "en-gb")),
        (Narrator(language="fr-CA"), ("ff_siwis", "fr-fr")),
        (Narrator(language="pt-PT"), ("pf_dora", "pt")),
        (Narrator(voice="ff_siwis", language="it"), ("ff_siwis", "it")),
    ],
)
def test_a_language_has_its_voice_and_its_phonemes(
    voice: KokoroVoice, narrator: Narrator, chosen: tuple[str, str]
) -> None:
    assert voice._chosen(narrator) == chosen
    assert voice.speak("Allegro", narrator).seconds > 0.1


@pytest.mark.parametrize(
    ("text", "narrator", "param"),
    [
        ("hello", Narrator(voice="af_hart"), "voice"),
        ("hello", Narrator(language="de"), "language"),
        ("hello", Narrator(language="ja"), "language"),  # there is no voice of it in the file
        ("…", Narrator(), "narration"),
        ("hello", Narrator(speed=3.0), "speed"),
    ],
)
def test_what_it_cannot_speak_is_refused(voice: KokoroVoice, text: str, narrator: Narrator, param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        voice.check(text, narrator)
    assert refusal.value.param == param
    assert narrator.voice is None or "'af_heart'" in str(refusal.value)


def test_it_becomes_the_same_narration_each_time(voice: KokoroVoice) -> None:
    assert voice.voices() == NAMES
    assert narrate(voice, TEXT, Narrator(), -16.0) == narrate(voice, TEXT, Narrator(), -16.0)


def test_a_long_text_is_spoken_in_parts(voice: KokoroVoice) -> None:
    text = "There is more to be said, and more and more of it, without an end " * 12
    speech = voice.speak(text, Narrator())
    assert [word.text for word in speech.words] == text.split()
    assert np.isfinite(speech.samples).all()


def test_files_that_are_missing_or_none_are_told(files: KokoroFiles, espeak: EspeakVoice, tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="is not there"):
        KokoroVoice(KokoroFiles(tmp_path / "nothing.onnx", files.voices), espeak, 5000, 600.0)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    other = KokoroVoice(KokoroFiles(broken, files.voices), espeak, 5000, 600.0)
    with pytest.raises(GenerationError, match="cannot be loaded"):
        other.speak("hello", Narrator())
    assert other.mark != KokoroVoice(files, espeak, 5000, 600.0).mark
