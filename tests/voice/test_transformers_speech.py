"""A model of transformers speaks, in the way of the real class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, VitsModel

from app.errors import GenerationError, InvalidRequest, NotSupported
from app.types.storyboard import Narrator
from app.voice.narrate import narrate
from app.voice.transformers_speech import TransformersVoice
from tests.voice import tiny_vits

TEXT = "Hello there, you. How are you?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vits")
    tiny_vits.save(path)
    return path


@pytest.fixture
def voice(folder: Path) -> TransformersVoice:
    return TransformersVoice(folder, 5000, 600.0)


def test_it_speaks_sentence_by_sentence_and_spreads_the_words_over_each(voice: TransformersVoice) -> None:
    speech = voice.speak(TEXT, Narrator(voice="1"))
    assert speech.rate == 16000
    assert not speech.measured
    assert [word.text for word in speech.words] == TEXT.split()
    assert speech.words[3].start_s - speech.words[2].end_s == pytest.approx(0.35, abs=0.001)  # between the sentences


def test_one_sentence_is_what_the_model_itself_makes_of_it(voice: TransformersVoice, folder: Path) -> None:
    model, tokenizer = VitsModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        model.noise_scale = model.noise_scale_duration = 0.0
        standard = model(**tokenizer("how are you", return_tensors="pt"), speaker_id=2).waveform[0].numpy()
    voice._loaded[0].noise_scale = voice._loaded[0].noise_scale_duration = 0.0
    ours = voice.speak("how are you", Narrator(voice="2")).samples
    assert len(ours) <= len(standard)
    lag = next(at for at in range(len(standard)) if np.array_equal(standard[at : at + len(ours)], ours))
    assert lag < 0.5 * len(standard)


def test_the_same_text_has_the_same_bits_and_others_keep_their_random_numbers(
    voice: TransformersVoice,
) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first = voice.speak(TEXT, Narrator())
    assert torch.equal(torch.rand(3), wanted)
    assert first.samples.tobytes() == voice.speak(TEXT, Narrator()).samples.tobytes()


def test_speakers_differ_and_speed_is_heard(voice: TransformersVoice) -> None:
    assert voice.voices() == ("0", "1", "2")
    one, other = (voice.speak(TEXT, Narrator(voice=name)).samples for name in ("0", "1"))
    assert one.tobytes() != other.tobytes()
    slow, fast = (voice.speak(TEXT * 4, Narrator(speed=speed)).seconds for speed in (0.5, 2.0))
    assert slow > 1.3 * fast


def test_it_becomes_a_narration(voice: TransformersVoice) -> None:
    made = narrate(voice, TEXT, Narrator(), -16.0)
    assert not made.measured
    assert [word.text for word in made.words] == TEXT.split()


@pytest.mark.parametrize(("text", "voice_name", "param"), [("你好", None, "narration"), ("hello", "9", "voice")])
def test_what_the_model_cannot_say_is_refused(
    voice: TransformersVoice, text: str, voice_name: str | None, param: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        voice.speak(text, Narrator(voice=voice_name))
    assert refusal.value.param == param


def test_its_mark_follows_the_weights(voice: TransformersVoice, folder: Path, tmp_path: Path) -> None:
    tiny_vits.save(tmp_path, speakers=1)
    other = TransformersVoice(tmp_path, 5000, 600.0)
    assert other.mark != voice.mark == TransformersVoice(folder, 1, 1.0).mark
    assert other.voices() == ()


def test_other_models_and_broken_ones_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="holds no model"):
        TransformersVoice(tmp_path, 5000, 600.0)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(NotSupported, match="'bert'"):
        TransformersVoice(tmp_path, 5000, 600.0)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vits"}))
    with pytest.raises(GenerationError, match="cannot be loaded"):
        TransformersVoice(tmp_path, 5000, 600.0).speak("hello", Narrator())
