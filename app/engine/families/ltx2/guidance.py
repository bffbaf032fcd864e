"""LTX-2's guidance: up to four passes a step, each modality pushed by scales of its own, both in one velocity.

The pipeline pushes clean guesses; x - sigma v is linear in v, so that here velocities are pushed, and what was pushed
last stands in for the passes at steps whose mask leaves them out. Only rescaling needs the clean guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from app.engine.denoiser import JobState
from app.engine.families.family import Row
from app.engine.families.ltx2.releases import Release, Scales
from app.engine.modalities import VIDEO, apart, joined

TEXT, PERTURBED, ISOLATED = "text", "perturbed", "isolated"  # what a pass leaves out


class Passes(Protocol):
    """The model as guidance asks it."""

    def seen(self, state: JobState) -> torch.Tensor:
        """The latents as the transformer sees them, (N,) float32: with a first frame in its place."""
        ...

    def predict(self, rows: Sequence[Row], without: str = "") -> torch.Tensor:
        """(B, N), of rows of one shape; `without`: PERTURBED or ISOLATED."""
        ...


class MultiModalGuidance:
    """The OwnGuidance of a release; `perturbs`: whether the transformer can be perturbed at all."""

    def __init__(self, model: Passes, release: Release, perturbs: bool) -> None:
        self._model = model
        self._release = release
        self._further = [
            *((PERTURBED,) if release.perturbs and perturbs else ()),
            *((ISOLATED,) if release.isolates else ()),
        ]

    def velocities(self, states: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        """See OwnGuidance. A picture that a video begins with stays as it is: its velocity is 0."""
        pushed = [state for state in states if state.unconditioned]
        texts = [Row(state, state.conditioning.prompt) for state in pushed]
        rows = [Row(state, state.conditioning.prompt) for state in states]
        rows += [Row(state, state.conditioning.negative) for state in pushed]
        answers = self._model.predict(rows).float()
        conditional = dict(zip(map(id, states), answers, strict=False))
        if pushed:
            further = {name: self._model.predict(texts, name).float() for name in self._further}
            worse = {TEXT: answers[len(states) :], **further}
            for place, state in enumerate(pushed):
                own = {name: answer[place] for name, answer in worse.items()}
                state.difference = self._push(state, conditional[id(state)], own)
        return [(state, self._guided(state, conditional[id(state)])) for state in states]

    def _push(self, state: JobState, velocity: torch.Tensor, worse: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What guidance adds to the conditional velocity (N,), of the velocities of all worse passes."""
        best = apart(velocity, state.modalities)
        added = {name: torch.zeros_like(part) for name, part in best.items()}
        for kind, answer in worse.items():
            for name, part in apart(answer, state.modalities).items():
                added[name] = added[name] + _scale(self._release.scales[name], kind, state) * (best[name] - part)
        return joined(added, state.modalities)

    def _guided(self, state: JobState, velocity: torch.Tensor) -> torch.Tensor:
        guided = velocity
        if state.guided:
            if state.difference is None:
                raise ValueError("No unconditional velocity has been computed yet.")
            guided = self._rescaled(state, velocity, velocity + state.difference)
        if not state.conditioning.picture:
            return guided
        parts = {name: part.clone() for name, part in apart(guided, state.modalities).items()}
        parts[VIDEO][:, 0] = 0
        return joined(parts, state.modalities)

    def _rescaled(self, state: JobState, velocity: torch.Tensor, guided: torch.Tensor) -> torch.Tensor:
        """The guided velocity, its clean guess brought back to the deviation of the unguided one as far as asked."""
        if not any(self._release.scales[each.name].rescale for each in state.modalities):
            return guided
        noisy = self._model.seen(state)
        plain, pushed = (apart(noisy - state.sigma * each, state.modalities) for each in (velocity, guided))
        for each in state.modalities:
            share, guess = self._release.scales[each.name].rescale, pushed[each.name]
            pushed[each.name] = share * guess * (plain[each.name].std() / guess.std()) + (1 - share) * guess
        found: torch.Tensor = (noisy - joined(pushed, state.modalities)) / state.sigma
        return found


def _scale(scales: Scales, kind: str, state: JobState) -> float:
    if kind == TEXT:
        return (state.guidance if scales.text is None else scales.text) - 1
    return scales.perturbed if kind == PERTURBED else scales.isolated - 1
