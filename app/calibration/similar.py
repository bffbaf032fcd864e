"""`kinoray calibrate similar`: measures, offline, how many steps a start with a similar video may skip.

Pairs of prompts that ask for the same, reworded or a little edited, are sorted by their similarity; each second prompt
is made from noise, and with the first one's final latent at several shares of the steps. The share that loses at most a
point against the cold starts is allowed, and never more than MOST_SHARE, where a video would be a copy. What was
measured is kept, so that a run that was broken off goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.calibration.budgets import Judge
from app.calibration.offline import walked
from app.calibration.subject import Chosen
from app.embedded.checker.judge import Adherence
from app.embedded.text import TextEncoder
from app.embedded.world.pairs import Pair, edited, reworded
from app.engine.denoiser import Denoiser
from app.engine.timing.step_times import warm_up_plan
from app.models.vocabularies import worlds
from app.plan.prompt.worlds import World
from app.plan.similar.likeness import Asked, Facts, facts_of
from app.plan.similar.table import FOLDER, MOST_SHARE, SimilarRow, SimilarTable, write
from app.types import ModelProfile, Plan, Start

EDGES = (0.5, 0.65, 0.8, 0.9)
SHARES = (0.2, 0.4, 0.6, MOST_SHARE)
ALLOWED_LOSS = 1.0
STEPS = 30
_BATCH = 8

Qualities = dict[str, float]  # "cold", "before" (the first videos, made cold, too) and each share -> mean, 0..100


def by_similarity(
    pairs: Sequence[Pair], vectors: NDArray[np.float32], edges: Sequence[float]
) -> dict[float, list[Pair]]:
    """Pairs by the edge that their similarity reaches; `vectors` (n, 2, 384) of length one. Few ones are left out."""
    found: dict[float, list[Pair]] = {edge: [] for edge in edges}
    for pair, (one, other) in zip(pairs, vectors, strict=True):
        reached = [edge for edge in edges if float(one @ other) >= edge]
        if reached:
            found[reached[-1]].append(pair)
    return {edge: row for edge, row in found.items() if row}


def alike(pairs: Sequence[Pair], world: World) -> list[Pair]:
    """Those that a start is not refused, and that say everything: of what is not said nobody can judge."""
    return [
        (before, now)
        for before, now in pairs
        if Asked(now.prompt, world).differs(before.prompt) is None and _whole(facts_of(now.prompt, world))
    ]


def _whole(facts: Facts) -> bool:
    return len(facts.grounds) == 1 and len(facts.motions) == len(facts.subjects)


class Comparing:
    """Qualities of one model's similar starts; what `progress` has is not measured again."""

    def __init__(self, denoiser: Denoiser, model: ModelProfile, steps: int, progress: Path | None = None) -> None:
        self._denoiser = denoiser
        self._model = model
        self._steps = steps
        self._progress = progress
        self._known: dict[str, Qualities] = {}
        if progress is not None and progress.exists():
            told = json.loads(progress.read_text())
            if told["revision"] != model.revision:
                raise ValueError(f"{progress} is of other weights")
            self._known = told["qualities"]

    def plans(self, prompts: Sequence[str], first_seed: int, share: float = 0.0) -> list[Plan]:
        """A plan for each prompt, from noise or with a similar start at that share of the steps."""
        base = warm_up_plan(self._model)
        sampling = replace(base.sampling, steps=self._steps, budget=self._steps)
        step = int(share * self._steps)
        start = Start("measured", step, 1.0) if step else None
        seeds = range(first_seed, first_seed + len(prompts))
        return [
            replace(base, prompt=prompt, sampling=replace(sampling, seed=seed), start=start)
            for seed, prompt in zip(seeds, prompts, strict=True)
        ]

    def qualities(self, pairs: Sequence[Pair], shares: Sequence[float], judge: Judge) -> Qualities:
        """Mean quality of the pairs' second prompts, from noise and at each share of the steps."""
        texts = [(before.prompt, now.prompt) for before, now in pairs]
        key = f"{hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]}/{self._steps}"
        known = self._known.setdefault(key, {})
        todo = [share for share in shares if f"{share:g}" not in known]
        if todo or not {"cold", "before"} <= set(known):
            before = [pair[0].prompt for pair in pairs]
            asked = [pair[1].prompt for pair in pairs]
            sources = walked(self._denoiser, self.plans(before, 10_000), batch=_BATCH)
            latents = [state.latent for state in sources]
            if "before" not in known:
                videos = [self._denoiser.decode(state) for state in sources]
                known["before"] = judge.quality(asked, videos, videos)
            for share in ([] if "cold" in known else [0.0]) + todo:
                plans = self.plans(asked, 0, share)
                ends = walked(self._denoiser, plans, latents if share else None, _BATCH)
                videos = [self._denoiser.decode(state) for state in ends]
                known[f"{share:g}" if share else "cold"] = judge.quality(asked, videos, videos)
                self._save()
        return known

    def _save(self) -> None:
        if self._progress is not None:
            self._progress.parent.mkdir(parents=True, exist_ok=True)
            told = {"revision": self._model.revision, "qualities": self._known}
            self._progress.write_text(json.dumps(told, indent=1))


def rows_of(found: Mapping[float, tuple[int, Qualities]]) -> tuple[SimilarRow, ...]:
    """The rows of a table from the count and qualities of each edge: no row skips more than a more similar one."""
    rows: list[SimilarRow] = []
    for edge, (count, qualities) in sorted(found.items(), reverse=True):
        share, quality = 0.0, qualities["cold"]
        for tried in sorted(float(name) for name in qualities if name not in ("cold", "before")):
            if qualities[f"{tried:g}"] < from_noise(qualities, tried) - ALLOWED_LOSS:
                break
            share, quality = tried, qualities[f"{tried:g}"]
        if rows:
            share = min(share, rows[-1].share)
            quality = qualities[f"{share:g}"] if share else qualities["cold"]
        rows.append(SimilarRow(edge, share, round(quality, 2), round(from_noise(qualities, share), 2), count))
    return tuple(reversed(rows))


def from_noise(qualities: Qualities, share: float) -> float:
    """What a start at that share is compared with.

    The first videos and the cold second ones are both made from noise, and of the same scenes: their means are equal
    but for chance. A late start shares its luck with the first, an early one with the second; so this weights them.
    """
    return share * qualities["before"] + (1 - share) * qualities["cold"]


def measure(
    subject: Chosen,
    count: int,
    shares: Sequence[float] | None,
    edges: Sequence[float] | None,
    steps: int | None,
    seed: int,
    progress: Path | None = None,
    out: Path | None = None,
) -> Path:
    """Measure the built-in model and write the table where the planner looks for it: the file."""
    model = subject.profile
    say: Callable[[str], None] = Console(highlight=False).print
    pairs = alike(reworded(12 * count, seed) + edited(12 * count, seed), worlds()[model.id])
    texts = [question.prompt for pair in pairs for question in pair]
    vectors = TextEncoder.load().sentences(texts).numpy().reshape(len(pairs), 2, -1)
    comparing = Comparing(subject.load(), model, steps or STEPS, progress or subject.progress("similar"))
    out = out or subject.table(FOLDER, "similar")
    found: dict[float, tuple[int, Qualities]] = {}
    skipped = sorted(min(share, MOST_SHARE) for share in shares or SHARES)
    for edge, row in sorted(by_similarity(pairs, vectors, sorted(edges or EDGES)).items(), reverse=True):
        taken = row[:count]
        judge = Adherence([pair[1] for pair in taken])
        found[edge] = len(taken), comparing.qualities(taken, skipped, judge)
        told = ", ".join(f"{name}: {quality:.1f}" for name, quality in found[edge][1].items())
        say(f"from {edge:g}, {len(taken)} pairs: {told}")
        table = SimilarTable(model.id, model.revision, Adherence.measure, rows_of(found))
        write(table, out)  # a part is sound, too
    return out
