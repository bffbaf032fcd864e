"""How many replicas one needs: conditions on the figures come in, the smallest fleet that meets them all goes out."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.simulate.load.figures import ALL, LoadFigures, Row
from app.simulate.load.problem import CannotSimulate
from app.simulate.load.units import SECONDS

_FORM: Final = re.compile(
    r"(?:(?P<share>p50|p95|p99)_(?P<what>wait|latency)(?:\[(?P<name>[^\]]{1,60})\])?|(?P<other>refused|utilisation|late))"
    r"\s*(?P<sign><=|<|>=|>)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%|[a-z]*)"
)
_SIGNS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Such as p95_wait<30s, p99_latency[premium]<10min, refused<1%. `name`: a kind, or a class of priority."""

    text: str
    what: str
    share: str
    name: str
    sign: str
    bound: float

    def met(self, figures: LoadFigures) -> bool:
        """Whether they are so; a wait that nobody has is none."""
        return _SIGNS[self.sign](self.value(figures), self.bound)

    def value(self, figures: LoadFigures) -> float:
        """What the figures have there, in seconds or as a share."""
        if self.what == "utilisation":
            return figures.utilisation
        if self.what in ("refused", "late"):
            row = figures.all
            return (row.refused if self.what == "refused" else row.late) / max(1, row.asked)
        row = _named(figures, self.name)
        return float(getattr(row.wait if self.what == "wait" else row.latency, self.share) or 0.0)


@dataclass(frozen=True, slots=True)
class Tried:
    """A fleet of that many replicas, and its figures."""

    replicas: int
    figures: LoadFigures
    met: bool


def condition(text: str, names: Sequence[str]) -> Condition:
    """`names` are the kinds of the mix. Raises CannotSimulate."""
    found = _FORM.fullmatch(text.replace(" ", ""))
    if found is None:
        raise CannotSimulate(
            f"--find is a condition such as p95_wait<30s, p99_latency[{names[0] if names else 'kind'}]<10min, "
            f"refused<1% or utilisation>60%; not {text[:60]!r}."
        )
    timed, unit = found["share"] is not None, found["unit"]
    if timed and unit not in SECONDS or not timed and unit not in ("", "%"):
        raise CannotSimulate(
            f"--find {text[:60]}: the bound is {'a time, such as 30s' if timed else 'a share, as 1%'}."
        )
    name = found["name"] or ALL
    known = (ALL, *names, "low", "normal", "high")
    if name not in known:
        raise CannotSimulate(f"--find {text[:60]}: there is no kind {name!r}; there are {', '.join(known[1:])}.")
    bound = float(found["number"]) * (SECONDS[unit] if timed else 0.01 if unit == "%" else 1.0)
    return Condition(text, found["what"] or found["other"], found["share"] or "", name, found["sign"], bound)


def smallest(
    least: int, most: int, run: Callable[[int], LoadFigures], conditions: Sequence[Condition]
) -> tuple[int | None, list[Tried]]:
    """The smallest number of replicas that meets all conditions, None where not even `most` does; and all tries.

    By halving: more replicas are taken to be never worse.
    """
    tried: dict[int, Tried] = {}

    def good(count: int) -> bool:
        if count not in tried:
            figures = run(count)
            tried[count] = Tried(count, figures, all(each.met(figures) for each in conditions))
        return tried[count].met

    low, high = max(1, least), most
    if not good(high):
        return None, list(tried.values())
    while low < high:
        middle = (low + high) // 2
        if good(middle):
            high = middle
        else:
            low = middle + 1
    good(low)
    return low, sorted(tried.values(), key=lambda each: each.replicas)


def _named(figures: LoadFigures, name: str) -> Row:
    rows = {row.name: row for row in (*figures.priorities, *figures.kinds, figures.all)}
    return rows.get(name, figures.all)
