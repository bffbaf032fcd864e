from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from app.errors import ServiceUnavailable
from app.plan.sentences import Vectors, WordSentences
from app.plan.styles.recommend import meaning, ranked, recommend
from app.plan.styles.styles import TEMPLATES, Style

pytestmark = pytest.mark.anyio

STYLES = tuple(TEMPLATES.values())
EAST, NORTH = Style("east", "East", after="dawn"), Style("north", "North", after="snow")


def unit(*numbers: float) -> Vectors:
    row = np.array(numbers, np.float32)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def test_the_nearest_comes_first_with_its_likeness() -> None:
    found = ranked("x", unit(1, 2), [EAST, NORTH], np.stack([unit(1, 0), unit(0, 1)]))
    assert [each.style.id for each in found] == ["north", "east"]
    assert found[0].score == pytest.approx(0.8944, abs=1e-4)


def test_equal_ones_keep_their_order_and_no_more_are_named_than_asked() -> None:
    same = np.stack([unit(1, 0)] * 2)
    assert [each.style.id for each in ranked("x", unit(1, 0), [EAST, NORTH], same)] == ["east", "north"]
    assert len(ranked("x", unit(1, 0), [EAST, NORTH], same, most=1)) == 1
    assert ranked("x", unit(1, 0), [], np.zeros((0, 2), np.float32)) == ()


def test_the_reason_is_readable_and_names_shared_words() -> None:
    vectors = np.stack([unit(1, 0), unit(0, 1)])
    near, far = ranked("snow in the north", unit(0, 1), [EAST, NORTH], vectors)
    assert near.reason == (
        "The prompt is near to what North is for (likeness of meaning 1.00; both speak of north, snow)."
    )
    assert far.reason == "Nothing in the prompt points to East (likeness of meaning 0.00)."


def test_vectors_that_belong_to_other_styles_are_refused() -> None:
    with pytest.raises(ValueError, match="2 styles"):
        ranked("x", unit(1, 0), [EAST, NORTH], np.stack([unit(1, 0)]))
    with pytest.raises(ValueError, match="shapes"):
        ranked("x", unit(1, 0, 0), [EAST, NORTH], np.stack([unit(1, 0)] * 2))


def test_a_vector_that_is_no_number_is_like_nothing() -> None:
    broken = np.array([[np.nan, 0.0], [1.0, 0.0]], np.float32)
    assert [each.score for each in ranked("x", unit(1, 0), [EAST, NORTH], broken)] == [1.0, 0.0]


async def test_words_alone_are_enough_for_plain_cases() -> None:
    found = await recommend("a watch in studio light for an advertisement", STYLES, WordSentences(), most=2)
    assert found[0].style.id == "commercial"
    assert len(found) == 2


async def test_without_an_encoder_nothing_is_recommended() -> None:
    class Away:
        async def embed(self, texts: object) -> Vectors:
            raise ServiceUnavailable("The text encoder is not running.")

    with pytest.raises(ServiceUnavailable):
        await recommend("a watch", STYLES, Away())


def test_what_is_embedded_of_a_style_is_what_it_is_for() -> None:
    assert meaning(EAST) == "East. dawn"
    assert meaning(TEMPLATES["commercial"]).startswith("Commercial. A product shot")


PROMPTS = {
    "a product shot of a watch, studio light": "commercial",
    "a lone rider crosses the desert at dusk in a western film": "cinematic",
    "a watercolour of dancing koi, loose brush strokes": "artistic",
    "how photosynthesis works, explained for a school class": "educational",
    "friends film a funny dance clip with their dog": "social",
    "the quarterly results are presented to the team in a meeting room": "corporate",
}


async def test_the_real_encoder_finds_the_style_that_is_meant() -> None:
    text = pytest.importorskip("app.embedded.text")
    encoder = text.TextEncoder.load()

    class Real:
        async def embed(self, texts: Sequence[str]) -> Vectors:
            rows: Vectors = encoder.sentences(texts).numpy()
            return rows

    found = {prompt: (await recommend(prompt, STYLES, Real(), most=1))[0].style.id for prompt in PROMPTS}
    assert found == PROMPTS
