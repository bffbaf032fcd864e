"""Ways to move that the model never read come in, the trained words for the nearest go out, before it is encoded."""

import re
from typing import Final

from app.embedded.world import vocabulary as words
from app.types import Rephrased, Rewording

_UP_AND_DOWN: Final = ("bounce", "hop", "jump", "skip", "spring", "leap", "bob")
_ALONG: Final = (
    *("move", "roll", "slide", "drift", "glide", "go", "travel", "run", "fly", "float", "dart", "dash"),
    *("race", "rush", "speed", "sweep", "pass", "shoot", "sail", "streak", "tumble", "zoom"),
)
_MANNER: Final = r"(?: (?:slowly|quickly|gently|happily|smoothly|steadily|right))?"
_PICTURE: Final = "screen|picture|frame|view|scene|image|video|stage"


def _forms(verb: str) -> dict[str, str]:
    """Present, participle and bare verb -> how the trained words say that mood."""
    stem = verb + verb[-1] if verb in ("run", "hop", "skip", "bob") else verb.removesuffix("e")
    third = verb[:-1] + "ies" if verb == "fly" else verb + ("es" if verb.endswith(("o", "sh", "s", "ss")) else "s")
    doubled = {"travel": ("travelling", "traveling")}.get(verb, (f"{stem}ing",))
    return {third: "moves", verb: "move", **dict.fromkeys(doubled, "moving")}


_MOODS: Final = {said: mood for verb in (*_UP_AND_DOWN, *_ALONG) for said, mood in _forms(verb).items()}
_CROSSING: Final = {"crosses": "moves", "cross": "move", "crossing": "moving"}
_BOUNCING: Final = frozenset(said for verb in _UP_AND_DOWN for said in _forms(verb))
_TRAINED: Final = frozenset(form for verbs in words.ACROSS_WORDS.values() for verb in verbs for form in verb)
_VERB: Final = "|".join(sorted(_MOODS, key=len, reverse=True))
_LEFT: Final = r"(?:(?:to|towards?) the left|leftwards?|left|from right to left)"
_RIGHT: Final = r"(?:(?:to|towards?) the right|rightwards?|right|from left to right)"
_WHOLE: Final = rf"(?:the|an?) (?:whole |entire |full )?(?:{_PICTURE})(?![\w-])"
_WAY: Final = re.compile(
    rf"(?<![\w-])(?P<verb>{_VERB}){_MANNER}(?: up and down)?"
    rf"(?: across(?: {_WHOLE}|(?P<over>(?= the | an? )))?(?: (?P<way>{_LEFT}|{_RIGHT}))?| (?P<only>{_LEFT}|{_RIGHT}))"
    r"(?![\w-]| of(?![\w-]))",  # "to the right of a box" is a place
    re.IGNORECASE,
)
_CROSSES: Final = re.compile(
    rf"(?<![\w-])(?P<verb>cross|crosses|crossing) {_WHOLE}(?: (?P<way>{_LEFT}|{_RIGHT}))?(?![\w-])", re.IGNORECASE
)
_LATER: Final = re.compile(
    rf"(?:(?! and | while | that | which )[^,;.])*? (?P<way>{_LEFT}|{_RIGHT})(?![\w-])", re.IGNORECASE
)


def rephrased(prompt: str, goes_across: bool = False) -> Rephrased:
    """The prompt as the text encoder is to read it. What the model was trained on, and what is not about moving, stays.

    "Bounces across the sand" becomes "moves to the right on the sand": the model bounces in one place only.
    `goes_across`: it knows ways across the whole picture, so that only their verbs and grounds need other words.
    """
    changes: list[Rewording] = []

    def across(found: re.Match[str]) -> str:
        verb, only = found["verb"].lower(), found["only"]
        bounces = verb in _BOUNCING
        if only and not bounces:
            return found[0]  # "rolls right" is read as it is
        side = _side(only or found["way"] or _said_later(found))
        whole = goes_across and only is None and " across" in found[0].lower()
        if whole and found[0].lower() in _TRAINED and not _said_later(found):
            return found[0]
        told = _whole_way(_MOODS[verb], side) if whole else f"{_MOODS[verb]} to the {side}"
        meant = f"motion across {side}" if whole else f"motion {side}"
        changes.append(Rewording(found[0], told, meant, "it does not bounce on its way" if bounces else ""))
        return f"{told} on" if found["over"] is not None else told

    def crosses(found: re.Match[str]) -> str:
        if goes_across and found[0].lower() in _TRAINED and not _said_later(found):
            return found[0]
        side, far = _side(found["way"] or _said_later(found)), "across " * goes_across
        mood = _CROSSING[found["verb"].lower()]
        told = _whole_way(mood, side) if goes_across else f"{mood} to the {side}"
        changes.append(Rewording(found[0], told, f"motion {far}{side}"))
        return told

    return Rephrased(_CROSSES.sub(crosses, _WAY.sub(across, prompt)), tuple(changes))


def _whole_way(mood: str, side: str) -> str:
    """Across the whole picture, in the words that were trained on."""
    return f"{mood} across {'' if mood == 'move' else 'the screen '}to the {side}"


def _said_later(found: re.Match[str]) -> str:
    """A side that is named further on in the same clause."""
    later = _LATER.match(found.string, found.end())
    return later["way"] if later else ""


def _side(said: str) -> str:
    """Where to; to the right, as one reads, unless it is said."""
    return "left" if "left" in said.lower() and not said.lower().endswith("to right") else "right"
