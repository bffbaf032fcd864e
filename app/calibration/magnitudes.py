"""`kinoray calibrate magnitudes`: what MagCache has to know of a model, measured for the setting `mag_ratios`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.calibration.subject import CannotMeasure, Chosen
from app.engine.denoiser import Conditioning
from app.engine.families.embedded import CALIBRATION_PROMPTS
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.timing.step_times import warm_up_plan
from app.types import ModelProfile

_STEPS = 50
_PROMPTS = 4
_DIGITS = 4


def magnitudes(denoiser: FamilyDenoiser, model: ModelProfile, prompts: Sequence[str], steps: int) -> list[float]:
    """The mean over the prompts, one for each step, at the model's default shape; 1 for the first.

    Raises:
        UnsupportedParameter: a model of several transformers.
    """
    base = warm_up_plan(model)
    rows = []
    for seed, prompt in enumerate(prompts):
        sampling = replace(base.sampling, steps=steps, budget=steps, guidance=1.0, seed=seed)
        conditioning = Conditioning(*denoiser.encode([prompt, ""]))
        rows.append(denoiser.magnitudes(replace(base, prompt=prompt, sampling=sampling), conditioning))
    return [round(sum(column) / len(column), _DIGITS) for column in zip(*rows, strict=True)]


def measure(subject: Chosen, prompts: Path | None = None, steps: int | None = None) -> str:
    """The setting, for the environment or a file, from the first few prompts. Raises CannotMeasure."""
    lines = subject.prompts(prompts, CALIBRATION_PROMPTS)
    denoiser = subject.load()
    if not (subject.profile.step_caches and isinstance(denoiser, FamilyDenoiser)):
        raise CannotMeasure(f"models of the family {subject.profile.family} have no step caches")
    found = magnitudes(denoiser, subject.profile, lines[:_PROMPTS], steps or _STEPS)
    return f"KINORAY_MAG_RATIOS='{json.dumps({subject.profile.id: found})}'"
