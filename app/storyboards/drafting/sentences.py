"""Blocks of a text come in, its sentences go out, each with the heading that it stands under and how long it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.storyboards.drafting.markup import Block
from app.storyboards.pace import estimated_s

_STOPS: Final = re.compile(r"[.!?…]+|[。！？｡।॥۔؟]+")
_SPACED: Final = frozenset(".!?…")
_CLOSERS: Final = frozenset("\"'”’»)]）」』】〕››")
_CLAUSES: Final = re.compile(r"[,;:、，；：،؛]+ ?| [—–-] ")
_TITLE_WORDS: Final = 8
_SPEAKER_WORDS: Final = 3
_MOST_TITLE: Final = 80
_WORD_BEFORE: Final = 24  # characters looked at for an abbreviation


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ABBREVIATIONS: Final = _words(
    "dr mr mrs ms prof sr jr st mt vs eg ie e.g i.e cf no fig al inc ltd co approx dept est gen col lt sgt rev hon"
    " z.b d.h u.a bzw usw ca nr str abb evtl ggf inkl vgl m mme mlle p ex env av bd sra sres ud uds dña núm pág"
    " jan feb mar apr jun jul aug sep sept oct nov dec a.m p.m u.s u.k"
)
_LABEL: Final = re.compile(
    r"(?:narrator|narration|voice[ -]?over|v\.?o\.?|speaker|host|sprecher(?:in)?|erzähler(?:in)?|narrateur|narratrice"
    r"|narrador[ae]?|locutor[a]?|旁白|解说|ナレーション|ナレーター)(?: ?\([^()]{0,40}\))? ?[:：] ?",
    re.I,
)
_SCENE_LINE: Final = re.compile(
    r"(?:(?:scene|szene|scène|escena|cena|scena|сцена) ?#?\d{1,3}\b ?[.:—–-]? ?(?P<title>.{0,120})"
    r"|(?:第 ?\d{1,3} ?(?:场景|场|幕|シーン)|(?:场景|シーン) ?\d{1,3}) ?[.:：—–-]? ?(?P<named>.{0,120})"
    r"|(?P<slug>(?:INT|EXT)\.? .{1,120}))",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, or a part of a very long one. `opens`: a heading or a list item begins with it."""

    text: str
    seconds: float  # to say it at speed 1
    heading: str | None = None
    opens: bool = False
    paragraph: int = 0


def sentences_of(blocks: Sequence[Block], longest_s: float, most_chars: int) -> tuple[Sentence, ...]:
    """All that can be said, in order. What takes longer than `longest_s` is cut at its clauses, if it has any."""
    found: list[Sentence] = []
    heading: str | None = None
    opens = False
    for number, block in enumerate(blocks):
        opens = opens or block.kind == "item"
        lines = block.text.split("\n")
        for line in lines:
            title = line if block.kind == "heading" else _title(line, alone=block.kind == "text" and len(lines) == 1)
            if title is not None:
                heading, opens = title, True
                continue
            if len(lines) > 1 and _shouted(line, _SPEAKER_WORDS):
                continue  # whose speech follows, in a script
            for text in _said(line, longest_s, most_chars):
                found.append(Sentence(text, estimated_s(text), heading, opens, number))
                opens = False
    return tuple(found)


def headings_alone(blocks: Sequence[Block], most_chars: int) -> tuple[Sentence, ...]:
    """The headings as sentences, of a text that has nothing else."""
    told = [line[:most_chars] for block in blocks for line in block.text.split("\n")]
    return tuple(Sentence(text, estimated_s(text), text, True, number) for number, text in enumerate(told))


def _title(line: str, alone: bool) -> str | None:
    """The heading that a line is which no markup says to be one; `alone`: it is a paragraph."""
    return line if alone and _shouted(line, _TITLE_WORDS) else _scene_line(line)


def _shouted(line: str, most_words: int) -> bool:
    """Whether it is a few words in capitals, and no sentence."""
    return len(line) < _MOST_TITLE and line.isupper() and line[-1].isalnum() and len(line.split()) <= most_words


def _scene_line(text: str) -> str | None:
    """The title that a line such as "Scene 2: At sea" or "INT. KITCHEN - DAY" gives; None: it is no such line."""
    if len(text) > 140:
        return None
    found = _SCENE_LINE.fullmatch(text)
    if found is None or (found["slug"] and not found["slug"][:3].isupper()):
        return None
    return (found["title"] or found["named"] or found["slug"] or text).strip()


def _said(line: str, longest_s: float, most_chars: int) -> Iterator[str]:
    label = _LABEL.match(line)
    for sentence in split(line[label.end() :] if label else line):
        if not any(map(str.isalnum, sentence)):
            continue
        if estimated_s(sentence) > longest_s:
            yield from _clauses(sentence, longest_s / 2, most_chars)
        else:
            yield from _pieces(sentence, most_chars)


def split(line: str) -> Iterator[str]:
    """The sentences of a line, trimmed; marks and the quotes that close behind them stay with their sentence."""
    start = 0
    for stop in _STOPS.finditer(line):
        end = stop.end()
        while end < len(line) and line[end] in _CLOSERS:
            end += 1
        if stop.start() < start or (line[stop.start()] in _SPACED and not _ends(line, start, stop, end)):
            continue
        if sentence := line[start:end].strip():
            yield sentence
        start = end
    if sentence := line[start:].strip():
        yield sentence


def _ends(line: str, start: int, stop: re.Match[str], end: int) -> bool:
    """Whether a sentence ends at these marks, behind which `end` is: not in 3.5, in "Dr. No", or before "and"."""
    if end < len(line) and not line[end].isspace():
        return False
    after = line[end : end + 8].lstrip()[:1]
    if stop[0] != ".":
        return not after.islower()
    word = line[max(start, stop.start() - _WORD_BEFORE) : stop.start()].rpartition(" ")[2].lstrip("(\"'“‘«").casefold()
    if not after:
        return True
    initial = len(word) == 1 and word.isalpha() and word != "i"
    return not (after.islower() or word in _ABBREVIATIONS or initial or (word.isdigit() and len(word) < 3))


def _clauses(sentence: str, about_s: float, most_chars: int) -> Iterator[str]:
    """Parts of about that length, each of whole clauses."""
    begin, at, part_s = 0, 0, 0.0
    ends = [found.end() for found in _CLAUSES.finditer(sentence)]
    for end in (*ends, len(sentence)):
        clause_s = estimated_s(sentence[at:end])
        if part_s and part_s + clause_s > about_s and part_s >= about_s / 3:
            yield from _pieces(sentence[begin:at].strip(), most_chars)
            begin, part_s = at, 0.0
        at, part_s = end, part_s + clause_s
    yield from _pieces(sentence[begin:].strip(), most_chars)


def _pieces(text: str, most_chars: int) -> Iterator[str]:
    """The text, cut at spaces only where it is too long for one scene."""
    while len(text) > most_chars:
        cut = text.rfind(" ", most_chars // 2, most_chars)
        cut = most_chars if cut < 0 else cut
        yield text[:cut].strip()
        text = text[cut:].strip()
    if any(map(str.isalnum, text)):
        yield text


def halved(sentence: Sentence) -> tuple[Sentence, ...]:
    """Two parts of a sentence, at the clause nearest to its middle; the sentence itself where it has none."""
    middle, text = len(sentence.text) / 2, sentence.text
    ends = [found.end() for found in _CLAUSES.finditer(text)]
    cut = min(ends, key=lambda end: abs(end - middle), default=0)
    first, second = text[:cut].strip(), text[cut:].strip()
    if not (any(map(str.isalnum, first)) and any(map(str.isalnum, second))):
        return (sentence,)
    return (
        replace(sentence, text=first, seconds=estimated_s(first)),
        replace(sentence, text=second, seconds=estimated_s(second), opens=False),
    )
