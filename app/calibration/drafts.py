"""`kinoray calibrate drafts`: measures, offline, how far plans may go on from a draft, and which drafts to throw away.

Held-out prompts are made three times at each noise level: by the plain plan, by the draft, and by the plan from the
draft's latent noised to that level; of the last the residual is noted, the distance of the model's own first guess from
the draft. The rule is then the one with the fewest evaluations, over levels and thresholds, whose videos, kept or
thrown away, lose no more than is allowed against the plain plans. What was measured is kept, prompt by prompt, so that
a run that was broken off goes on, and one with more prompts measures the new ones only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Final

import torch
from rich.console import Console

from app.calibration.budgets import Judge, Likeness
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
from app.plan.speculative.table import FOLDER, DraftRow, DraftTable, table_for, write
from app.plan.tables import Tables, load_tables
from app.plan.tiers import AUTO
from app.plan.work import evaluations
from app.settings import Settings
from app.types import FirstDraft, ModelProfile, Plan, VideoRequest

TIERS: Final = (AUTO, "standard", "premium")
LEVELS: Final = (0.89, 0.75, 0.6)
ALLOWED_LOSS: Final = 0.5
"""Points of the mean that drafts may cost: half of what is wanted at most, as what is measured is not exact."""


@dataclass(slots=True)
class Tried:
    """A prompt from a draft at one level: the first step walked, its evaluations, quality and residual."""

    step: int
    evaluations: float
    quality: float
    residual: float


@dataclass(slots=True)
class Seen:
    """A prompt in one tier: of the plain plan, of the draft, and of what comes of the draft by level.

    `unseen` is the share of what the draft has to show that is not seen in it; None: nobody can say.
    """

    steps: int
    evaluations: float
    plain: float
    draft: float
    draft_evaluations: float
    tried: dict[str, Tried] = field(default_factory=dict)
    unseen: float | None = None

    def by_sight(self) -> Seen:
        """The same with what is not seen for the residuals."""
        share = 1.0 if self.unseen is None else self.unseen
        return replace(self, tried={level: replace(each, residual=share) for level, each in self.tried.items()})

    @property
    def thrown_evaluations(self) -> float:
        """What it costs where the draft is thrown away: the draft, by residual the look at it, and the plain plan."""
        return self.draft_evaluations + (1.0 if self.unseen is None else 0.0) + self.evaluations


@dataclass(frozen=True, slots=True)
class Rule:
    """A level and the residual up to which drafts are kept, and what that comes to over what was seen."""

    level: float
    most_residual: float
    quality: float
    evaluations: float
    kept: float


def rules(seen: Sequence[Seen], level: float) -> Iterator[Rule]:
    """The rules of a level, one for each number of drafts kept; the strictest, which keeps one, first."""
    name = f"{level:g}"
    rows = sorted(seen, key=lambda each: each.tried[name].residual)
    plain, spent = [each.plain for each in rows], [each.thrown_evaluations for each in rows]
    for count in range(1, len(rows) + 1):
        kept = [each.tried[name] for each in rows[:count]]
        used = [each.draft_evaluations + each.tried[name].evaluations for each in rows[:count]]
        nearest = rows[count].tried[name].residual if count < len(rows) else kept[-1].residual
        if count < len(rows) and nearest == kept[-1].residual:
            continue  # of drafts that look alike one cannot be kept without the others
        yield Rule(
            level,
            (kept[-1].residual + nearest) / 2,
            fmean([each.quality for each in kept] + plain[count:]),
            fmean(used + spent[count:]),
            count / len(rows),
        )


def best(seen: Sequence[Seen], levels: Sequence[float], allowed: float = ALLOWED_LOSS) -> Rule | None:
    """The rule of the fewest evaluations that loses at most `allowed` points; None: none spares any.

    Of rules that cost the same the strictest.
    """
    plain = fmean(each.plain for each in seen)
    found = [rule for level in levels for rule in rules(seen, level) if rule.quality >= plain - allowed]
    cheaper = [rule for rule in found if rule.evaluations < fmean(each.evaluations for each in seen)]
    return min(cheaper, key=lambda rule: (rule.evaluations, rule.kept), default=None)


def auc(seen: Sequence[Seen], level: float) -> float | None:
    """How well the residual tells drafts from which the plan comes out worse than without: 0.5 not at all, 1 always.

    The share of pairs, one that loses and one that does not, of which the former has the larger residual (Mann and
    Whitney); None where all or none lose.
    """
    tried = [(each.tried[f"{level:g}"], each.plain) for each in seen]
    bad = [one.residual for one, plain in tried if one.quality < plain]
    good = [one.residual for one, plain in tried if one.quality >= plain]
    if not bad or not good:
        return None
    return fmean((one > other) + 0.5 * (one == other) for one in bad for other in good)


def row_of(tier: str, seen: Sequence[Seen], levels: Sequence[float]) -> DraftRow | None:
    """The row of a tier, by what is seen in drafts where that is known; None where no rule spares anything."""
    looked_at = all(each.unseen is not None for each in seen)
    seen = [each.by_sight() for each in seen] if looked_at else seen
    rule = best(seen, levels)
    if rule is None:
        return None
    name, found = f"{rule.level:g}", auc(seen, rule.level)
    return DraftRow(
        tier,
        rule.level,
        round(rule.most_residual, 5),
        {each.steps: each.tried[name].step for each in seen},
        len(seen),
        round(rule.quality, 2),
        round(fmean(each.plain for each in seen), 2),
        round(fmean(each.draft for each in seen), 2),
        round(rule.kept, 4),
        round(rule.evaluations, 3),
        round(fmean(each.evaluations for each in seen), 3),
        None if found is None else round(found, 3),
        looked_at,
    )


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


def seen_of(told: Mapping[str, object]) -> Seen:
    """What was noted as JSON. Raises ValueError: it is damaged."""
    values = dict(told)
    tried = values.pop("tried")
    if not isinstance(tried, dict):
        raise ValueError("the progress is damaged")
    return Seen(**values, tried={level: Tried(**each) for level, each in tried.items()})  # type: ignore[arg-type]


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
