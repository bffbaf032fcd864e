"""Requests that want a better prompt, by rules and by a model that may fail."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import InvalidRequest, ServiceUnavailable
from app.models.vocabularies import worlds
from app.plan.prompt.enhance import Enhancer, ModelEnhancer, RuleEnhancer, enhanced, instruction_for, usable
from app.plan.styles.styles import TEMPLATES, apply
from app.types import VideoRequest
from tests.plan.conftest import Planned

pytestmark = pytest.mark.anyio

MOST = 300
RULES = RuleEnhancer(MOST, worlds())


class Typist:
    """A writer that says what it is told to, fails as it is told to, and then says nothing more."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.told: list[str] = []

    async def write(self, instruction: str, prompt: str) -> str:
        self.told.append(instruction)
        if not self._answers:
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def by(writer: Typist, timeout_s: float = 5.0) -> Enhancer:
    return ModelEnhancer(writer, RULES, MOST, timeout_s, worlds())


async def test_a_request_that_does_not_want_it_is_left_alone() -> None:
    request = VideoRequest("  a red panda")
    found = await enhanced(request, "wan", RULES, MOST)
    assert (found.request is request, found.written, found.reason) == (True, None, None)


async def test_both_prompts_are_kept() -> None:
    found = await enhanced(VideoRequest("  a red   panda\n", enhance=True, seed=7), "wan", RULES, MOST)
    assert found.written == "a red panda"
    assert found.request.prompt.startswith("a red panda, plain")
    assert (found.request.seed, found.request.enhance) == (7, True)
    assert str(found.reason).startswith("Enhanced: added 'plain uncluttered setting', ")


async def test_the_plan_keeps_the_first_prompt_even_behind_a_style(plan: Planned) -> None:
    found = await enhanced(VideoRequest("a red panda", enhance=True), "wan", RULES, MOST)
    asked = apply(TEMPLATES["cinematic"], found.request)
    made = found.marked(asked.marked(plan(asked.request.prompt)))
    assert (made.written, made.enhanced, made.style) == ("a red panda", True, "cinematic")
    assert "a red panda, plain uncluttered setting" in made.prompt
    assert [reason for reason in made.why.reasons if reason.startswith("Enhanced: ")] == [found.reason]


async def test_what_needs_nothing_stays_and_says_so() -> None:
    found = await enhanced(VideoRequest("🎈", enhance=True), "wan", RULES, MOST)
    assert (found.request.prompt, found.written) == ("🎈", None)
    assert str(found.reason).startswith("Nothing was enhanced")


@pytest.mark.parametrize("prompt", ["", " \n", "a" * (MOST + 1)])
async def test_a_prompt_that_is_none_is_refused(prompt: str) -> None:
    with pytest.raises(InvalidRequest):
        await enhanced(VideoRequest(prompt, enhance=True), "wan", RULES, MOST)


async def test_the_built_in_model_is_spoken_to_in_its_own_words() -> None:
    found = await enhanced(VideoRequest("A crimson sphere", enhance=True), "kinoray-shapes", RULES, MOST)
    assert found.request.prompt == "A red circle standing still on a black background"
    assert found.written == "A crimson sphere"


async def test_a_models_words_are_used_and_remembered() -> None:
    writer = Typist('"A red panda,\n in soft light."\n\nI hope this helps!')
    enhancer = by(writer)
    for _ in range(2):
        found = await enhancer.enhance("a red panda", "wan")
        assert (found.prompt, found.reason) == ("A red panda, in soft light.", "Enhanced by the language model.")
    assert len(writer.told) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "it wrote nothing"),
        (' "" \n', "it wrote nothing"),
        ("...", "it wrote nothing"),
        ("long " * MOST, "it wrote too much"),
        ("a red\x1b[31m panda", "characters that no prompt has"),
        ("a red \u202epanda", "characters that no prompt has"),
        ("a red \ufffd panda", "characters that no prompt has"),
        (ServiceUnavailable("it cannot be loaded"), "it cannot be loaded"),
    ],
)
async def test_rules_step_in_with_a_reason(answer: str | Exception, why: str) -> None:
    found = await by(Typist(answer)).enhance("a red panda", "wan")
    assert found.prompt == (await RULES.enhance("a red panda", "wan")).prompt
    assert "The language model was not used: " in found.reason
    assert found.reason.endswith(f"{why}.")


async def test_rules_step_in_when_it_takes_too_long() -> None:
    found = await by(Typist(), timeout_s=0.02).enhance("a red panda", "wan")
    assert found.prompt.startswith("a red panda, plain")
    assert found.reason.endswith("it took longer than 0.02 s.")


async def test_a_failure_is_not_remembered() -> None:
    enhancer = by(Typist("", "A red panda in snow."))
    assert (await enhancer.enhance("a red panda", "wan")).prompt != "A red panda in snow."
    assert (await enhancer.enhance("a red panda", "wan")).prompt == "A red panda in snow."


def test_a_model_is_told_what_a_small_world_knows() -> None:
    assert "sky blue" in instruction_for(worlds()["kinoray-shapes"])
    assert "camera" not in instruction_for(worlds()["kinoray-shapes"])
    assert "camera" in instruction_for(None)


def test_thoughts_are_not_prompts() -> None:
    assert usable("<think>what is a panda?</think>\n\nA red panda.", MOST) == "A red panda."
