"""What a denoiser asks of LoRA adapters: those that are loaded act or not, those that jobs bring are loaded first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol


class AdapterSwitch(Protocol):
    """The LoRA adapters of one transformer."""

    def activate(self, adapters: Sequence[tuple[str, float]]) -> None:
        """Have these act, by name and strength, and no others; of those it does not have, nothing acts."""
        ...

    def changed(self) -> None:
        """Some have been loaded, or have gone."""
        ...


class BroughtAdapters(Protocol):
    """The LoRA adapters that jobs bring."""

    def offer(self, files: Mapping[str, Path]) -> None:
        """Where the files of a job's adapters are, by name; from any thread, before the job starts."""
        ...

    def ensure(self, names: Iterable[str]) -> bool:
        """Have these loaded; whether anything changed. Raises AdapterUnusable."""
        ...
