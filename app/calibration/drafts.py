"""`kinoray calibrate drafts`: measures, offline, how far plans may go on from a draft, and which drafts to throw away.

Held-out prompts are made three times at each noise level: by the plain plan, by the draft, and by the plan from the
draft's latent noised to that level; of the last the residual is noted, the distance of the model's own first guess from
the draft. What follows from that is decided in `draft_rules`. What was measured is kept, prompt by prompt, so that a
run that was broken off goes on, and one with more prompts measures the new ones only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Final

import torch
from rich.console import Console

from app.calibration.budgets import Judge, Likeness
from app.calibration.draft_rules import Seen, Tried, row_of, seen_of
from app.calibration.offline import BATCH, begin, finish
from app.calibration.subject import CannotMeasure, Chosen
from app.embedded.checker.judge import Adherence, drawn
from app.engine.denoiser import Denoiser, Frames, JobState, LooksAtDrafts
from app.engine.draft_check import residual
from app.models.vocabularies import readers
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.plan.speculative.shown import shown
from app.plan.speculative.speculative import draft_walk, kept_walk, maker_of
from app.plan.speculative.table import FOLDER, DraftTable, table_for, write
from app.plan.tables import Tables, load_tables
from app.plan.tiers import AUTO
from app.plan.work import evaluations
from app.settings import Settings
from app.types import FirstDraft, ModelProfile, Plan, VideoRequest

TIERS: Final = (AUTO, "standard", "premium")
LEVELS: Final = (0.89, 0.75, 0.6, 0.45)


class Drafting:
    """One model's drafts and what comes of them; what `progress` has is not measured again."""

    def __init__(
        self, denoiser: Denoiser, model: ModelProfile, judge: Judge, tables: Tables, progress: Path | None = None
    ) -> None:
        """Raises ValueError: the progress is of other weights."""
        self._denoiser = denoiser
        self._model = model
        self._judge = judge
        self._tables = replace(tables, drafts={})  # the plans' own levels do not matter here
        self._readers = readers()
        self._progress = progress
        self._known: dict[str, Seen] = {}
        self._of = [model.revision, maker_of(model)]
        if progress is not None and progress.exists():
            told = json.loads(progress.read_text())
            if told["of"] != self._of:
                raise ValueError(f"{progress} is of other weights")
            self._known = {name: seen_of(each) for name, each in told["seen"].items()}

    def seen(
        self,
        tier: str,
        prompts: Sequence[str],
        levels: Sequence[float],
        tell: Callable[[str], None],
        first_seed: int = 0,
    ) -> list[Seen]:
        """Each prompt in a tier, at all levels; told after each batch. Those of one length share forwards."""
        todo: dict[object, list[Plan]] = {}
        plans = {prompt: self._plan(tier, prompt, seed) for seed, prompt in enumerate(prompts, first_seed)}
        for prompt, plan in plans.items():
            before = self._known.get(f"{tier}/{prompt}")
            if before is None or not {f"{level:g}" for level in levels} <= set(before.tried):
                todo.setdefault(plan.masks, []).append(plan)
        for alike in todo.values():
            for first in range(0, len(alike), BATCH):
                batch = alike[first : first + BATCH]
                for plan, each in zip(batch, self._measured(batch, levels), strict=True):
                    self._known[f"{tier}/{plan.prompt}"] = each
                self._save()
                done = [self._known[name] for prompt in prompts if (name := f"{tier}/{prompt}") in self._known]
                tell(f"{tier}: {len(done)} of {len(prompts)} prompts, plain {fmean(each.plain for each in done):.2f}")
        return [self._known[f"{tier}/{prompt}"] for prompt in prompts]

    def _plan(self, tier: str, prompt: str, seed: int) -> Plan:
        """As the service plans it. Raises InvalidRequest: nothing makes drafts."""
        asked = VideoRequest(prompt, tier=tier, seed=seed, speculative=True)
        catalogue = Catalogue([self._model], self._model.id)
        return make_plan(asked, catalogue, Settings(), UNKNOWN, lambda: seed, self._tables, readers=self._readers)

    def _measured(self, plans: Sequence[Plan], levels: Sequence[float]) -> list[Seen]:
        prompts = [plan.prompt for plan in plans]
        drafts = self._walked([draft_walk(plan) for plan in plans])
        plain = self._walked([replace(plan, draft=None) for plan in plans])
        videos = [self._denoiser.decode(state) for state in plain]
        first = [self._denoiser.decode(state) for state in drafts]
        qualities = self._qualities(prompts, videos, videos)
        shown = self._qualities(prompts, first, videos)
        found = [
            Seen(
                plan.sampling.steps,
                evaluations(plan),
                quality,
                draft,
                evaluations(draft_walk(plan)),
                unseen=self._unseen(plan.prompt, frames),
            )
            for plan, quality, draft, frames in zip(plans, qualities, shown, first, strict=True)
        ]
        for level in levels:
            step = next(step for step, sigma in enumerate(plain[0].sigmas) if sigma <= level)
            walked = [kept_walk(replace(plan, draft=_at(plan.draft, step))) for plan in plans]
            states = begin(self._denoiser, walked, [state.latent for state in drafts])
            residuals = self._finished(states, drafts)
            again = self._qualities(prompts, [self._denoiser.decode(state) for state in states], videos)
            for each, plan, quality, far in zip(found, walked, again, residuals, strict=True):
                each.tried[f"{level:g}"] = Tried(step, evaluations(plan), quality, far)
        return found

    def _unseen(self, prompt: str, frames: Frames) -> float | None:
        """As the engine looks at a draft. A prompt that does not say all that it wants is no draft to go on from."""
        reader = self._readers.get(self._model.id)
        if reader is None or not isinstance(self._denoiser, LooksAtDrafts):
            return None
        asked = shown(prompt, reader)
        return 1.0 if asked is None else self._denoiser.unseen(frames, asked)

    def _finished(self, states: Sequence[JobState], drafts: Sequence[JobState]) -> list[float]:
        """Walk states that go on from drafts to their ends: the residuals of the first look at each."""
        found: list[float] = []

        def heed(state: JobState, velocity: torch.Tensor) -> None:
            if len(found) < len(drafts):
                found.append(residual(state, velocity, drafts[len(found)].latent))

        finish(self._denoiser, states, heed)
        return found

    def _walked(self, plans: Sequence[Plan]) -> list[JobState]:
        states = begin(self._denoiser, plans)
        finish(self._denoiser, states)
        return states

    def _qualities(self, prompts: Sequence[str], videos: Sequence[Frames], full: Sequence[Frames]) -> list[float]:
        rows = zip(prompts, videos, full, strict=True)
        return [self._judge.quality([prompt], [video], [whole]) for prompt, video, whole in rows]

    def _save(self) -> None:
        if self._progress is not None:
            self._progress.parent.mkdir(parents=True, exist_ok=True)
            told = {"of": self._of, "seen": {name: asdict(each) for name, each in self._known.items()}}
            self._progress.write_text(json.dumps(told))


def _at(draft: FirstDraft | None, step: int) -> FirstDraft | None:
    return None if draft is None else replace(draft, step=step)


def measure(
    subject: Chosen,
    prompts: Path | None,
    count: int,
    tiers: Sequence[str] | None,
    levels: Sequence[float] | None,
    seed: int,
    progress: Path | None = None,
    out: Path | None = None,
) -> Path:
    """Measure a model's drafts and write the table where the planner looks for it: the file. Raises CannotMeasure."""
    model = subject.profile
    if not maker_of(model):
        raise CannotMeasure(f"{model.id} has no student and no few-step adapter in its preview: it makes no drafts")
    judge: Judge
    if prompts is not None:
        judge, lines = Likeness(), list(subject.prompts(prompts, ()))[:count]
    else:
        questions = drawn(seed)[:count]
        judge, lines = Adherence(questions), list(subject.prompts(None, [question.prompt for question in questions]))
    say = Console(highlight=False).print
    tables = load_tables(subject.folder)
    notes, out = progress or subject.progress("drafts"), out or subject.table(FOLDER, "drafts")
    drafting = Drafting(subject.load(), model, judge, tables, notes)
    known = table_for(tables.drafts, model.id, model.revision, maker_of(model))
    rows = {row.tier: row for row in (known.rows if known else ())}
    chosen = sorted(levels or LEVELS, reverse=True)
    for tier in tiers or TIERS:
        seen = drafting.seen(tier, list(dict.fromkeys(lines)), chosen, say)
        row = row_of(tier, seen, chosen)
        rows.pop(tier, None)
        if row is None:
            say(f"{tier}: no draft is gone on from")
        else:
            rows[tier] = row
            say(f"{tier}: {row}")
        write(DraftTable(model.id, model.revision, maker_of(model), judge.measure, tuple(rows.values())), out)
    return out
