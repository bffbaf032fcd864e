"""Scenes as sentences come in, what is to be seen in each goes out: without marks of speech, understood on its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from app.storyboards.drafting.sentences import Sentence
from app.storyboards.drafting.subjects import Topic, on_its_own

Group = Sequence[Sentence]

_ENOUGH: Final = 240  # characters of a prompt; further sentences of a scene are left out
_QUOTES: Final = re.compile("[\"“”„‟«»「」『』《》‹›]|(?<!\\w)['‘’‚]|['‘’](?!\\w)")
_SPEECH: Final = frozenset("\"'“‘„«»「『《‹")
_BRACKETS: Final = re.compile(r"[\[(（【][^\[\]()（）【】]{0,200}[\])）】]")
_BEFORE_MARK: Final = re.compile(r" ([,.;:!?])")


def visible(groups: Sequence[Group], language: str, most_chars: int) -> tuple[tuple[str, ...], ...]:
    """The sentences of each scene as they can be drawn, the first ones of it, none longer than `most_chars`."""
    topic = Topic()
    found: list[tuple[str, ...]] = []
    for group in groups:
        told: list[str] = []
        here: set[str] = set()
        for sentence in group:
            bare = _bare(sentence.text)
            said = bare  # of whom somebody speaks is not who was spoken of
            if sentence.text[0] not in _SPEECH:
                said, topic = on_its_own(bare, topic, language)
            # What this scene has said before needs not stand in front once more.
            told.append(bare if topic.sentence in here and said.startswith(topic.sentence) else said)
            here.add(bare)
        found.append(tuple(_cut(each, most_chars) for each in told if any(map(str.isalnum, each))))
    return tuple(found)


def joined(sentences: Sequence[str], language: str, most_chars: int) -> str:
    """One prompt of a scene's sentences: as many from its first on as are short enough."""
    gap = "" if language.partition("-")[0] in ("zh", "ja") else " "
    prompt = sentences[0]
    for each in sentences[1:]:
        if len(prompt) + len(gap) + len(each) > min(_ENOUGH, most_chars):
            break
        prompt += gap + each
    return prompt


def _bare(text: str) -> str:
    """Without quotation marks, and without what stands in brackets."""
    said = " ".join(_BRACKETS.sub("", _QUOTES.sub("", text)).split())
    said = _BEFORE_MARK.sub(r"\1", said).lstrip(" ,.;:!?-–—…")
    return said if any(map(str.isalnum, said)) else " ".join(text.split())


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = text.rfind(" ", most // 2, most)
    return text[: most if end < 0 else end].rstrip()
