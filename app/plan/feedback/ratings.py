"""The memory of what people thought of videos: the port, and its answer in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.plan.feedback.feedback import Fading, Leaning, Place, Rating, leaning_of, remembered


@dataclass(frozen=True, slots=True)
class Scope:
    """Which ratings are meant; None is any."""

    model: str | None = None
    tier: str | None = None
    complexity: str | None = None
    tenant: str | None = None  # a fingerprint

    def covers(self, place: Place, tenant: str) -> bool:
        asked = (self.model, self.tier, self.complexity, self.tenant)
        return all(want in (None, have) for want, have in zip(asked, (*place, tenant), strict=True))


class Ratings(Protocol):
    """Keeps ratings while they weigh something, in bounded memory. Every method raises StoreUnavailable."""

    async def add(self, rating: Rating) -> None:
        """Remember it; it replaces what the same user said of the same video."""
        ...

    async def rated(self, video_id: str) -> Rating | None:
        """What was said last of a video, None when nothing was or it is forgotten."""
        ...

    async def table(self) -> tuple[Leaning, ...]:
        """Every rated place, in the order of its names."""
        ...

    async def leanings(self) -> Mapping[Place, float]:
        """The factor on the budget of each rated place."""
        ...

    async def reset(self, scope: Scope) -> int:
        """Forget what the ratings of a scope weigh, and say how many there were."""
        ...


class MemoryRatings:
    """The Ratings port in this process."""

    def __init__(self, fading: Fading | None = None, clock: Callable[[], float] = time.time) -> None:
        self._fading = fading or Fading()
        self._clock = clock
        self._kept: dict[tuple[Place, str], tuple[Rating, ...]] = {}  # by place and tenant
        self._said: dict[str, Rating] = {}

    async def add(self, rating: Rating) -> None:
        self._said[rating.video_id] = rating
        if rating.counted:
            key = (rating.place, rating.tenant)
            self._kept[key] = remembered(self._kept.get(key, ()), rating, self._fading)

    async def rated(self, video_id: str) -> Rating | None:
        said = self._said.get(video_id)
        return None if said is None or self._clock() - said.at >= self._fading.horizon_s else said

    async def table(self) -> tuple[Leaning, ...]:
        return tabled((each for kept in self._kept.values() for each in kept), self._clock(), self._fading)

    async def leanings(self) -> Mapping[Place, float]:
        return {each.place: each.factor for each in await self.table()}

    async def reset(self, scope: Scope) -> int:
        gone = [key for key in self._kept if scope.covers(*key)]
        return sum(len(self._kept.pop(key)) for key in gone)


def tabled(ratings: Iterable[Rating], now: float, fading: Fading) -> tuple[Leaning, ...]:
    """The leaning of every place that has a rating of some weight."""
    places: dict[Place, list[Rating]] = {}
    for rating in ratings:
        places.setdefault(rating.place, []).append(rating)
    found = (leaning_of(place, places[place], now, fading) for place in sorted(places))
    return tuple(leaning for leaning in found if leaning.ratings)
