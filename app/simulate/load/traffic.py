"""Who asks for what, and when: drawn from a mix at a rate, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import NamedTuple

from app.simulate.load.request_kind import RequestKind

REMEMBERED = 2000  # of what was asked before, which a repeat may ask again


class Arrival(NamedTuple):
    """A request: `at` seconds from the beginning; equal `key`s ask for one and the same video."""

    at: float
    kind: RequestKind
    tenant: str
    key: str


def drawn(
    kinds: Sequence[RequestKind], rate: float, seconds: float, seed: int, swing: float = 0.0
) -> Iterator[Arrival]:
    """A Poisson process of `rate` a second on average, in order of time.

    `swing`, 0..1: by how much of it the rate rises and falls over each day, the least at its beginning (thinning; Lewis
    and Shedler, Naval Research Logistics Quarterly 1979).
    """
    dice, most = Random(seed), rate * (1 + swing)
    shares = list(accumulate(kind.share for kind in kinds))
    asked: dict[str, list[str]] = {kind.name: [] for kind in kinds}
    at, number = 0.0, 0
    while (at := at + dice.expovariate(most)) < seconds:
        now = rate * (1 - swing * math.cos(2 * math.pi * at / 86_400.0))
        if dice.random() * most > now:
            continue
        kind = dice.choices(kinds, cum_weights=shares)[0]
        before, number = asked[kind.name], number + 1
        if kind.repeats and before and dice.random() < kind.repeats:
            key = dice.choice(before)
        else:
            key = str(number)
            if kind.repeats:
                before.append(key)
                if len(before) > REMEMBERED:
                    before[dice.randrange(REMEMBERED)] = before.pop()
        tenant = kind.tenants[0] if len(kind.tenants) == 1 else dice.choice(kind.tenants)
        yield Arrival(at, kind, tenant, key)
