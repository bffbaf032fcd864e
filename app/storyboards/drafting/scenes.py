"""Sentences come in, the scenes that they make up go out: by pace, in a wished number, and no longer than wished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from app.storyboards.drafting.sentences import Sentence, halved

Group = tuple[Sentence, ...]

_HEADING_WORTH = 0.5  # of a scene's length: so much further away a heading may be and still be where a scene begins


def length_s(sentences: Sequence[Sentence]) -> float:
    """Seconds to say them at speed 1."""
    return sum(each.seconds for each in sentences)


def grouped(sentences: Sequence[Sentence], about_s: float, most: int) -> tuple[Group, ...]:
    """Scenes of about that length, at most so many. One begins with each heading and each list item.

    A sentence joins the scene before it where that brings the scene closer to its length.
    """
    groups: list[list[Sentence]] = []
    filled_s = 0.0
    for each in sentences:
        joins = bool(groups) and not each.opens and abs(filled_s + each.seconds - about_s) <= abs(filled_s - about_s)
        if joins:
            groups[-1].append(each)
            filled_s += each.seconds
        else:
            groups.append([each])
            filled_s = each.seconds
    if len(groups) > most:
        return parted(sentences, most)
    return tuple(map(tuple, groups))


def parted(sentences: Sequence[Sentence], count: int) -> tuple[Group, ...]:
    """Exactly `count` scenes of about one length, fewer only where there are not so many sentences and clauses.

    They begin at headings where one is near.
    """
    told = _enough(sentences, count)
    count = min(count, len(told))
    ends = list(accumulate(each.seconds for each in told))
    step_s = ends[-1] / count
    cuts = [0]
    for number in range(1, count):
        ideal_s = step_s * number
        first, last = cuts[-1] + 1, len(told) - (count - number)
        cuts.append(_cut(told, ends, first, last, ideal_s, step_s))
    return tuple(tuple(told[a:b]) for a, b in zip(cuts, [*cuts[1:], len(told)], strict=True))


def _cut(told: Sequence[Sentence], ends: Sequence[float], first: int, last: int, ideal_s: float, step_s: float) -> int:
    """The sentence, from `first` to `last`, with which the next scene begins."""
    best, best_cost = first, float("inf")
    for at in range(first, last + 1):
        off_s = ends[at - 1] - ideal_s
        cost = abs(off_s) - (_HEADING_WORTH * step_s if told[at].opens else 0.0)
        if cost < best_cost:
            best, best_cost = at, cost
        if off_s > step_s:  # nothing behind is any nearer
            break
    return best


def _enough(sentences: Sequence[Sentence], count: int) -> Sequence[Sentence]:
    """As many sentences as scenes, the longest halved at clauses; fewer where nothing can be halved any more."""
    told = list(sentences)
    while len(told) < count:
        by_length = sorted(range(len(told)), key=lambda at: -told[at].seconds)
        for at in by_length:
            parts = halved(told[at])
            if len(parts) > 1:
                told[at : at + 1] = parts
                break
        else:
            break
    return told


def shortened(sentences: Sequence[Sentence], most_s: float) -> tuple[Sentence, ...]:
    """Sentences that take at most about `most_s`: of each paragraph its first ones, in proportion to its length."""
    whole_s = length_s(sentences)
    if whole_s <= most_s:
        return tuple(sentences)
    share = most_s / whole_s
    kept: list[Sentence] = []
    left_s, paragraph, opens = 0.0, -1, False
    closed = False
    owed_s = _by_paragraph(sentences)
    for each in sentences:
        if each.paragraph != paragraph:
            paragraph, closed = each.paragraph, False
            left_s += share * owed_s[paragraph]
        opens = opens or each.opens
        if closed or left_s < each.seconds / 2:
            closed = True
            continue
        kept.append(replace(each, opens=opens))
        left_s -= each.seconds
        opens = False
    return tuple(kept) or (sentences[0],)


def _by_paragraph(sentences: Sequence[Sentence]) -> dict[int, float]:
    found: dict[int, float] = {}
    for each in sentences:
        found[each.paragraph] = found.get(each.paragraph, 0.0) + each.seconds
    return found
