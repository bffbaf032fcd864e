"""espeak-ng says what is written, in the language asked for, and tells when."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from app.errors import InvalidRequest
from app.types.storyboard import Narrator
from app.voice.espeak.espeak import EspeakVoice
from app.voice.espeak.process import EspeakProcess
from tests.voice.recogniser import features, recognised

FOX = "The quick brown fox jumps over the lazy dog, and then it sleeps in the warm sun for an hour."
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SENTENCES = {
    "de": "Der schnelle braune Fuchs springt über den faulen Hund.",
    "pt-BR": "A raposa marrom rápida pula sobre o cachorro preguiçoso.",
    "ru": "Съешь ещё этих мягких французских булок.",
    "ar": "مرحبا بالعالم، كيف حالك اليوم؟",
    "he": "שלום עולם, מה שלומך היום?",
    "hi": "नमस्ते दुनिया, आप कैसे हैं?",
    "ko": "안녕하세요 세계, 오늘 어떻게 지내세요?",
    "zh-TW": "你好世界，今天天氣很好。",
    "ja": "こんにちは、せかい。",
    "th": "สวัสดีชาวโลก",
    "el": "Καλημέρα κόσμε, τι κάνεις;",
}


def test_words_cut_out_of_speech_by_their_times_are_recognised_by_how_another_speaker_says_them(
    espeak: EspeakVoice,
) -> None:
    known = {word: features((said := espeak.speak(word, Narrator(speed=0.9))).samples, said.rate) for word in DIGITS}
    order = ("three", "eight", "zero", "six", "one", "nine", "two", "seven", "four", "five")
    speech = espeak.speak(", ".join(order), Narrator(voice="+m3"))
    pieces = [speech.samples[int(w.start_s * speech.rate) : int(w.end_s * speech.rate)] for w in speech.words]
    heard = [recognised(piece, speech.rate, known) for piece in pieces]
    assert sum(a == b for a, b in zip(heard, order, strict=True)) >= 9


def test_speech_is_as_long_as_people_take_and_has_its_energy_where_speech_has_it(espeak: EspeakVoice) -> None:
    speech = espeak.speak(FOX, Narrator())
    assert 110 <= len(FOX.split()) / speech.seconds * 60 <= 240  # words a minute
    frequencies, power = welch(speech.samples, speech.rate, nperseg=1024)
    assert power[(frequencies > 100) & (frequencies < 4000)].sum() > 0.9 * power.sum()
    assert np.abs(speech.samples).max() > 0.1


def test_every_word_has_its_time_and_sounds_then(espeak: EspeakVoice) -> None:
    speech = espeak.speak(FOX, Narrator())
    assert [word.text for word in speech.words] == FOX.split()
    starts = [word.start_s for word in speech.words]
    assert starts == sorted(starts)
    assert len(set(starts)) == len(starts)
    for word in speech.words:
        sound = speech.samples[int(word.start_s * speech.rate) : int(word.end_s * speech.rate)]
        assert np.abs(sound).max() > 0.02, word


@pytest.mark.parametrize("language", SENTENCES)
def test_other_languages_and_scripts_are_spoken_with_their_words(espeak: EspeakVoice, language: str) -> None:
    speech = espeak.speak(SENTENCES[language], Narrator(language=language))
    assert 0.5 < speech.seconds < 10
    assert "".join(word.text for word in speech.words) == "".join(SENTENCES[language].split())
    assert len({word.start_s for word in speech.words}) == len(speech.words)


def test_the_same_letters_sound_otherwise_in_another_language(espeak: EspeakVoice) -> None:
    one, other = (espeak.phonemes(["Die Nation"], language)[0] for language in ("en", "de"))
    assert one != other
    ours, theirs = (espeak.speak("Die Nation", Narrator(language=each)).samples for each in ("en", "de"))
    assert ours.tobytes() != theirs.tobytes()


def test_the_same_text_has_the_same_bits_whatever_was_spoken_before(espeak: EspeakVoice) -> None:
    first = espeak.speak(FOX, Narrator())
    espeak.speak("Something else, loud!", Narrator(voice="whisper"))
    again = espeak.speak(FOX, Narrator())
    assert first.samples.tobytes() == again.samples.tobytes()
    assert first.words == again.words


def test_speed_is_heard_in_the_length(espeak: EspeakVoice) -> None:
    slow, usual, fast = (espeak.speak(FOX, Narrator(speed=speed)).seconds for speed in (0.5, 1.0, 2.0))
    assert 1.6 < slow / usual < 2.4
    assert 1.5 < usual / fast < 2.4


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<speak>hello<break time='900s'/>there</speak>", None),
        ("hello &lt;there&gt;", None),
        ("\x0120S hello there", "20S hello there"),  # a command to some synthesisers
        ("[[h@l'oU]] there", None),
        ("hel\u202elo \x00there\ud800", "hello there"),
    ],
)
def test_markup_and_commands_in_a_text_are_not_obeyed(espeak: EspeakVoice, text: str, plain: str | None) -> None:
    speech = espeak.speak(text, Narrator())
    assert speech.seconds < 10
    if plain:
        assert speech.samples.tobytes() == espeak.speak(plain, Narrator()).samples.tobytes()


@pytest.mark.parametrize(
    ("text", "narrator", "param"),
    [
        ("", Narrator(), "narration"),
        ("🎬🔥 …!? \x07\u200b", Narrator(), "narration"),
        ("x" * 5001, Narrator(), "narration"),
        ("A.B." * 1250, Narrator(), "narration"),
        ("今天天气很好", Narrator(), "language"),
        ("日本語", Narrator(language="ja"), "language"),  # it reads kana alone
        ("Привет, мир", Narrator(language="de"), "language"),
        ("hello", Narrator(language="klingonese"), "language"),
        ("hello", Narrator(voice="alloy"), "voice"),
        ("hello", Narrator(voice="en+../../../../etc/passwd"), "voice"),
        ("hello", Narrator(speed=0.4), "speed"),
        ("hello", Narrator(speed=float("nan")), "speed"),
    ],
)
def test_what_cannot_be_spoken_is_refused_before_and_names_the_field(
    espeak: EspeakVoice, text: str, narrator: Narrator, param: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        espeak.check(text, narrator)
    assert refusal.value.param == param
    with pytest.raises(InvalidRequest):
        espeak.speak(text, narrator)


def test_speech_that_is_too_long_is_broken_off(process: EspeakProcess) -> None:
    with pytest.raises(InvalidRequest, match="longer to say than 3 s"):
        EspeakVoice(process, 5000, 3.0).speak(FOX, Narrator())
