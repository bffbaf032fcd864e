"""A narration as it was typed comes in, text for a voice goes out, with its words; or why it cannot be spoken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Final

from app.errors import InvalidRequest
from app.types.storyboard import Narrator

SLOWEST, FASTEST = 0.5, 2.0
_JOINERS: Final = "\u200c\u200d"  # Persian and Indic spelling needs them
_QUOTES: Final = dict.fromkeys("“”„‟«»", '"') | dict.fromkeys("‘’‚‛", "'")
_PLAIN: Final = str.maketrans(_QUOTES | dict.fromkeys("\u2010\u2011", "-"))
_STYLED: Final = ("MATHEMATICAL ", "FULLWIDTH ")  # letters and digits that are others in a certain style
LONGEST_WORD: Final = 200  # characters; espeak-ng overruns a buffer of its own at about 400
_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_WORD: Final = re.compile(r"\S+")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)  # Thai, Lao, Burmese, Khmer, kana, Han: written without blanks between words


def cleaned(text: str) -> str:
    """What is spoken of `text`: composed characters, single blanks, empty lines between paragraphs.

    Control and formatting characters, unpaired surrogates and private characters are left out: some voices take them
    for commands. Quotation marks and markup are text as any other and stay.
    """
    kept = "".join(_kept(text))
    paragraphs = (" ".join(part.split()) for part in _PARAGRAPH.split(unicodedata.normalize("NFC", kept)))
    return "\n\n".join(part for part in paragraphs if part)


def plain(text: str) -> str:
    """The same with typewriter quotes, hyphens and letters, one for one: positions in it hold for `text`."""
    return "".join(map(_unstyled, text.translate(_PLAIN)))


def checked(text: str, narrator: Narrator, most_characters: int) -> str:
    """The cleaned text. Raises InvalidRequest, whose param is `narration` or `speed`: no voice could speak it so."""
    if len(text) > most_characters:
        raise InvalidRequest(f"It has {len(text)} characters; at most {most_characters} are spoken.", "narration")
    if not SLOWEST <= narrator.speed <= FASTEST:
        raise InvalidRequest(f"It must be from {SLOWEST} to {FASTEST}, not {narrator.speed:g}.", "speed")
    spoken = cleaned(text)
    if not any(is_spoken(char) for char in spoken):
        raise InvalidRequest("There is nothing in it that can be spoken: it needs a letter or a digit.", "narration")
    longest = max(map(len, _UNSPACED.sub(" ", spoken).split()), default=0)
    if longest > LONGEST_WORD:
        raise InvalidRequest(f"It has a word of {longest} characters; at most {LONGEST_WORD} are spoken.", "narration")
    return spoken


def is_spoken(char: str) -> bool:
    """Whether it is a letter or a digit of any script."""
    return unicodedata.category(char)[0] in "LN"


def is_unspaced(char: str) -> bool:
    """Whether its script is written without blanks between words."""
    return _UNSPACED.match(char) is not None


def spans(text: str, starts: Collection[int] | None = None) -> list[tuple[int, int]]:
    """From where to where each word of `text` stands; what lies between two is blank.

    Where words are written without blanks, a new one begins at each of `starts`; None: at each character.
    """
    return [span for word in _WORD.finditer(text) for span in _parts(text, word.start(), word.end(), starts)]


def _parts(text: str, first: int, end: int, starts: Collection[int] | None) -> Iterator[tuple[int, int]]:
    begun, before = first, ""
    for at in range(first, end):
        if not is_spoken(text[at]):
            continue
        if before and (starts is None or at in starts) and (is_unspaced(before) or is_unspaced(text[at])):
            yield begun, at
            begun = at
        before = text[at]
    yield begun, end


def _unstyled(char: str) -> str:
    styled = char >= "\uff00" and unicodedata.name(char, "").startswith(_STYLED)
    return unicodedata.normalize("NFKC", char) if styled else char


def _kept(text: str) -> Iterator[str]:
    for char in text:
        category = unicodedata.category(char)
        if char in "\n\u2029\x0b\x0c":
            yield "\n"
        elif char == "\u2028" or char.isspace():
            yield " "
        elif category[0] != "C" or char in _JOINERS:
            yield char
