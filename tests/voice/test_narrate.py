"""A narration becomes a file of even loudness, and a key that says what it was made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.errors import InvalidRequest
from app.types.storyboard import Narrator, VoiceName
from app.voice.espeak.espeak import EspeakVoice
from app.voice.flac import decoded
from app.voice.loudness import measured, true_peak
from app.voice.narrate import narrate, narration_key
from app.voice.voice import Speech

USUAL = Narrator()
TEXT = "Dr. Smith’s cat costs $12.50 — really. It sat on the mat, and looked at me."


class Untold:
    """A voice that tells nothing of its words: a tone between silences, as long as the text."""

    mark = "untold"

    def voices(self) -> tuple[str, ...]:
        return ()

    def listed(self) -> tuple[VoiceName, ...]:
        return ()

    def check(self, text: str, narrator: Narrator) -> None: ...

    def speak(self, text: str, narrator: Narrator) -> Speech:
        tone = np.sin(np.arange(len(text) * 1000) * 0.1) * 0.1 * (text != "silent")
        return Speech(np.pad(tone, 16000).astype(np.float32), 16000)


@pytest.mark.parametrize("text", [TEXT, "Hi!", "Oh? " * 40])
def test_a_narration_is_a_file_of_minus_16_lufs_with_the_times_of_its_words(espeak: EspeakVoice, text: str) -> None:
    made = narrate(espeak, text, Narrator(), -16.0)
    samples, rate = decoded(made.flac)
    assert len(samples) / rate == made.seconds
    assert measured(samples, rate) == pytest.approx(-16.0, abs=1.0)
    assert 20 * np.log10(true_peak(samples)) <= -0.9
    assert made.measured
    assert [word.text for word in made.words] == text.split()
    assert all(word.end_s > word.start_s for word in made.words)
    assert made.words[0].start_s < 0.1
    assert made.seconds - made.words[-1].end_s < 0.15


def test_the_same_narration_is_the_same_file(espeak: EspeakVoice) -> None:
    assert narrate(espeak, TEXT, Narrator(), -16.0) == narrate(espeak, TEXT, Narrator(), -16.0)


def test_a_voice_that_tells_no_times_has_its_words_spread_over_the_sound() -> None:
    made = narrate(Untold(), "One two, extraordinary three.", Narrator(), -16.0)
    assert not made.measured
    assert [word.text for word in made.words] == ["One", "two,", "extraordinary", "three."]
    assert made.seconds == pytest.approx(29 / 16 + 0.11, abs=0.02)
    assert made.words[-1].end_s == pytest.approx(made.seconds, abs=0.1)


def test_a_voice_that_says_nothing_is_told_as_a_narration_that_cannot_be_spoken() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        narrate(Untold(), "silent", Narrator(), -16.0)
    assert refusal.value.param == "narration"


def test_the_key_is_of_all_that_decides_the_file_and_of_nothing_else(espeak: EspeakVoice) -> None:
    def key(tenant: str = "a", text: str = "Zürich", narrator: Narrator = USUAL, lufs: float = -16.0) -> str:
        return narration_key(espeak, tenant, text, narrator, lufs)

    assert key() == key(text="  Zu\u0308rich\u200b ")
    assert len(key()) == 64
    others = (
        *(key(tenant="b"), key(text="zürich"), key(lufs=-23.0), narration_key(Untold(), "a", "Zürich", USUAL, -16.0)),
        *(key(narrator=replace(USUAL, **each)) for each in ({"voice": "f3"}, {"language": "de"}, {"speed": 1.1})),
    )
    assert len({key(), *others}) == 8
