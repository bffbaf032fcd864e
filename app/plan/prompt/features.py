"""A prompt comes in, the seven factors of its complexity go out: words by table, length, number of subjects."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from app.plan.prompt import vocabulary as words
from app.types import Factor

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[,.;:!?()\n。、，！？；：—–]")
_DENSE = re.compile(  # scripts written without spaces: Thai, Lao, Burmese, Khmer, Japanese, Chinese; and Korean
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'"})
_INSIDE_WORDS = ("Mn", "Mc", "Me", "Cf")
_MOST_CHARS = 8_000  # what lies behind is not read: Unicode folding can lengthen a hostile prompt eighteenfold
_FIGURES = 3  # a longer number is a year or a size
_LETTERS_OF_A_WORD = 24  # a longer run counts as several words

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the folded prompt; an empty `word` is a clause's end."""

    word: str
    negated: bool = False


def factors_of(prompt: str) -> tuple[Factor, ...]:
    """The seven factors in the order motion, scene, camera, lighting, quality, length, subjects; any string is legal.

    Appending words never lowers a factor. What is negated ("no camera movement") does not count.
    """
    folded = _folded(prompt)
    tokens = tuple(_negated(_TOKEN.findall(folded)))
    found = _kinds(tokens)
    by_table = (
        Factor(name, sum(kind.points for kind in named), tuple(dict.fromkeys(found[kind.name] for kind in named)))
        for name, kinds in words.WORD_TABLES.items()
        for named in [[kind for kind in kinds if kind.name in found]]
    )
    return (*by_table, _length(tokens, folded), _subjects(tokens))


def _folded(prompt: str) -> str:
    """Lower case, composed, without marks and joiners: those of Hindi, Arabic or Persian would split words in two."""
    folded = unicodedata.normalize("NFKC", prompt[:_MOST_CHARS])[:_MOST_CHARS].casefold().translate(_APOSTROPHES)
    if folded.isascii():
        return folded
    return "".join(char for char in folded if unicodedata.category(char) not in _INSIDE_WORDS)


def _negated(raw: list[str]) -> Iterator[Token]:
    """Tokens, each knowing whether a negation to its left reaches it."""
    reach = 0
    for text in raw:
        if not text[0].isalnum() or text in words.NEGATION_ENDS:
            reach = 0
        yield Token(text if text[0].isalnum() else "", reach > 0)
        reach -= 1
        if text in words.NEGATIONS or text.endswith("n't"):
            reach = words.NEGATION_REACH


def _kinds(tokens: tuple[Token, ...]) -> dict[str, str]:
    """Kinds by name, each with the first words that name it; the longest phrase at a place wins."""
    lexicon, longest = _lexicon()
    told = [token for token in tokens if token.word not in words.ADVERBS]
    said = tuple(token.word for token in told)
    found: dict[str, str] = {}
    place = 0
    while place < len(said):
        taken = 1
        for size in range(longest.get(said[place], 0), 0, -1):
            named = lexicon.get(said[place : place + size])
            if named is not None:
                if not told[place].negated:
                    for kind in named:
                        found.setdefault(kind, " ".join(said[place : place + size]))
                taken = size
                break
        place += taken
    return found


def _length(tokens: tuple[Token, ...], folded: str) -> Factor:
    dense = len(_DENSE.findall(folded))
    spaced = sum(1 + len(token.word) // _LETTERS_OF_A_WORD for token in tokens if token.word)
    count = max(spaced, dense // 2)  # two such characters say about as much as one English word
    return Factor("length", _points(words.LENGTHS, count), (f"{count} words",) if count > 1 else ())


def _subjects(tokens: tuple[Token, ...]) -> Factor:
    """Numbers ("two", "several") and joined noun phrases ("... and a dog", "..., a cat") beyond the first."""
    listed = 1
    numbered = 0
    before = "start"
    for token, after in zip(tokens, (*tokens[1:], Token("")), strict=False):
        if not token.negated:
            numbered += max(0, _number(token.word, after.word) - 1)
            joined = before in ("", "and", "while", "plus")  # "" is the end of a clause
            listed += joined and token.word in words.DETERMINERS and _may_be_subject(after.word)
        before = token.word
    count = listed + numbered
    return Factor("subjects", _points(words.SUBJECTS, count), (f"{count} subjects",) if count > 1 else ())


def _number(word: str, after: str) -> int:
    """How many subjects a number speaks of; figures need a word that may be counted: not "5 seconds", not "24 fps"."""
    if word in words.NUMBERS or not word.isdecimal():
        return words.NUMBERS.get(word, 1)
    return int(word) if len(word) <= _FIGURES and after and after not in words.UNITS else 1


def _may_be_subject(word: str) -> bool:
    return bool(word) and word not in words.NO_SUBJECTS


def _points(table: tuple[tuple[int, int], ...], count: int) -> int:
    return max((points for least, points in table if count >= least), default=0)


@cache
def _lexicon() -> tuple[dict[Phrase, tuple[str, ...]], dict[str, int]]:
    """Phrase -> names of its kinds, and first word -> words of the longest phrase that begins with it.

    A phrase also names what its beginning names alone ("ocean" in "ocean floor"): no further word takes points away.
    """
    kinds = (kind for table in words.WORD_TABLES.values() for kind in table)
    own = {phrase: kind.name for kind in kinds for entry in kind.entries for phrase in _phrases(entry)}
    longest: dict[str, int] = {}
    for phrase in own:
        longest[phrase[0]] = max(len(phrase), longest.get(phrase[0], 0))
    return {phrase: tuple(_named(phrase, own)) for phrase in own}, longest


def _named(phrase: Phrase, own: dict[Phrase, str]) -> dict[str, None]:
    """The phrase's own kind first, then those of its beginnings."""
    beginnings = (phrase[:end] for end in range(len(phrase), 0, -1))
    return {own[beginning]: None for beginning in beginnings if beginning in own}


def _phrases(entry: str) -> list[Phrase]:
    said = _forms(entry[:-1]) if entry.endswith("*") else (entry,)
    return [tuple(form.split()) for form in said]


def _forms(verb: str) -> tuple[str, ...]:
    """Regular English forms: walk, walks, walking, walked; hop, hopping; chase, chasing; fly, flies."""
    if verb.endswith("e"):
        return verb, f"{verb}s", f"{verb[:-1]}ing", f"{verb}d"
    if re.search(r"[^aeiou]y$", verb):
        return verb, f"{verb[:-1]}ies", f"{verb}ing", f"{verb[:-1]}ied"
    if re.fullmatch(r"[^aeiou]*[aeiou][bdglmnpt]", verb):
        return verb, f"{verb}s", f"{verb}{verb[-1]}ing", f"{verb}{verb[-1]}ed"
    third = f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "z")) else f"{verb}s"
    return verb, third, f"{verb}ing", f"{verb}ed"
