"""Many masks of one length come in, what each of them loses against the full run goes out: walked together.

Walks that begin alike are one walk until they part, and all that want the denoiser at a step share its forwards, so
that the masks of all budgets of a length cost far less than one after another. Nothing is guessed: each mask is
really walked, by the engine's own steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from app.calibration.full_run import FullRun, masked
from app.engine.denoiser import Denoiser, JobState
from app.engine.reuse import forecast, look_back, remember
from app.types import Masks

BATCH = 16
"""Jobs in a forward: more gain nothing on a CPU."""

Node = tuple[tuple[Masks, ...], tuple[JobState, ...]]
"""Masks that have been alike so far, and where their walk of all jobs is."""


def walk_all(denoiser: Denoiser, full: FullRun, masks: Iterable[Masks]) -> dict[Masks, tuple[float, ...]]:
    """The error of each mask for each job: the mean squared difference of the final latent to the full run's, over the
    variance of all jobs' final latents.

    What masks have in common with the full run from the first step on is taken from there.
    """
    orders: dict[int, list[Masks]] = {}
    for each in masks:
        orders.setdefault(each.order, []).append(each)
    nodes: list[Node] = [(tuple(group), full.trail.states[0]) for group in orders.values()]
    for step in range(full.trail.masks.steps):
        nodes = [_begun(full, part, step) for node in nodes for part in _parted(node, step)]
        behind = [state for _, states in nodes for state in states if state.step == step]
        _stepped(denoiser, behind)
    return {mask: full.errors(states) for group, states in nodes for mask in group}


def _parted(node: Node, step: int) -> Iterator[Node]:
    """The masks of a node that run this step, and those that do not."""
    group, states = node
    for runs in (True, False):
        alike = tuple(masks for masks in group if masks.run[step] == runs)
        if alike:
            yield alike, states


def _begun(full: FullRun, part: Node, step: int) -> Node:
    """Its own copies of the jobs before this step; behind it, where the full run knows how it goes."""
    group, states = part
    if not all(group[0].run[: step + 1]):
        return group, tuple(masked(state, group[0]) for state in states)
    known = (masked(state, group[0]) for state in full.trail.states[step + 1])
    return group, tuple(replace(state, history=state.history[-look_back(state) :]) for state in known)


def _stepped(denoiser: Denoiser, states: Sequence[JobState]) -> None:
    asking = [state for state in states if not state.forecast]
    for state in states:
        if state.forecast:
            denoiser.advance(state, forecast(state.history, state.sigma))
    for first in range(0, len(asking), BATCH):
        batch = asking[first : first + BATCH]
        for state, velocity in zip(batch, denoiser.predict(batch), strict=True):
            remember(state, velocity)
            denoiser.advance(state, velocity)
