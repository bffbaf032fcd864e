"""The jobs that every system is given: the same list for all, drawn from a seed; and their plans for an engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from app.embedded.profile import profile
from app.engine.timing.step_times import warm_up_plan
from app.types import ModelProfile, Plan

LEAST_STEPS, MOST_STEPS = 15, 45
FRAMES = (9, 13, 17)
_SHAPES = ("ball", "box", "triangle", "star", "ring")
_COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "white")
_MOTIONS = ("rolls to the right", "slides left", "rises", "falls", "grows", "shrinks", "bounces", "orbits")
_GROUNDS = ("black", "gray", "sand", "night blue", "dark green")


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of a system."""

    prompt: str
    steps: int
    frames: int
    seed: int


def mixed(count: int, seed: int, frames: tuple[int, ...] = FRAMES[-1:]) -> list[Job]:
    """Jobs of 15 to 45 steps, each with its own prompt and seed."""
    dice = Random(seed)
    jobs = []
    for number in range(count):
        colour, shape, motion = dice.choice(_COLOURS), dice.choice(_SHAPES), dice.choice(_MOTIONS)
        prompt = f"a {colour} {shape} {motion} on a {dice.choice(_GROUNDS)} background"
        steps = dice.randint(LEAST_STEPS, MOST_STEPS)
        jobs.append(Job(prompt, steps, dice.choice(frames), 1000 * seed + number))
    return jobs


def plan_of(job: Job, model: ModelProfile | None = None, budget: int | None = None, sampler: str = "euler") -> Plan:
    """The job as an engine is given it."""
    base = warm_up_plan(model or profile())
    sampling = replace(base.sampling, steps=job.steps, budget=budget or job.steps, seed=job.seed, sampler=sampler)
    return replace(base, prompt=job.prompt, spec=replace(base.spec, frames=job.frames), sampling=sampling)
