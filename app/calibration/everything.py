"""`kinoray calibrate all`: all tables of the built-in model anew, in the order in which they rest on each other.

Masks first, as budgets are measured with them, then budgets, then drafts, whose plans have both, and similar starts.
Each stage writes its table when it is through. Each notes what it measured as it comes: interrupted, the same command
goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console

from app.calibration.budgets import by_class
from app.calibration.drafts import LEVELS
from app.calibration.every_budget import LEAST, MOST, Asked, EveryBudget, MaskMeasurer
from app.calibration.every_class import BudgetMeasurer, EveryClass
from app.calibration.every_edge import EdgeMeasurer, EveryEdge
from app.calibration.every_tier import DraftMeasurer, EveryTier, alike_together
from app.calibration.notes import Notes
from app.calibration.similar import EDGES, alike, by_similarity
from app.calibration.subject import CannotMeasure, Chosen, chosen
from app.calibration.units import Clock, Measurer, Tell, hands, work
from app.embedded.checker.judge import Adherence, drawn
from app.embedded.text import TextEncoder
from app.embedded.world.pairs import edited, reworded
from app.engine.families.embedded import CALIBRATION_PROMPTS
from app.models.vocabularies import worlds
from app.plan import budgets as budget_table
from app.plan.budgets import FOLDER as BUDGETS
from app.plan.masks import table as mask_table
from app.plan.masks.table import FOLDER as MASKS
from app.plan.similar import table as similar_table
from app.plan.similar.table import FOLDER as SIMILAR
from app.plan.speculative import table as draft_table
from app.plan.speculative.speculative import maker_of
from app.plan.speculative.table import FOLDER as DRAFTS
from app.plan.tables import file_name, load_tables
from app.plan.tiers import AUTO

STAGES: Final = ("masks", "budgets", "drafts", "similar")
WALKED: Final = (6, 2, 0, 7)  # of the calibration prompts, which are walked first: two subjects, a spin, a move, two
_SEEDS: Final = {"masks": 3, "budgets": 1, "drafts": 1, "similar": 1}  # of held-out prompts; 2, 4 and 77 are shown
_FOLDERS: Final = {"masks": MASKS, "budgets": BUDGETS, "drafts": DRAFTS, "similar": SIMILAR}
_RESTS_ON: Final = {"budgets": ("masks",), "drafts": ("masks", "budgets")}
"""What was measured with other tables is measured again."""
_TIERS: Final = (AUTO, "standard", "premium")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: prompts that masks are walked with, and judged by; prompts of each class for budgets; for
    drafts in the first tier, half as many in the others; pairs of each range of similarity; lengths that get masks."""

    walked: int = 3
    judged: int = 24
    each_class: int = 24
    drafts: int = 48
    pairs: int = 16
    lengths: tuple[int, ...] = tuple(range(LEAST, MOST + 1))


QUICK: Final = Effort(walked=1, judged=2, each_class=1, drafts=2, pairs=1, lengths=(5, 15))
"""To see that all works: its tables are not worth shipping."""


class Made(NamedTuple):
    """A stage, who measures for it (made in each process), and how its table is written."""

    stage: Any
    measurer: Callable[[], Measurer]
    write: Callable[[Any, Path], None]


def measure_all(
    only: Sequence[str], effort: Effort, processes: int, minutes: float | None, folder: Path | None, tell: Tell | None
) -> list[Path]:
    """Measure the stages named, or all; the tables that are through. `folder`: where to write them instead.

    Raises:
        CannotMeasure: there is no such stage.
    """
    if unknown := set(only) - set(STAGES):
        raise CannotMeasure(f"there is no {', '.join(sorted(unknown))}; there is: {', '.join(STAGES)}")
    tell = tell or Console(highlight=False).print
    clock = Clock() if minutes is None else Clock(time.monotonic() + 60 * minutes)
    subject = chosen(None, "float32", 1)
    written = []
    for name in STAGES:
        if only and name not in only:
            continue
        if name == "drafts" and not maker_of(subject.profile):
            tell("drafts: these weights have no student, so that there are none")
            continue
        path = _measured(name, subject, effort, processes, clock, folder, tell)
        if path is None:
            tell(f"{name}: time is up; the same command goes on from here")
            break
        written.append(path)
    return written


def _measured(
    name: str, subject: Chosen, effort: Effort, processes: int, clock: Clock, folder: Path | None, tell: Tell
) -> Path | None:
    made = stage_of(name, subject, effort, folder)
    rests = [_out(other, subject, folder) for other in _RESTS_ON.get(name, ())]
    tables = [hashlib.sha256(path.read_bytes()).hexdigest() for path in rests if path.exists()]
    model = subject.profile
    asked = {"revision": model.revision, "maker": maker_of(model), "effort": asdict(effort), "tables": tables}
    mark = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
    notes = Notes(Path("runs") / f"all-{name}-{mark}.jsonl", asked)
    began = time.monotonic()
    with hands(made.measurer, processes) as workers:
        if not work(made.stage, notes, workers, tell, clock):
            return None
    out = _out(name, subject, folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    made.write(made.stage.table(notes), out)
    tell(f"{name}: written to {out} after {(time.monotonic() - began) / 60:.1f} minutes")
    return out


def _out(name: str, subject: Chosen, folder: Path | None) -> Path:
    """Where a stage's table belongs, or, under a folder that is named, as an operator's tables lie there."""
    return (_FOLDERS[name] if folder is None else folder / name) / file_name(subject.profile.id)


def stage_of(name: str, subject: Chosen, effort: Effort, own: Path | None = None) -> Made:
    """A stage of the built-in model, from what is measured to where its table belongs.

    `own` is where tables of earlier stages were written instead of their usual places.
    """
    model = subject.profile
    measurer = partial(measurer_of, name, effort, own)
    if name == "masks":
        return Made(EveryBudget(model, _asked(subject, effort)), measurer, mask_table.write)
    if name == "budgets":
        masks = load_tables(own).masks.get(model.id)
        stage = EveryClass(model, Adherence.measure, _of_classes(effort), masks=masks)
        return Made(stage, measurer, budget_table.write)
    if name == "drafts":
        return Made(EveryTier(model, Adherence.measure, _of_tiers(effort)), measurer, draft_table.write)
    return Made(EveryEdge(model, _pairs(model.id, effort)), measurer, similar_table.write)


def measurer_of(name: str, effort: Effort, own: Path | None) -> Measurer:
    """Who measures a stage of the built-in model, with one thread: there may be several beside each other."""
    subject = chosen(None, "float32", 1)
    denoiser, model, tables = subject.load(), subject.profile, load_tables(own)
    judge = Adherence(drawn(_SEEDS[name]))
    if name == "masks":
        return MaskMeasurer(denoiser, model, _asked(subject, effort), judge)
    if name == "budgets":
        return BudgetMeasurer(denoiser, model, judge, tables, _of_classes(effort))
    if name == "drafts":
        return DraftMeasurer(denoiser, model, judge, tables, LEVELS, _of_tiers(effort))
    return EdgeMeasurer(denoiser, model, _pairs(model.id, effort))


def _asked(subject: Chosen, effort: Effort) -> Asked:
    walked = [CALIBRATION_PROMPTS[place] for place in WALKED[: effort.walked]]
    judged = _drawn("masks", effort.judged)
    return Asked(subject.profile.samplers, walked, judged, effort.lengths)


def _of_classes(effort: Effort) -> dict[str, list[str]]:
    return by_class([question.prompt for question in drawn(_SEEDS["budgets"])], effort.each_class)


def _of_tiers(effort: Effort) -> dict[str, list[str]]:
    counts = {tier: effort.drafts if tier == AUTO else effort.drafts // 2 for tier in _TIERS}
    return {tier: alike_together(_drawn("drafts", count)) for tier, count in counts.items()}


def _drawn(name: str, count: int) -> list[str]:
    return [question.prompt for question in drawn(_SEEDS[name])[:count]]


def _pairs(model: str, effort: Effort) -> dict[float, list[Any]]:
    count, seed = effort.pairs, _SEEDS["similar"]
    pairs = alike(reworded(12 * count, seed) + edited(12 * count, seed), worlds()[model])
    texts = [question.prompt for pair in pairs for question in pair]
    vectors = TextEncoder.load().sentences(texts).numpy().reshape(len(pairs), 2, -1)
    return {edge: row[:count] for edge, row in by_similarity(pairs, vectors, EDGES).items()}
