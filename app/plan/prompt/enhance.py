"""A request that wants a better prompt comes in, the request with one goes out, beside the prompt as it was written."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cachetools import LRUCache

from app.errors import KinorayError, ServiceUnavailable
from app.plan.prompt.expand import expand
from app.plan.prompt.normalise import normalised, required
from app.plan.prompt.worlds import World, spell_out
from app.types import Plan, PlanWarning, VideoRequest

REMEMBERED: Final = 256  # prompts whose answers a model is not asked for again
_JOINERS: Final = "\u200c\u200d"
_QUOTES: Final = "\"'“”‘’`"
_THOUGHT: Final = "</think>"


@dataclass(frozen=True, slots=True)
class Enhancement:
    """The better prompt, or the same one, and a sentence about what was done."""

    prompt: str
    reason: str


@dataclass(frozen=True, slots=True)
class EnhancedRequest:
    """A request with its prompt enhanced; `written` is the prompt as it came, None where nothing was changed."""

    request: VideoRequest
    written: str | None = None
    reason: str | None = None

    def marked(self, plan: Plan) -> Plan:
        """The plan made of this request, with the prompt as it came; this goes behind a style's own mark."""
        if self.reason is None:
            return plan
        why = replace(plan.why, reasons=(*plan.why.reasons, self.reason))
        none = (PlanWarning("no_effect", self.reason, "enhance"),) if self.written is None else ()
        return replace(
            plan,
            written=self.written or plan.written,
            enhanced=self.written is not None,
            why=why,
            warnings=(*plan.warnings, *none),
        )


class Enhancer(Protocol):
    """Makes prompts say more; the same prompt for the same model gets the same answer."""

    async def enhance(self, prompt: str, model: str) -> Enhancement:
        """Never fails: what cannot be enhanced comes back as it was. The prompt is normalised and not empty."""
        ...


class Writer(Protocol):
    """Something that continues an instruction and a prompt, such as a language model."""

    async def write(self, instruction: str, prompt: str) -> str:
        """Raises KinorayError when it cannot."""
        ...


async def enhanced(request: VideoRequest, model: str, enhancer: Enhancer, most_chars: int) -> EnhancedRequest:
    """The request as it should be planned. `model` is the id of the model that it is for.

    Raises:
        InvalidRequest: the prompt is empty or too long.
    """
    if not request.enhance:
        return EnhancedRequest(request)
    prompt = required(request.prompt, most_chars)
    found = await enhancer.enhance(prompt, model)
    better = normalised(found.prompt, most_chars)
    return EnhancedRequest(replace(request, prompt=better), None if better == prompt else prompt, found.reason)


class RuleEnhancer:
    """Adds clauses about what a prompt leaves open; for a model of a small world, says it in that world's words."""

    def __init__(self, most_chars: int, worlds: Mapping[str, World] | None = None) -> None:
        self._most_chars = most_chars
        self._worlds = worlds or {}

    async def enhance(self, prompt: str, model: str) -> Enhancement:
        world = self._worlds.get(model)
        if world is not None:
            plain = spell_out(prompt, world, self._most_chars)
            return Enhancement(plain, _nothing() if plain == prompt else f"Enhanced: said in the words of {model}.")
        longer, clauses = expand(prompt, self._most_chars)
        return Enhancement(longer, f"Enhanced: added {', '.join(map(repr, clauses))}." if clauses else _nothing())


class ModelEnhancer:
    """Has a writer expand prompts, and rules where it fails, is too slow, or writes what cannot be used."""

    def __init__(
        self,
        writer: Writer,
        rules: Enhancer,
        most_chars: int,
        timeout_s: float,
        worlds: Mapping[str, World] | None = None,
    ) -> None:
        self._writer = writer
        self._rules = rules
        self._most_chars = most_chars
        self._timeout_s = timeout_s
        self._worlds = worlds or {}
        self._known: LRUCache[tuple[str, str], str] = LRUCache(REMEMBERED)

    async def enhance(self, prompt: str, model: str) -> Enhancement:
        try:
            better = self._known.get((prompt, model)) or await self._written(prompt, model)
        except asyncio.TimeoutError:
            return await self._by_rules(prompt, model, f"it took longer than {self._timeout_s:g} s")
        except KinorayError as error:
            return await self._by_rules(prompt, model, str(error).rstrip("."))
        self._known[prompt, model] = better
        return Enhancement(better, "Enhanced by the language model.")

    async def _written(self, prompt: str, model: str) -> str:
        instruction = instruction_for(self._worlds.get(model))
        told = await asyncio.wait_for(self._writer.write(instruction, prompt), self._timeout_s)
        return usable(told, self._most_chars)

    async def _by_rules(self, prompt: str, model: str, why: str) -> Enhancement:
        found = await self._rules.enhance(prompt, model)
        return replace(found, reason=f"{found.reason} The language model was not used: {why}.")


def instruction_for(world: World | None) -> str:
    """What a language model is told to do."""
    task = "Rewrite the following prompt for a text-to-video model. Keep everything it says and contradict none of it."
    if world is None:
        return (
            f"{task} Add what it leaves open: setting, light, camera and detail. Answer with the new prompt alone, in "
            "one paragraph of at most 80 words."
        )
    return (
        f"{task} Use one short plain sentence. The model knows only these colours: {', '.join(world.colours)}; shapes: "
        f"{', '.join(world.shapes)}; motions: {', '.join(world.motions)}; grounds: {', '.join(world.grounds)}. "
        "Answer with the new prompt alone."
    )


def usable(told: str, most_chars: int) -> str:
    """What a model wrote, as a prompt: its first paragraph, without quotes around it.

    Raises:
        ServiceUnavailable: it is empty, too long, or has characters that no prompt should have.
    """
    text = told.rpartition(_THOUGHT)[2].strip().partition("\n\n")[0]
    text = " ".join(text.split()).strip(_QUOTES).strip()
    if not any(char.isalnum() for char in text):
        raise ServiceUnavailable("it wrote nothing")
    if len(text) > most_chars:
        raise ServiceUnavailable("it wrote too much")
    if _unsafe(text):
        raise ServiceUnavailable("it wrote characters that no prompt has")
    return text


def _unsafe(text: str) -> bool:
    """Control, format, private and unassigned characters, and the mark of broken ones; white space is none of these."""
    return any(
        char == "\ufffd" or (unicodedata.category(char)[0] == "C" and char not in _JOINERS and not char.isspace())
        for char in text
    )


def _nothing() -> str:
    return "Nothing was enhanced: the rules find nothing that the prompt leaves open."
