"""The states of a batch come in, who shares a forward goes out: those of one group, but for jobs that step alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch

from app.engine.denoiser import JobState
from app.engine.reuse import guide

Forward = Callable[[Sequence[JobState]], list[tuple[JobState, torch.Tensor]]]


def forward_by_group(states: Sequence[JobState], forward: Forward, packs: bool = False) -> list[torch.Tensor]:
    """One forward for each group among the states, and one for each state that shares none; answers in their order.

    Unless it `packs`, a forward is of one shape.
    """
    groups: dict[tuple[str, tuple[int, ...]], list[JobState]] = {}
    for state in states:
        if not state.plan.sampling.alone:
            groups.setdefault((state.group, () if packs else state.shape), []).append(state)
    batches = [*groups.values(), *([state] for state in states if state.plan.sampling.alone)]
    answers = {id(state): velocity for batch in batches for state, velocity in forward(batch)}
    return [answers[id(state)] for state in states]


def guided(
    states: Sequence[JobState], both: Sequence[JobState], answers: Iterable[torch.Tensor]
) -> list[tuple[JobState, torch.Tensor]]:
    """The guided velocities from the conditional answers of all states, then the unconditional ones of `both`."""
    rows = list(answers)
    unconditional = dict(zip(map(id, both), rows[len(states) :], strict=True))
    conditional = zip(states, rows[: len(states)], strict=True)
    return [(state, guide(state, velocity, unconditional.get(id(state)))) for state, velocity in conditional]
