"""A request, its model and its tier come in; whether the model's distilled student makes it, or why not, goes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from app.plan.guidance import asked_of
from app.types import STUDENT, ModelProfile, StudentOfModel, VideoRequest

SAMPLER: Final = "euler"
"""What students are distilled for: one step of it crosses one of their segments."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Which weights make a video: the student, or, with None, the model's own; `model` is the model as these make it.

    `reason` is for people, "" where the tier names no student.
    """

    model: ModelProfile
    student: StudentOfModel | None = None
    reason: str = ""


def maker(request: VideoRequest, model: ModelProfile, tier: str) -> Maker:
    """The student where the tier names it and nothing is asked for that it does not know, else the model itself.

    The model then does as if it had no student: its tier has the table's steps, and its own guidance.
    """
    own = replace(model, tiers=tuple(row for row in model.tiers if row.weights != STUDENT))
    named = any(row.tier == tier and row.weights == STUDENT for row in model.tiers)
    if model.student is None or not named:
        return Maker(own)
    if found := next(_beyond(request, model, model.student), None):
        return Maker(own, reason=f"The distilled student is not used, for {found}; the model's own weights make it.")
    count = model.student.evaluations
    return Maker(model, model.student, f"The distilled student makes it, in {count} evaluations without guidance.")


def _beyond(request: VideoRequest, model: ModelProfile, student: StudentOfModel) -> Iterator[str]:
    """What of a request the student does not know."""
    count = student.evaluations
    if request.steps not in (None, count):
        yield f"{request.steps} steps are asked for and it has {count}"
    if request.budget not in (None, count):
        yield f"a budget of {request.budget} is asked for and it runs all of its {count} steps"
    yield from _guided(request)
    if (request.sampler or model.samplers[0]) != SAMPLER:
        yield f"it is made for the sampler {SAMPLER}"
    if request.shift not in (None, model.shift):
        yield "another flow shift is asked for and its noise levels are fixed"
    if request.loras:
        yield "LoRAs are asked for, which are made for the model's own weights"
    if request.step_cache:
        yield "a step cache is asked for"
    if request.sees:
        yield "it knows no picture to begin with"


def _guided(request: VideoRequest) -> Iterator[str]:
    """What of a request is about guidance, which the student has none of."""
    if request.guidance not in (None, 1.0):
        yield f"a guidance of {request.guidance:g} is asked for and it has none"
    if asked_of(request):
        yield "it has no guidance to rule"
    if request.negative_prompt.strip():
        yield "it does not hear the negative prompt"
