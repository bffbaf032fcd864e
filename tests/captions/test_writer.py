"""What the caption of a scene is, by rules and by a model that may fail."""

from __future__ import annotations

import asyncio

import pytest

from app.captions.writer import MOST_CHARS, ModelCaptions, PlainCaptions, usable
from app.errors import ServiceUnavailable

pytestmark = pytest.mark.anyio


class Typist:
    """A writer that says what it is told to, fails as it is told to, and then says nothing more."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.told: list[tuple[str, str]] = []

    async def write(self, instruction: str, prompt: str) -> str:
        self.told.append((instruction, prompt))
        if not self._answers:
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def by(writer: Typist, timeout_s: float = 5.0) -> ModelCaptions:
    return ModelCaptions(writer, PlainCaptions(), timeout_s)


async def test_without_a_model_it_is_the_narration_else_the_prompt() -> None:
    plain = PlainCaptions()
    assert await plain.caption("a red panda", " He  left. ", "en") == "He left."
    assert await plain.caption("a red panda", None, "en") == "a red panda"
    assert await plain.caption("a red panda", "\u200b", "en") == "a red panda"


async def test_a_model_writes_it_and_is_asked_once() -> None:
    writer = Typist('Caption: "Ein Panda\nist müde."\n\nHope that helps!')
    captions = by(writer)
    assert [await captions.caption("a red panda", None, "de") for _ in range(2)] == 2 * ["Ein Panda ist müde."]
    ((instruction, prompt),) = writer.told
    assert ("in the language de" in instruction, prompt) == (True, "a red panda")


async def test_a_model_hears_what_is_said_where_something_is() -> None:
    writer = Typist("He left.")
    await by(writer).caption("a red panda", "And so it was that he left.", "en")
    assert writer.told[0][1] == "And so it was that he left."


@pytest.mark.parametrize("answer", [ServiceUnavailable("it failed"), "", "…", "word " * 100, "<think>he wants"])
async def test_what_cannot_be_shown_leaves_it_to_the_rules(answer: str | Exception) -> None:
    writer = Typist(answer, "Better.")
    captions = by(writer)
    assert await captions.caption("a red panda", None, "en") == "a red panda"
    assert await captions.caption("a red panda", None, "en") == "Better."  # it is asked again


async def test_a_model_that_is_too_slow_leaves_it_to_the_rules() -> None:
    assert await by(Typist(), timeout_s=0.01).caption("a red panda", None, "en") == "a red panda"


@pytest.mark.parametrize(
    ("told", "caption"),
    [
        ("<think>Hm.\n\nWell.</think>\n\nA panda.", "A panda."),
        ("«Un panda.»", "Un panda."),
        ("**A panda.**", "A panda."),
        ("A\x00 pan\u202eda.", "A panda."),
        ("subtitle: A panda.", "A panda."),
    ],
)
def test_only_the_caption_is_taken(told: str, caption: str) -> None:
    assert usable(told) == caption


def test_a_caption_of_the_most_letters_is_taken_and_a_longer_one_refused() -> None:
    assert usable("a" * MOST_CHARS) == "a" * MOST_CHARS
    with pytest.raises(ServiceUnavailable, match="too much"):
        usable("a" * (MOST_CHARS + 1))
