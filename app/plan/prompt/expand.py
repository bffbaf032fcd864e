"""A prompt comes in, clauses about what it leaves open go out: setting, light, camera, detail; by rules, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.plan.prompt import vocabulary
from app.plan.prompt.complexity import CLASSES, class_of
from app.plan.prompt.features import factors_of
from app.plan.prompt.languages import plainly_english

_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")
_LONG: Final = 3  # points of length from which on a prompt is thought out


@dataclass(frozen=True, slots=True)
class Clause:
    """What is added when neither the factor's words nor any of `silenced_by` occur, negated or not."""

    factor: str
    text: str
    silenced_by: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLAUSES: Final = (
    Clause(
        "scene",
        "plain uncluttered setting",
        _words(
            "in on at inside outside under beneath over through across along near beside against "
            "among between behind above below beyond outdoors indoors into onto toward towards around "
            "upon background backdrop scene setting landscape room world place environment floor "
            "ground wall sky studio space air stage surface"
        ),
    ),
    Clause(
        "lighting",
        "soft even light",
        _words(
            "light lights lighting lit dark darkness black bright brightly dim dimly day daytime "
            "morning evening noon afternoon moon sun sunny stars storm stormy thunder lightning rain "
            "fog foggy blizzard snowstorm explosion explodes exploding fireworks glow glows glowing "
            "neon lamp lamps space underwater cave tunnel shadow shadows gloomy overcast burning "
            "burns fire flash flashes flashing flicker flickering strobe disco shine shines shining"
        ),
    ),
    Clause(
        "camera",
        "steady camera",
        _words(
            "camera cameras shot lens view angle static tripod framing frame framed perspective zoom "
            "shaky shake handheld earthquake viewed pov drone gopro footage timelapse closeup "
            "panorama"
        ),
    ),
    Clause(
        "quality",
        "crisp detail",
        _words(
            "detail details detailed crisp sharp blurry blur blurred grainy grain lofi vhs pixel "
            "pixels pixelated pixelart sketch sketched cartoon cartoonish anime painting painted "
            "painterly drawing drawn watercolor watercolour minimal minimalist minimalistic simple "
            "abstract flat soft dreamy dream hazy clay claymation origami lego voxel crayon pencil "
            "ink comic vintage retro noisy silhouette glitch style stylized stylised lowpoly fuzzy "
            "rough"
        ),
    ),
)
"""In this order, so that what is dropped for want of room is the least of it."""


def clauses_for(prompt: str) -> tuple[str, ...]:
    """What the prompt leaves open, in words that no rule of ours finds open a second time."""
    said = _WORD.findall(prompt.casefold())
    if not plainly_english(prompt):
        return ()
    told = " ".join(word for word in said if word not in vocabulary.NEGATIONS and not word.endswith("n't"))
    scores = {factor.name: factor.score for factor in factors_of(told)}
    if scores["length"] >= _LONG or class_of(sum(scores.values())) is CLASSES[-1]:
        return ()
    heard = frozenset(said)
    return tuple(each.text for each in CLAUSES if not scores[each.factor] and not heard & each.silenced_by)


def expand(prompt: str, most_chars: int) -> tuple[str, tuple[str, ...]]:
    """The prompt, verbatim, with as many of the clauses behind it as there is room for; and these clauses."""
    clauses = clauses_for(prompt)
    for count in range(len(clauses), 0, -1):
        longer = _joined(prompt, clauses[:count])
        if len(longer) <= most_chars:
            return longer, clauses[:count]
    return prompt, ()


def _joined(prompt: str, clauses: Sequence[str]) -> str:
    told = ", ".join(clauses)
    if prompt[-1] in ".!?…":
        return f"{prompt} {told[0].upper()}{told[1:]}."
    return f"{prompt} {told}" if prompt[-1] in ",;:" else f"{prompt}, {told}"
