"""A text comes in, scenes by rules go out: what is said in each, what is seen, and what it is called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.errors import InvalidRequest
from app.storyboards.drafting.markup import Block, blocks_of, cleaned
from app.storyboards.drafting.options import DraftOptions, DraftTools
from app.storyboards.drafting.prompts import visible
from app.storyboards.drafting.scenes import Group, grouped, length_s, parted, shortened
from app.storyboards.drafting.sentences import Sentence, headings_alone, sentences_of
from app.storyboards.timeline import LEAD_S, TAIL_S

PAUSE_S: Final = LEAD_S + TAIL_S  # of a scene, around its narration
MOST_CAPTION_CHARS: Final = 500
_LEAST_S: Final = 1.0  # of what is said in a scene
_MARGIN: Final = 0.8  # of the longest film: what voices take is only estimated
_LONG: Final = 2.0  # sentences so many scenes long are cut at their clauses
_TITLE_WORDS: Final = 6
_MOST_TITLE: Final = 80


@dataclass(frozen=True, slots=True)
class Told:
    """One scene: what is said, the sentences that may be drawn, its title, and its length where one is wished."""

    said: str
    seen: tuple[str, ...]
    title: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """The scenes of a text, the film's title, and notes for people."""

    scenes: tuple[Told, ...]
    title: str
    notes: tuple[str, ...] = ()


def outline(text: str, options: DraftOptions, language: str, tools: DraftTools) -> Outline:
    """Raises InvalidRequest: there is nothing in it to say."""
    blocks = blocks_of(cleaned(text))
    title, blocks = _film_title(blocks)
    about_s = max(_LEAST_S, options.scene_seconds - PAUSE_S) * options.speed
    most_chars = tools.most_narration_chars if options.narrate else min(MOST_CAPTION_CHARS, tools.most_narration_chars)
    sentences = sentences_of(blocks, _LONG * about_s, most_chars) or headings_alone(blocks, most_chars)
    if not sentences:
        raise InvalidRequest("The text has no sentence: there is nothing to make scenes of.", "text", "nothing_to_tell")
    kept = shortened(sentences, _spoken_s(options, tools))
    notes = _left_out(sentences, kept, options)
    groups = _groups(kept, about_s, options)
    if options.scenes is not None and len(groups) < options.scenes:
        notes += (f"The text has enough for {len(groups)} scenes, not for {options.scenes}.",)
    groups, cut = _within(groups, most_chars)
    scenes = _told(groups, options, language, tools)
    if options.narrate and _stretch(groups, options) and any(scene.seconds is None for scene in scenes):
        notes += ("The film will be shorter than wished: the model's clips are, and so is what is said.",)
    if cut:
        notes += (f"{cut} sentences were left out: a scene holds {most_chars:,} characters of text.",)
    return Outline(scenes, options.title or title or _first_words(groups[0]), notes)


def _film_title(blocks: tuple[Block, ...]) -> tuple[str, tuple[Block, ...]]:
    """The heading that a text begins with is the film's, where it is a first-level one and something follows."""
    first = blocks[0] if blocks else None
    if first is None or first.kind != "heading" or first.level != 1 or len(blocks) < 2:
        return "", blocks
    return first.text[:_MOST_TITLE], blocks[1:]


def _spoken_s(options: DraftOptions, tools: DraftTools) -> float:
    """How long all that is said may take, at speed 1."""
    film_s = min(options.seconds or math.inf, _MARGIN * tools.most_film_s)
    scenes = options.scenes or max(1, min(options.max_scenes, round(film_s / options.scene_seconds)))
    return max(_LEAST_S, film_s - PAUSE_S * scenes) * options.speed


def _groups(sentences: Sequence[Sentence], about_s: float, options: DraftOptions) -> tuple[Group, ...]:
    if options.scenes is not None:
        return parted(sentences, options.scenes)
    return grouped(sentences, about_s, options.max_scenes)


def _within(groups: tuple[Group, ...], most_chars: int) -> tuple[tuple[Group, ...], int]:
    """The scenes, each without the sentences at its end that are too many; how many those are."""
    kept: list[Group] = []
    cut = 0
    for group in groups:
        size, count = 0, 0
        for each in group:
            size += len(each.text) + 1
            if count and size > most_chars:
                break
            count += 1
        kept.append(group[:count])
        cut += len(group) - count
    return tuple(kept), cut


def _told(groups: tuple[Group, ...], options: DraftOptions, language: str, tools: DraftTools) -> tuple[Told, ...]:
    seen = visible(groups, language, tools.most_prompt_chars)
    gap = "" if language.partition("-")[0] in ("zh", "ja") else " "
    stretch = _stretch(groups, options)
    told: list[Told] = []
    heading: str | None = None
    for group, drawn in zip(groups, seen, strict=True):
        title = group[0].heading if group[0].heading != heading else None
        heading = group[0].heading
        seconds = _asked_s(length_s(group), stretch, options)
        said = gap.join(each.text for each in group)
        told.append(
            Told(said, drawn or (said[: tools.most_prompt_chars],), _short(title) or _first_words(group), seconds)
        )
    return tuple(told)


def _asked_s(spoken_s: float, stretch: float | None, options: DraftOptions) -> float | None:
    """Seconds that a scene asks for; None: as long as its narration, since a clip cannot be longer than the model's."""
    if stretch is None and options.narrate:
        return None
    seconds = round((spoken_s / options.speed + PAUSE_S) * (stretch or 1.0), 1)
    longest_s = options.longest_clip_s or math.inf
    return None if options.narrate and seconds > longest_s else min(seconds, longest_s)


def _stretch(groups: Sequence[Group], options: DraftOptions) -> float | None:
    """By how much scenes have to be longer than what is said in them, for the film to be as long as wished."""
    if options.seconds is None:
        return None
    told_s = sum(length_s(group) / options.speed + PAUSE_S for group in groups)
    return options.seconds / told_s if told_s < options.seconds else None


def _left_out(sentences: Sequence[Sentence], kept: Sequence[Sentence], options: DraftOptions) -> tuple[str, ...]:
    if len(kept) == len(sentences):
        return ()
    whole_s = length_s(sentences) / options.speed
    length = f"{whole_s / 60:.0f} min" if whole_s >= 120 else f"{whole_s:.0f} s"
    return (
        f"All of the text takes about {length} to say: {len(kept)} of its {len(sentences)} sentences were kept, "
        "of each paragraph the first.",
    )


def _short(title: str | None) -> str:
    return "" if title is None else title[:_MOST_TITLE].strip()


def _first_words(group: Group) -> str:
    """What a scene is called that no heading names."""
    text = group[0].text
    words = text.split()
    if len(words) <= _TITLE_WORDS and len(text) <= 40:
        return text.rstrip(" .,;:!?…。！？")
    short = " ".join(words[:_TITLE_WORDS])
    return f"{short[:39].rstrip(' .,;:!?…。！？')}…"
