from pathlib import Path

import pytest
import torch

from app.embedded.text import TextEncoder, TextEncoderMissing, verify


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load()


def test_a_prompt_encodes_the_same_alone_and_among_longer_ones(encoder: TextEncoder) -> None:
    alone = encoder.tokens(["a red ball"])
    among = encoder.tokens(["a big blue star spins while a small white box falls, sky blue backdrop", "a red ball"])
    assert alone.shape == (1, 48, 384)
    torch.testing.assert_close(alone[0], among[1], atol=1e-4, rtol=1e-4)


def test_tokens_after_the_prompt_are_zero(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["a red ball", ""])
    assert tokens[0, 5:].abs().max() == 0  # [CLS] a red ball [SEP]
    assert tokens[1, 2:].abs().max() == 0


def test_the_hastened_encoder_says_the_same_of_sentences(encoder: TextEncoder) -> None:
    said = ["", "a red ball", "two shapes: a blue star falls and a green ring spins, at night, cinematic, film grain"]
    alike = (TextEncoder.load().hasten().sentences(said) * encoder.sentences(said)).sum(-1)
    assert (alike > 0.9995).all()


def test_sentences_of_like_meaning_are_near(encoder: TextEncoder) -> None:
    red, crimson, blue = encoder.sentences(
        ["a red ball rolls right", "a crimson sphere rolls to the right", "a blue star falls at night"]
    )
    assert red.norm() == pytest.approx(1, abs=1e-4)
    assert red @ crimson > red @ blue


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(TextEncoderMissing, match="SHA-256"):
        verify(tmp_path / "model.safetensors")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(TextEncoderMissing, match="missing"):
        verify(tmp_path / "model.safetensors")
