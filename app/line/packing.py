"""Which jobs of other shapes may step in one forward with a batch: by what packed forwards were seen to take; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.line.profile import Profile, Shape
    from app.line.rules import Rules

Mix = tuple[tuple["Shape", int], ...]
"""How many jobs of which shape share a forward, in the order of the shapes."""

SLOWER = 1.1
"""Packed forwards that took this many times their parts, one after another, say that no others need be tried."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What is known of packed forwards: seconds by mix, infinite where one failed; `settled` are sure."""

    times: Mapping[Mix, float] = field(default_factory=dict)
    settled: frozenset[Mix] = frozenset()
    limit: float = math.inf  # volume that memory has refused


def mix_of(shapes: Iterable[Shape]) -> Mix:
    """The mix of jobs with these shapes."""
    if shapes and isinstance(shapes, Sequence) and shapes.count(shapes[0]) == len(shapes):
        return ((shapes[0], len(shapes)),)  # as nearly always
    return tuple(sorted(Counter(shapes).items()))


def volume(mix: Mix) -> int:
    """Pixels of all videos of a mix: tokens, and so a forward's memory, grow with them."""
    return sum(count * math.prod(shape) for shape, count in mix)


def parts_s(profile: Profile, mix: Mix) -> float:
    """Seconds of a mix's shapes one after another, each as a batch; 0 when one is unknown."""
    each = [profile.step_s(shape, count) for shape, count in mix]
    return sum(each) if all(each) else 0.0


def mix_s(profile: Profile, shapes: Sequence[Shape]) -> float:
    """Seconds of a forward of jobs with these shapes, as far as known; 0 when it is not."""
    mix = mix_of(shapes)
    return profile.step_s(*mix[0]) if len(mix) == 1 else profile.packed.times.get(mix, parts_s(profile, mix))


def shares(profile: Profile, shapes: Sequence[Shape], passes: Sequence[float] = ()) -> list[float]:
    """Each job's part of a forward's time, 0..1, by what its shape takes alone.

    `passes`: what of a guided step each of them ran, where that is not the whole of it for all.
    """
    ran = passes if any(passes) else [1.0] * len(shapes)
    if len(set(shapes)) == 1:
        return [each / sum(ran) for each in ran]
    alone = [profile.step_s(shape) or float(math.prod(shape)) for shape in shapes]
    weights = [one * each for one, each in zip(alone, ran, strict=True)]
    return [weight / sum(weights) for weight in weights]


def pays(profile: Profile, mix: Mix, rules: Rules) -> bool:
    """Whether a mix is formed: where it was seen to take less, by `gain`, than its parts one after another.

    One not measured yet is tried where `tries` says so. Of those that take part none steps more slowly, by
    more than `pack_stretch`, than if the shapes took turns by device time; and no more goes into a forward than a batch
    of one shape has shown that memory holds.
    """
    apart_s = parts_s(profile, mix)
    if not apart_s or not fits(profile, mix):
        return False
    known_s = profile.packed.times.get(mix)
    if mix in profile.packed.settled and known_s is not None and known_s > (1 - rules.gain) * apart_s:
        return False
    if known_s is None and not tries(profile, mix, rules):
        return False
    least_s = min(profile.step_s(shape, count) for shape, count in mix)
    return (apart_s if known_s is None else known_s) <= rules.pack_stretch * len(mix) * least_s


def fits(profile: Profile, mix: Mix) -> bool:
    """Whether memory holds it: whether a forward as large has gone well, of one shape, and none of it was refused."""
    ran = max((batch * math.prod(shape) for shape, batch in profile.times), default=0)
    refused = min(((most + 1) * math.prod(shape) for shape, most in profile.limits.items()), default=math.inf)
    return volume(mix) <= ran and volume(mix) < min(refused, profile.packed.limit)


def tries(profile: Profile, mix: Mix, rules: Rules) -> bool:
    """Whether a mix that nobody has measured is worth trying.

    Not where another was clearly slower than its parts, nor with a shape of which two together are known not to pay.
    """
    packed = profile.packed
    if any(packed.times[each] > SLOWER * parts_s(profile, each) for each in packed.settled if each in packed.times):
        return False
    return not any(
        (shape, 2) in profile.settled and profile.times[shape, 2] > 2 * (1 - rules.gain) * profile.step_s(shape)
        for shape, _ in mix
    )


def companions(
    profile: Profile, batch: Sequence[Shape], others: Sequence[Shape], rules: Rules, most_s: float = math.inf
) -> int:
    """How many of the `others`, of other shapes and in their turn, step with the batch: as many as pay together.

    Together they take `most_s` at most.
    """
    room = min(len(others), rules.max_batch - len(batch))
    for count in range(room, 0, -1):
        shapes = [*batch, *others[:count]]
        if pays(profile, mix_of(shapes), rules) and (most_s == math.inf or mix_s(profile, shapes) <= most_s):
            return count
    return 0


def saved_s(profile: Profile, shapes: Sequence[Shape], rules: Rules) -> float:
    """Seconds that a round of jobs with these shapes is shorter by, where all of them are packed into one forward."""
    mix = mix_of(shapes)
    if not rules.pack or len(mix) < 2 or len(shapes) > rules.max_batch or mix not in profile.packed.settled:
        return 0.0
    return parts_s(profile, mix) - profile.packed.times[mix] if pays(profile, mix, rules) else 0.0
