"""The port that tells whether a LoRA's file fits a model, before it is kept; and an answer from the header alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fit:
    """What would become of a file's layers.

    `problem`: why it cannot be worn at all; `lost`: layers without a place, at most 20 of them named; `others`: tensors
    that are not the denoiser's; `magnitudes`: layers of a DoRA whose magnitudes are in a form that is not read.
    """

    problem: str | None = None
    layers: int = 0
    lost: tuple[str, ...] = ()
    others: int = 0
    magnitudes: int = 0

    @property
    def whole(self) -> bool:
        """Whether all of it would act."""
        return self.problem is None and not (self.lost or self.others or self.magnitudes)


class AdapterFits(Protocol):
    """Tries files on models' layers."""

    async def fit(self, path: Path, model: str, expert: str) -> Fit:
        """How a file of this machine fits a model, by its id; `expert`: `low` for the second of two transformers.

        Raises:
            ServiceUnavailable: it cannot be tried here and now.
        """
        ...


class FitsAll:
    """Where there is no model, as in a rehearsal: every file fits."""

    async def fit(self, path: Path, model: str, expert: str) -> Fit:
        return Fit(layers=1)
