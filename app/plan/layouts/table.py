"""A model's measured layouts come in; which options of a placement lose too much to be used by a preset goes out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from app.settings.placement import Placement

FOLDER: Final = Path(__file__).parent
FORMAT: Final = "kinoray-layouts-1"
MOST_LOST: Final = 1.0  # points of 100 against float32 that a preset's option may lose

_PLAIN: Final = Placement()


@dataclass(frozen=True, slots=True)
class Layout:
    """A measured option, such as "dtype=bfloat16" or "step_cache=first_block"; `why` says why it was not measured.

    `step_s` are paired with `plain_step_s`, of float32 in the same process. `likeness` is structural similarity to the
    float32 run's videos, 0..100; `lost` the points of adherence below it, where there is a checker, else of likeness
    below 100.
    """

    option: str
    why: str = ""
    step_s: float = 0.0
    plain_step_s: float = 0.0
    first_step_s: float = 0.0
    weight_bytes: int = 0
    plain_weight_bytes: int = 0
    likeness: float = 0.0
    adherence: float | None = None
    plain_adherence: float | None = None
    prompts: int = 0

    @property
    def lost(self) -> float:
        """Points lost against float32; below 0 where it was better."""
        if self.adherence is None or self.plain_adherence is None:
            return 100.0 - self.likeness
        return self.plain_adherence - self.adherence

    @property
    def bad(self) -> bool:
        """Whether it was measured and loses more than a preset may."""
        return not self.why and self.lost > MOST_LOST


@dataclass(frozen=True, slots=True)
class LayoutTable:
    """The rows of one model's weights, on one kind of device."""

    model: str
    revision: str
    device: str  # "cpu" or "cuda": numbers round differently on each
    hardware: str
    rows: tuple[Layout, ...]

    def row(self, option: str) -> Layout | None:
        return next((row for row in self.rows if row.option == option), None)


def options_of(placement: Placement) -> tuple[str, ...]:
    """What of a placement changes a video, each by itself; "auto" counts as bfloat16."""
    dtype = "bfloat16" if placement.dtype == "auto" else placement.dtype
    found = {"dtype": dtype, **{name: getattr(placement, name) for name in ("quantise", "layerwise", "compile")}}
    return tuple(f"{name}={value}" for name, value in found.items() if value != getattr(_PLAIN, name))


def gated(
    placement: Placement, forced: Collection[str], table: LayoutTable | None, revision: str, device: str
) -> tuple[Placement, tuple[str, ...]]:
    """The placement without options that lose too much, but for `forced` ones (fields of it), and what is said of them.

    Nothing changes for weights or devices that were not measured.
    """
    if table is None or (_weights(table.revision), table.device) != (_weights(revision), device):
        return placement, ()
    told = []
    for row in _bad(placement, table):
        name = row.option.partition("=")[0]
        lost = f"{row.option} loses {row.lost:.1f} points of 100 against float32 on this model"
        if name in forced:
            told.append(f"{lost}, and is used because it is asked for.")
        else:
            placement = replace(placement, **{name: getattr(_PLAIN, name)})
            told.append(f"{lost}, and is not used; name it in KINORAY_PLACEMENT to force it.")
    return placement, tuple(told)


def _bad(placement: Placement, table: LayoutTable) -> Iterator[Layout]:
    for option in options_of(placement):
        row = table.row(option)
        if row is not None and row.bad:
            yield row


def _weights(revision: str) -> str:
    """The part of a revision that says which weights they are; what follows says how they are laid out."""
    return revision.partition("-")[0]


def write(table: LayoutTable, path: Path) -> None:
    """Keep the table as JSON, a row in each line, whole or not at all."""
    head = {"format": FORMAT, **{name: value for name, value in asdict(table).items() if name != "rows"}}
    rows = ",\n  ".join(json.dumps(asdict(row)) for row in table.rows)
    fresh = path.with_suffix(".new")
    fresh.write_text(f'{json.dumps(head, indent=1)[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n')
    fresh.replace(path)


def read(path: Path) -> LayoutTable:
    """A table from its file. Raises ValueError when it is none."""
    try:
        told = json.loads(path.read_text())
        if told["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        rows = tuple(Layout(**row) for row in told["rows"])
        return LayoutTable(told["model"], told["revision"], told["device"], told["hardware"], rows)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of layouts: {error}") from error


def find(model: str, own: Path | None = None) -> LayoutTable | None:
    """The model's table: the operator's, below `own`, before the one that comes with Kinoray; None without one.

    Raises ValueError: the file is no sound table.
    """
    name = f"{model.replace('/', '--')}.json"
    for folder in ((own / "layouts") if own is not None else None, FOLDER):
        if folder is not None and (folder / name).exists():
            return read(folder / name)
    return None
