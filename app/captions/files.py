"""Cues come in; subtitle files go out, SubRip and WebVTT, and the samples of an mp4's text track."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from app.captions.cue import Cue
from app.captions.language import checked_tag

_JOINER: Final = "\u2060"  # without width: it parts what a player would take for markup or for times
_WIDE: Final = str.maketrans("{}<>", "\uff5b\uff5d\uff1c\uff1e")
_HIDDEN: Final = (re.compile(r"\{.*\}", re.DOTALL), re.compile(r"<.*>", re.DOTALL))
_PARTED: Final = re.compile(r"&(?=#?\w+;)|--(?=>)|\\(?=[Nnh])|\d:(?=\d{1,2}:\d{1,2}[.,]\d)")
_NUMBER: Final = re.compile(r"^\s*\d+\s*$")


def srt(cues: Iterable[Cue]) -> str:
    """A SubRip file, numbered from 1, its lines ending in LF.

    SubRip has no escapes, while players take tags, entities and, drawing by libass, all that is in braces for markup.
    So that nothing is hidden, pairs of `<>` and of `{}` are written with full-width brackets, which is the one thing
    that this format cannot keep. An invisible U+2060 parts `&` from an entity's name, `--` from `>`, a backslash from
    what makes it a line's end, and the hour of a time from its minutes, and it stands behind a line that is a number,
    which might be the next cue's.
    """
    blocks = (
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{_plain(cue)}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join(blocks)


def vtt(cues: Iterable[Cue], language: str = "en") -> str:
    """A WebVTT file: its lines ending in LF; its header says the language, and escapes keep all text as it is."""
    header = f"WEBVTT\nKind: captions\nLanguage: {checked_tag(language)}\n"
    blocks = (
        f"{number}\n{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{_escaped(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join((header, *blocks))


def mov_text(cue: Cue | None) -> bytes:
    """A sample of an mp4's text track (3GPP timed text, no styles): its text as it is; None: nothing is shown."""
    text = cue.text.encode() if cue else b""
    return len(text).to_bytes(2, "big") + text


def _clock(seconds: float, mark: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def _plain(cue: Cue) -> str:
    text = cue.text
    for pair in _HIDDEN:
        text = pair.sub(lambda found: found[0].translate(_WIDE), text)
    text = _PARTED.sub(lambda found: found[0] + _JOINER, text)
    return "\n".join(line + _JOINER if _NUMBER.match(line) else line for line in text.split("\n"))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
