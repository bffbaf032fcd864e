"""`kinoray calibrate layout`: what each layout of a model costs and loses here against plain float32, as table and PNG.

Steps are timed in turns with float32's in one process, so that what else the machine does falls on both. Each row is
kept as soon as it is measured: interrupted, it goes on where it was.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.calibration.budgets import Likeness, by_class
from app.calibration.layout_drawing import draw
from app.calibration.mask_search import plans
from app.calibration.offline import made
from app.calibration.subject import CannotMeasure, Chosen
from app.embedded.checker.judge import Adherence, drawn
from app.engine.denoiser import Conditioning, Frames, JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.placement import left_out
from app.engine.timing.hardware import hardware
from app.plan.layouts.table import FOLDER, Layout, LayoutTable, options_of, read, write
from app.plan.tables import file_name
from app.settings.placement import PRESETS, Placement
from app.types import STEP_CACHES

STEPS = 25
_ROUNDS = 12  # timed steps of each, in turns
_WALKS = 5  # of a step cache, whose steps are uneven, likewise
_SEED = 4  # of the held-out prompts that are judged


@dataclass(frozen=True, slots=True)
class Kind:
    """A layout to measure: a placement with one thing changed, or a step cache on the plain one."""

    option: str
    placement: Placement
    step_cache: str = ""


Load = Callable[[Placement], FamilyDenoiser]
"""A placement to the denoiser that is laid out so."""


def kinds() -> list[Kind]:
    """What presets and placements consist of, each by itself: losses add up at worst."""
    each: list[dict[str, Any]] = [
        {"dtype": "bfloat16"},
        {"quantise": "int8"},
        {"quantise": "float8"},
        {"compile": "default", "compile_on_cpu": True},
    ]
    each += [{"layerwise": preset.layerwise} for preset in PRESETS.values() if preset.layerwise != "none"]
    found = [Placement(**wish) for wish in each]
    return [
        *(Kind(options_of(placement)[0], placement) for placement in found),
        *(Kind(f"step_cache={name}", Placement(), name) for name in STEP_CACHES),
    ]


class Measuring:
    """One model's layouts against its float32 run."""

    def __init__(
        self, subject: Chosen, load: Load, prompts: Sequence[str], judge: Adherence | None, mag: bool = False
    ) -> None:
        self._load, self._prompts, self._judge, self._mag = load, prompts, judge, mag
        self._plain = load(Placement())
        self._asked = plans(subject.profile, prompts, STEPS, subject.profile.samplers[0])
        self._videos: list[Frames] | None = None
        self._points: float | None = None

    @property
    def device(self) -> str:
        return self._plain.device.type

    @property
    def hardware(self) -> str:
        return hardware(self._plain.device)

    def row(self, kind: Kind) -> Layout:
        """Measure one; what this device cannot do says why."""
        lacking = left_out(kind.placement, self._plain.device)
        if kind.step_cache == "mag" and not self._mag:
            lacking = {"step_cache": "its magnitudes are not measured; see `kinoray calibrate magnitudes`"}
        if lacking:
            return Layout(kind.option, why="; ".join(lacking.values()))
        denoiser = self._plain if kind.step_cache else self._load(kind.placement)
        asked = [replace(plan, sampling=replace(plan.sampling, step_cache=kind.step_cache)) for plan in self._asked]
        first, began = self._begun(denoiser, 0, kind.step_cache), time.perf_counter()
        try:
            denoiser.predict([first])
        except Exception as error:  # noqa: BLE001 - what a kernel or compiler of this machine says is the finding
            return Layout(kind.option, why=f"{type(error).__name__}: {error}"[:200])
        first_s = time.perf_counter() - began
        step_s, plain_s = self._timed(denoiser, kind.step_cache)
        full = self._full()
        batch = 1 if kind.step_cache else 8
        videos = made(denoiser, asked, batch=batch)
        return Layout(
            kind.option,
            step_s=step_s,
            plain_step_s=plain_s,
            first_step_s=first_s,
            weight_bytes=denoiser.weight_bytes,
            plain_weight_bytes=self._plain.weight_bytes,
            likeness=round(Likeness().quality(self._prompts, videos, full), 2),
            adherence=None if self._judge is None else self._judge.quality(self._prompts, videos, full),
            plain_adherence=self._points,
            prompts=len(self._prompts),
        )

    def _timed(self, denoiser: FamilyDenoiser, step_cache: str) -> tuple[float, float]:
        """Median seconds of a step, and of plain float32's; of a step cache over a whole walk, which is uneven."""
        mine, plain = [], []
        if step_cache:
            for _ in range(_WALKS):
                mine.append(self._walk_s(step_cache))
                plain.append(self._walk_s(""))
        else:
            states = [self._begun(each, 0) for each in (denoiser, self._plain)]
            for _ in range(_ROUNDS):
                mine.append(_seconds(denoiser, states[0]))
                plain.append(_seconds(self._plain, states[1]))
        ratio = statistics.median(one / other for one, other in zip(mine, plain, strict=True))
        usual = statistics.median(plain)
        return ratio * usual, usual

    def _walk_s(self, step_cache: str) -> float:
        state, took = self._begun(self._plain, 0, step_cache), 0.0
        while not state.done:
            began = time.perf_counter()
            (velocity,) = self._plain.predict([state])
            took += time.perf_counter() - began
            self._plain.advance(state, velocity)
        return took / STEPS

    def _begun(self, denoiser: FamilyDenoiser, number: int, step_cache: str = "") -> JobState:
        plan = self._asked[number]
        plan = replace(plan, sampling=replace(plan.sampling, step_cache=step_cache))
        heard = Conditioning(*denoiser.encode([plan.prompt, plan.negative_prompt]))
        return denoiser.start(str(number), plan, heard)

    def _full(self) -> list[Frames]:
        if self._videos is None:
            self._videos = made(self._plain, self._asked)
            if self._judge is not None:
                self._points = self._judge.quality(self._prompts, self._videos, self._videos)
        return self._videos


def measure(subject: Chosen, prompts: Path | None, count: int, picture: Path | None, out: Path | None = None) -> Path:
    """Measure what is not in the table yet, and write it: the file. Raises CannotMeasure."""
    say = Console(highlight=False).print
    judge = None
    if subject.built_in and prompts is None:
        questions = drawn(_SEED)
        judge = Adherence(questions)
        lines = sum(by_class([each.prompt for each in questions], count).values(), [])
    else:
        lines = list(subject.prompts(prompts, ()))[:count]
    if not lines:
        raise CannotMeasure("there are no prompts to measure with")
    out = out or (
        FOLDER / file_name(subject.profile.id) if subject.folder is None else subject.table(FOLDER, "layouts")
    )
    measuring = Measuring(subject, subject.placed, lines, judge, subject.measured_magnitudes)
    rows = _kept(out, subject, measuring, len(lines))
    for kind in kinds():
        if kind.option not in rows:
            rows[kind.option] = row = measuring.row(kind)
            say(f"{row.option}: {row.why or f'{row.step_s / row.plain_step_s:.2f} of the step, lost {row.lost:.1f}'}")
            _write(subject, measuring, rows, out)
    table = _write(subject, measuring, rows, out)
    say(_shown(table))
    if picture is not None:
        draw(table, picture)
        say(f"drawn to {picture}")
    return out


def _kept(out: Path, subject: Chosen, measuring: Measuring, prompts: int) -> dict[str, Layout]:
    """Rows of a run that was cut short, on the same weights, hardware and number of prompts."""
    if not out.exists():
        return {}
    table = read(out)
    if (table.revision, table.hardware) != (subject.profile.revision, measuring.hardware):
        return {}
    return {row.option: row for row in table.rows if row.why or row.prompts == prompts}


def _write(subject: Chosen, measuring: Measuring, rows: dict[str, Layout], out: Path) -> LayoutTable:
    model = subject.profile
    table = LayoutTable(model.id, model.revision, measuring.device, measuring.hardware, tuple(rows.values()))
    out.parent.mkdir(parents=True, exist_ok=True)
    write(table, out)
    return table


def _shown(table: LayoutTable) -> Table:
    shown = Table(title=f"{table.model} on {table.hardware}")
    for head in ("layout", "step, ms", "of float32", "first step, s", "weights", "likeness", "points lost", ""):
        shown.add_column(head)
    for row in table.rows:
        if row.why:
            shown.add_row(row.option, *[""] * 6, f"not here: {row.why}")
            continue
        shown.add_row(
            row.option,
            f"{1000 * row.step_s:.1f}",
            f"{row.step_s / row.plain_step_s:.2f}",
            f"{row.first_step_s:.1f}",
            f"{row.weight_bytes / max(1, row.plain_weight_bytes):.2f}",
            f"{row.likeness:.1f}",
            f"{row.lost:.1f}",
            "not used by presets" if row.bad else "",
        )
    return shown


def _seconds(denoiser: FamilyDenoiser, state: JobState) -> float:
    began = time.perf_counter()
    denoiser.predict([state])[0].sum().item()  # waits for a device that computes on its own
    return time.perf_counter() - began
