"""Finding a model's masks offline, resumably: what `kinoray calibrate masks` runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from random import Random

from app.calibration.annealing import annealed, farthest, promising, thinned
from app.calibration.full_run import FullRun, Trail
from app.calibration.mask_progress import Climb, Progress
from app.engine.denoiser import Denoiser
from app.engine.timing.step_times import warm_up_plan
from app.plan.masks.mask import cost, evenly
from app.plan.masks.table import MaskRow, MaskTable
from app.types import Masks, ModelProfile, Plan
from app.types.masks import bits

STEPS = (15, 25, 35, 50)
SHARES = (0.4, 0.5, 0.6, 0.75)  # budgets, of the steps
Target = tuple[int, int]  # steps, budget


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to search for each row, and by what dice."""

    moves: int = 300  # of the annealing, on guesses
    tries: int = 16  # masks that are walked in the climb
    slack: float = 0.05  # by how much more error unconditional passes may be saved
    seed: int = 0
    sampler: str = "euler"


def calibrate(
    denoiser: Denoiser,
    model: ModelProfile,
    prompts: Sequence[str],
    targets: Sequence[Target],
    effort: Effort,
    progress_file: Path,
    tell: Callable[[str], None] = lambda line: None,
) -> MaskTable:
    """The table of the model for these (steps, budget), by latent error on the prompts at the model's default shape.

    No row's error is above the even spread's. What `progress_file` has is not searched for again.

    Raises:
        ValueError: the progress file is of another search; a budget does not fit its steps.
    """
    asked = {"model": model.id, "revision": model.revision, "prompts": list(prompts), "effort": asdict(effort)}
    progress = Progress(progress_file, asked)
    missing = sorted({target for target in targets if not progress.has(target)})
    for steps, group in groupby(missing, key=lambda target: target[0]):
        full = FullRun(denoiser, plans(model, prompts, steps, effort.sampler))
        for target in group:
            row = replace(search(full, target, effort, progress), sampler=effort.sampler)
            progress.found(row)
            tell(
                f"{target[0]} steps, budget {target[1]}: error {row.error:g}, even spread {row.even_error:g}, "
                f"cost {cost(row.masks):g}, {full.forwards} forwards so far"
            )
    wanted = [row for row in progress.rows if (row.masks.steps, row.masks.budget) in set(targets)]
    return MaskTable(model.id, model.revision, tuple(wanted))


def plans(model: ModelProfile, prompts: Sequence[str], steps: int, sampler: str) -> list[Plan]:
    """A full run for each prompt, at the model's default shape, with a seed of its own."""
    base = warm_up_plan(model)
    sampling = replace(base.sampling, steps=steps, budget=steps, sampler=sampler)
    return [replace(base, prompt=prompt, sampling=replace(sampling, seed=seed)) for seed, prompt in enumerate(prompts)]


def search(full: FullRun, target: Target, effort: Effort, progress: Progress) -> MaskRow:
    """One row: the best of the even spread and the annealed mask, climbed from, and thinned."""
    climb = progress.climb
    if climb is None or (climb.steps, climb.budget) != target:
        climb = progress.climb = _first(full, target, effort)
        progress.save()
    trail = full.walk(climb.masks)
    while climb.tried < effort.tries:
        dice = Random(f"{effort.seed}/{target}/{climb.tried}")
        other = full.walk(promising(climb.masks, full.guess, dice), trail)
        climb.tried += 1
        if (error := full.error(other)) < climb.error:
            trail, climb.mask, climb.error = other, bits(other.masks.run), error
        progress.save()
    return _thin(full, trail, climb, effort.slack)


def _first(full: FullRun, target: Target, effort: Effort) -> Climb:
    """Where the climb starts: the best of the even spread, with lines or with reuse, and the annealed mask."""
    even = full.walk(evenly(*target))
    reused = full.walk(replace(even.masks, order=0))
    better = min(even, reused, key=full.error)
    dice = [Random(f"{effort.seed}/{target}/{start}") for start in ("a", "b", "c")]
    hopeful = [annealed(better.masks, full.guess, effort.moves, each) for each in dice]
    best = min((better, *(full.walk(masks, better) for masks in hopeful)), key=full.error)
    return Climb(*target, 0, bits(best.masks.run), best.masks.order, full.error(best), full.error(even))


def _thin(full: FullRun, trail: Trail, climb: Climb, slack: float) -> MaskRow:
    """Leave out unconditional passes while the error stays within the slack, and below the even spread's."""
    limit = min(climb.error * (1 + slack), climb.even_error)
    errors = {climb.masks: climb.error}

    def passes(masks: Masks) -> bool:
        errors[masks] = full.error(full.walk(masks, trail))
        return errors[masks] <= limit

    chain = thinned(climb.masks, full.guess) if climb.masks.unconditional[0] else [climb.masks]
    masks = farthest(chain, passes)
    return MaskRow(masks, _short(errors[masks]), _short(climb.even_error))


def _short(error: float) -> float:
    """Four digits: more would only be noise in a committed file."""
    return float(f"{error:.4g}")


def targets_of(steps: Sequence[int], shares: Sequence[float]) -> list[Target]:
    """(steps, budget) for every length and share, each once, in order."""
    return sorted({(length, max(1, round(share * length))) for length in steps for share in shares})
