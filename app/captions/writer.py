"""A scene without a caption of its own comes in, the text of its caption goes out: before it is cut into cues."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Final, Protocol

from cachetools import LRUCache

from app.captions.readable import readable
from app.errors import KinorayError, ServiceUnavailable

MOST_CHARS: Final = 200  # of what a model writes: about two cues
REMEMBERED: Final = 256  # scenes that a model is not asked about again
_THINKING, _THOUGHT = "<think>", "</think>"
_QUOTES: Final = "\"'“”‘’«»`*"
_LABEL: Final = re.compile(r"^(?:caption|subtitle)\s*:\s*", re.IGNORECASE)

log = logging.getLogger(__name__)


class CaptionWriter(Protocol):
    """Says what the caption of a scene is; the same for the same scene, as long as the process lives."""

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        """Never fails. `language` is a BCP 47 tag. Empty only where there is nothing to read in either."""
        ...


class Writer(Protocol):
    """Something that continues an instruction and a prompt, such as a language model."""

    async def write(self, instruction: str, prompt: str) -> str:
        """Raises KinorayError when it cannot."""
        ...


class PlainCaptions:
    """What is said; where nothing is, what was asked for."""

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        return readable(narration or "") or readable(prompt)


class ModelCaptions:
    """Has a writer write captions, and does without where it fails, is too slow, or writes what cannot be shown."""

    def __init__(self, writer: Writer, plain: CaptionWriter, timeout_s: float) -> None:
        self._writer = writer
        self._plain = plain
        self._timeout_s = timeout_s
        self._known: LRUCache[tuple[str, str | None, str], str] = LRUCache(REMEMBERED)

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        scene = (prompt, narration, language)
        if (known := self._known.get(scene)) is not None:
            return known
        try:
            asked = self._writer.write(instruction_for(narration, language), narration or prompt)
            self._known[scene] = usable(await asyncio.wait_for(asked, self._timeout_s))
        except asyncio.TimeoutError:
            log.warning("The caption model took longer than %g s; the scene has a plain caption", self._timeout_s)
        except KinorayError as error:
            log.warning("The caption model was not used: %s; the scene has a plain caption", error)
        return self._known.get(scene) or await self._plain.caption(prompt, narration, language)


def instruction_for(narration: str | None, language: str) -> str:
    """What a language model is told to do."""
    rules = f"in the language {language}, at most {MOST_CHARS // 2} letters. Answer with the caption alone."
    if narration:
        return f"Write the caption of a film's scene in which the following is said. Keep its meaning, {rules}"
    return f"Write the caption of a film's scene that shows the following: one plain sentence, {rules}"


def usable(told: str) -> str:
    """What a model wrote, as a caption: its first paragraph, without label and quotes.

    Raises:
        ServiceUnavailable: there is nothing to read in it, or too much.
    """
    text = told.rpartition(_THOUGHT)[2].strip().partition("\n\n")[0]
    text = _LABEL.sub("", readable(text).replace("\n", " ").strip(_QUOTES)).strip(_QUOTES + " ")
    if _THINKING in text:
        raise ServiceUnavailable("it did not come to an end of thinking")
    if not any(letter.isalnum() for letter in text):
        raise ServiceUnavailable("it wrote nothing")
    if len(text) > MOST_CHARS:
        raise ServiceUnavailable("it wrote too much")
    return text
