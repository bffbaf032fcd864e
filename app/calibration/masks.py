"""`kinoray calibrate masks`: searches, offline, for the steps that a budget should run, and writes a table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from app.calibration.mask_search import SHARES, STEPS, Effort, calibrate, targets_of
from app.calibration.subject import add_model, chosen
from app.engine.families.embedded import CALIBRATION_PROMPTS
from app.engine.sampler import SAMPLERS
from app.plan.masks.table import FOLDER, write


def main(arguments: Sequence[str] | None = None) -> None:
    """Search for a model's masks and write them where the planner looks for them."""
    usual = Effort()
    parser = argparse.ArgumentParser(prog="kinoray calibrate masks", description=__doc__)
    add_model(parser)
    parser.add_argument("--steps", type=int, nargs="+", default=list(STEPS))
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES))
    parser.add_argument("--prompts", type=Path, help="a file with a prompt in each line")
    parser.add_argument("--moves", type=int, default=usual.moves)
    parser.add_argument("--tries", type=int, default=usual.tries)
    parser.add_argument("--slack", type=float, default=usual.slack)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--sampler", choices=sorted(SAMPLERS), default=usual.sampler)
    parser.add_argument("--progress", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    subject = chosen(parser, asked)
    if not (asked.prompts or subject.built_in):
        parser.error("--prompts FILE is needed: what people ask of this model")
    prompts = asked.prompts.read_text().splitlines() if asked.prompts else CALIBRATION_PROMPTS
    effort = Effort(asked.moves, asked.tries, asked.slack, asked.seed, asked.sampler)
    targets, progress = targets_of(asked.steps, asked.shares), asked.progress or subject.progress("masks")
    say = Console(highlight=False).print
    table = calibrate(subject.load(), subject.profile, prompts, targets, effort, progress, say)
    out = asked.out or subject.table(FOLDER, "masks")
    out.parent.mkdir(parents=True, exist_ok=True)
    write(table, out)


if __name__ == "__main__":
    main()
