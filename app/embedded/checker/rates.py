"""From what was asked and what the checker saw to rates with their intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Final

from app.embedded.checker import relations
from app.embedded.checker.checker import Seen
from app.embedded.world.pairs import Question
from app.embedded.world.prompts import Said

_Z = 1.959964  # a two-sided 95 % interval


@dataclass(frozen=True)
class Rate:
    """`right` of `total`, and the Wilson 95 % interval of the true share."""

    right: int
    total: int
    share: float = field(init=False)
    interval: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", self.right / max(1, self.total))
        object.__setattr__(self, "interval", _wilson(self.right, self.total))


def _wilson(right: int, total: int) -> tuple[float, float]:
    if total == 0:
        return 0.0, 1.0
    share, unsure = right / total, _Z * _Z / total
    middle = (share + unsure / 2) / (1 + unsure)
    reach = math.sqrt(share * (1 - share) * unsure + unsure * unsure / 4) / (1 + unsure)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def rates_of(questions: Sequence[Question], seen: Sequence[Seen]) -> dict[str, Rate]:
    """Rate by what is judged; `seen` is in the questions' order.

    The questions are all of one kind: of one subject, of two, of two whose relation is said, or of several alike.
    """
    first = questions[0].ask[1]
    judged = dict(_PAIR if len(first) == 2 else _SEVERAL if first[0].count > 1 else _SINGLE)
    if first[0].relation:
        judged["relation"] = relations.holds
    answers: dict[str, list[bool]] = {}
    for question, one in zip(questions, seen, strict=True):
        ground, said = question.ask
        answers.setdefault("ground", []).append(one.ground == ground)
        answers.setdefault("number of subjects", []).append(len(one.subjects) == sum(each.count for each in said))
        for name, is_right in judged.items():
            if name != "size" or question.sized:
                answers.setdefault(name, []).append(is_right(said, one))
    return {name: Rate(sum(row), len(row)) for name, row in answers.items()}


def _of_largest(name: str) -> Callable[[Sequence[Said], Seen], bool]:
    def is_right(said: Sequence[Said], seen: Seen) -> bool:
        return bool(seen.subjects) and asdict(seen.subjects[0])[name] == asdict(said[0])[name]

    return is_right


def _of_both(name: str) -> Callable[[Sequence[Said], Seen], bool]:
    """Both subjects by this attribute, whichever has which."""

    def is_right(said: Sequence[Said], seen: Seen) -> bool:
        found = sorted(asdict(subject)[name] for subject in seen.subjects)
        return found == sorted(asdict(one)[name] for one in said)

    return is_right


def _bound(name: str) -> Callable[[Sequence[Said], Seen], bool]:
    """Just the two colours asked for, and each colour's subject with its own value of this attribute."""

    def is_right(said: Sequence[Said], seen: Seen) -> bool:
        found = {subject.colour: asdict(subject)[name] for subject in seen.subjects}
        return len(seen.subjects) == len(said) and found == {one.colour: asdict(one)[name] for one in said}

    return is_right


def _of_all(name: str) -> Callable[[Sequence[Said], Seen], bool]:
    """Each of the subjects by this attribute, however many there are."""

    def is_right(said: Sequence[Said], seen: Seen) -> bool:
        return bool(seen.subjects) and {asdict(one)[name] for one in seen.subjects} == {asdict(said[0])[name]}

    return is_right


_SINGLE: Final[Mapping[str, Callable[[Sequence[Said], Seen], bool]]] = MappingProxyType(
    {name: _of_largest(name) for name in ("colour", "motion", "shape", "size")}
)
_PAIR: Final[Mapping[str, Callable[[Sequence[Said], Seen], bool]]] = MappingProxyType(
    {
        "both colours": _of_both("colour"),
        "both motions": _of_both("motion"),
        "colours with motions": _bound("motion"),
        "colours with shapes": _bound("shape"),
    }
)
_SEVERAL: Final[Mapping[str, Callable[[Sequence[Said], Seen], bool]]] = MappingProxyType(
    {name: _of_all(name) for name in ("colour", "motion", "shape")}
)
