"""`kinoray calibrate magnitudes`: what MagCache has to know of a model, measured for the setting `mag_ratios`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from app.calibration.subject import add_model, chosen
from app.engine.denoiser import Conditioning
from app.engine.families.embedded import CALIBRATION_PROMPTS
from app.engine.families.family import FamilyDenoiser
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the setting, for the environment or a file."""
    parser = argparse.ArgumentParser(prog="kinoray calibrate magnitudes", description=__doc__)
    add_model(parser)
    parser.add_argument("--steps", type=int, default=_STEPS, help="of the runs; for other lengths it is stretched")
    parser.add_argument("--prompts", type=Path, help="a file with a prompt in each line; the first few are used")
    asked = parser.parse_args(arguments)
    subject = chosen(parser, asked)
    if not (asked.prompts or subject.built_in):
        parser.error("--prompts FILE is needed: what people ask of this model")
    prompts = asked.prompts.read_text().splitlines() if asked.prompts else CALIBRATION_PROMPTS
    denoiser = subject.load()
    if not (subject.profile.step_caches and isinstance(denoiser, FamilyDenoiser)):
        parser.error(f"models of the family {subject.profile.family} have no step caches")
    found = magnitudes(denoiser, subject.profile, prompts[:_PROMPTS], asked.steps)
    typer.echo(f"KINORAY_MAG_RATIOS='{json.dumps({subject.profile.id: found})}'")


if __name__ == "__main__":
    main()
