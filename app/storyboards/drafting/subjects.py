"""A sentence and what was spoken of before come in; a sentence that can be drawn on its own goes out.

The rule: a sentence that begins with a pronoun is told with the subject of the last one that does not. In English the
subject takes the pronoun's place: it is that sentence's first words up to its verb, which is one of a list, or ends as
verbs do. Where no verb is found, and in other languages, that whole sentence is put in front instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAMES: Final = _words("he she it they")
_SHOWN: Final = _words("this these that those")
_OWNERS: Final = _words("his her its their")
_SHORT: Final = {"'s": "is", "'re": "are", "'ll": "will", "'d": "would", "'ve": "have"}
_VERBS: Final = _words(
    "is are was were be has have had does do did can could will would shall should may might must seems goes went came "
    "comes gets got makes made takes took gives gave sees saw says said knows knew keeps kept stands stood runs ran "
    "begins began becomes became falls fell rises rose grows grew flies flew swims swam sits sat lies lay sinks sank "
    "holds held leaves left finds found brings brought tells told meets met leads led draws drew eats ate drives drove "
    "sleeps slept spins spun turns rolls moves opens closes lives live hunt sleep run walk move play fall rise grow "
    "fly swim eat come go make take give see say know keep stand begin become bring tell meet lead"
)
_BETWEEN: Final = _words(
    "in on at by for with from to into onto over under above below across through near behind between during after "
    "before while when where who which that and or but because as than then not never always often also still just "
    "slowly quickly suddenly gently"
)
_FIRST: Final = _words("in on at by for with from to after before during when while as once if under over between")
_WEATHER: Final = _words(
    "rains snows raining snowing dark night day morning evening noon late early time cold hot warm windy said true "
    "clear"
)
_PRONOUNS: Final = {
    "de": _words("er sie es dieser diese dieses sein seine ihr ihre"),
    "fr": _words("il elle ils elles ce cela ceci celui-ci celle-ci son sa ses leur leurs"),
    "es": _words("él ella ellos ellas esto eso este esta estos estas su sus"),
    "it": _words("egli lui lei essa esso loro questo questa questi queste suo sua suoi sue"),
    "pt": _words("ele ela eles elas isto isso este esta estes estas seu sua seus suas"),
    "nl": _words("hij zij ze het dit deze zijn haar hun"),
}
_SIGNS: Final = {
    "zh": ("他", "她", "它", "这", "那", "其"),
    "ja": ("彼", "それ", "これ", "その", "この"),
    "ko": ("그는", "그녀", "그것", "이것", "그들"),
    "ru": ("он ", "она ", "оно ", "они ", "это ", "его ", "её ", "их "),
}
_MOST_WORDS: Final = 7  # of a subject
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_COMMA: Final = 5  # words that may stand before the comma behind which a sentence really begins


@dataclass(frozen=True, slots=True)
class Topic:
    """What was spoken of: the last sentence with a subject of its own, and that subject where it was found."""

    sentence: str = ""
    subject: str = ""


def on_its_own(sentence: str, topic: Topic, language: str) -> tuple[str, Topic]:
    """The sentence as it can be drawn without those before it, and what is spoken of from here on."""
    spoken = language.partition("-")[0].lower()
    if not _begins_with_pronoun(sentence, spoken):
        subject = _subject(sentence) if spoken == "en" else ""
        return sentence, Topic(sentence, subject)
    if not topic.sentence:
        return sentence, topic
    named = _named(sentence, topic.subject) if topic.subject else ""
    gap = "" if spoken in ("zh", "ja") else " "
    return named or f"{topic.sentence}{gap}{sentence}", topic


def _begins_with_pronoun(sentence: str, spoken: str) -> bool:
    if spoken in _SIGNS:
        return sentence.lower().startswith(_SIGNS[spoken])
    said = [word.lower() for word in sentence.replace("’", "'").split(maxsplit=3)[:3]]
    first = said[0].strip("\"'“”‘«(") if said else ""
    if spoken != "en":
        return first in _PRONOUNS.get(spoken, frozenset())
    bare = first.partition("'")[0]
    if bare == "it" and any(word.strip(".,!") in _WEATHER for word in said[1:]):
        return False
    follows = said[1] if len(said) > 1 else ""
    shown = bare in _SHOWN and ("'" in first or follows in _VERBS)
    return bare in _NAMES | _OWNERS or shown


def _named(sentence: str, subject: str) -> str:
    """The sentence with the subject in its pronoun's place."""
    sentence = sentence.lstrip("\"'“”‘«(")
    found = _WORD.match(sentence)
    if found is None:
        return ""
    word = found[0].replace("’", "'").lower()
    rest = sentence[found.end() :]
    bare, quote, short = word.partition("'")
    if bare in _OWNERS:
        return f"{subject}'{'' if subject.endswith('s') else 's'}{rest}"
    return f"{subject} {_SHORT.get(quote + short, '')}".rstrip() + rest


def _subject(sentence: str) -> str:
    """An English sentence's first words up to its verb; empty where none is found."""
    words = sentence.split(maxsplit=_MOST_WORDS + _COMMA + 2)[: _MOST_WORDS + _COMMA + 2]
    start = next((at + 1 for at, word in enumerate(words[:_COMMA]) if word.endswith(",")), 0)
    if not start and words and words[0].lower() in _FIRST:
        return ""
    taken: list[str] = []
    for word in words[start : start + _MOST_WORDS + 1]:
        bare = word.strip("\"'“”‘’«»(),;:.!?").lower()
        if taken and _ends_subject(bare, taken):
            return _capital(" ".join(taken))
        if bare in _BETWEEN and bare not in ("of",):
            return _capital(" ".join(taken)) if len(taken) > 1 else ""
        taken.append(word.strip('"“”«»(),;:.!?'))
    return ""


def _ends_subject(word: str, taken: list[str]) -> bool:
    """Whether it is a verb, as far as its form says: "bounces" behind "a red ball", "landed" behind "the ship"."""
    article = taken[0].lower() in _words("a an the this that one my our your his her its their every each")
    if word in _VERBS:
        return True
    if article and len(taken) < 2:
        return False
    if word in ("ones", "always", "others", "perhaps"):
        return False
    third = word.endswith("s") and not word.endswith(("ss", "us", "'s")) and len(word) > 3
    past = word.endswith("ed") and len(word) > 4
    plural = taken[-1].lower().endswith("s") and taken[0].lower() not in ("a", "an", "one")
    return past or (third and not plural)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
