"""What crashes espeak-ng or takes too long ends a process of its own, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.errors import GenerationError, InvalidRequest, TimedOut
from app.types.storyboard import Narrator
from app.voice.espeak.espeak import EspeakVoice
from app.voice.espeak.process import EspeakProcess


def order(text: str, **changes: Any) -> dict[str, Any]:
    return {"voice": "gmw/en-US", "text": text, "words_a_minute": 175, "longest_s": 600.0} | changes


def test_a_text_that_smashes_the_librarys_stack_is_refused_and_the_next_is_spoken(process: EspeakProcess) -> None:
    with pytest.raises(InvalidRequest, match="crashes") as refusal:
        process.ask(order("A.B." * 1250))  # no such text gets through `checked`
    assert refusal.value.param == "narration"
    assert len(process.ask(order("Hello")).sound) > 10_000


def test_a_text_that_takes_too_long_is_given_up(process: EspeakProcess) -> None:
    with pytest.raises(TimedOut):
        replace(process, timeout_s=0.001).ask(order("Hello"))


def test_a_library_that_is_broken_is_no_fault_of_the_text(process: EspeakProcess, tmp_path: Path) -> None:
    broken = tmp_path / "libespeak-ng.so"
    broken.write_bytes(b"no library")
    with pytest.raises(GenerationError, match="invalid ELF header|failed on it"):
        replace(process, library=broken).ask(order("Hello"))
    with pytest.raises(GenerationError, match="no voice"):
        process.ask(order("Hello", voice="gmw/nowhere"))


@pytest.mark.parametrize(
    "text",
    [
        "9" * 200,
        "日" * 2000,
        "1," * 100 + "\n\n" + "((" * 100,
        "\u00e1" + "\u0301" * 190,
        "%s%n" * 50,
        ("W" * 199 + " ") * 20,
        "ﷺ 𝔄𝔅 Ⅷ ① ½ x² ٣ क्ष 한글 ⴰ a",
    ],
)
def test_strange_texts_are_spoken_or_refused_with_every_word_in_its_place(espeak: EspeakVoice, text: str) -> None:
    language = "zh" if "日" in text else "en"
    speech = espeak.speak(text, Narrator(language=language))
    assert "".join(word.text for word in speech.words) == "".join(text.split())
    ends = [at for word in speech.words for at in (word.start_s, word.end_s)]
    assert ends == sorted(ends)
    assert ends[-1] <= speech.seconds
