"""Which steps of a plan run the denoiser: decided with the plan, kept with the job, walked on any replica."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

LINEAR = 1  # forecasts draw a line in sigma through the last two predictions; 0 reuses the last one
LEAP = 2  # the sampler steps from evaluation to evaluation, as if its schedule had no other levels


@dataclass(frozen=True, slots=True)
class Masks:
    """For each step: does the denoiser run, and does its unconditional pass; and of which order forecasts are.

    Raises:
        ValueError: the first step is not run, or an unconditional pass has no run of the denoiser.

    Where a plan has guidance at some steps alone, `unconditional` is False at the others: `Sampling.rule` tells these
    from those at which the last difference stands in. A model that never has an unconditional pass has it with
    each run: one pass is all that a step of it is.
    """

    run: tuple[bool, ...]
    unconditional: tuple[bool, ...]
    order: int = LINEAR
    first: int = 0  # the step that the walk begins at
    late_guidance: bool = False  # it need not have an unconditional pass there

    def __post_init__(self) -> None:
        sound = (
            0 <= self.first < len(self.run) == len(self.unconditional)
            and self.run[self.first]
            and not any(self.run[: self.first])
            and not any(free and not runs for runs, free in zip(self.run, self.unconditional, strict=True))
            and (self.late_guidance or self.unconditional[self.first] or not any(self.unconditional))
            and self.order in (0, LINEAR, LEAP)
        )
        if not sound:
            raise ValueError("The first step is always run, and the unconditional pass runs only with the denoiser.")

    @property
    def steps(self) -> int:
        return len(self.run)

    @property
    def budget(self) -> int:
        return sum(self.run)

    @property
    def digest(self) -> str:
        """12 hex digits: other masks, other bits."""
        return _digest(self.run, self.unconditional, self.order)


@lru_cache(maxsize=1024)  # many plans have the same masks, and it is asked for with each
def _digest(run: tuple[bool, ...], unconditional: tuple[bool, ...], order: int) -> str:
    facts = f"{order}:{bits(run)}:{bits(unconditional)}"
    return hashlib.sha256(facts.encode("ascii")).hexdigest()[:12]


def bits(mask: Iterable[bool]) -> str:
    """A mask as 1s and 0s."""
    return "".join("01"[runs] for runs in mask)


def unbits(text: str) -> tuple[bool, ...]:
    """A mask from 1s and 0s. Raises ValueError for anything else."""
    if set(text) - {"0", "1"}:
        raise ValueError(f"{text!r} is no mask")
    return tuple(bit == "1" for bit in text)
