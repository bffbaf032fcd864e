"""What was measured of drafts comes in; from which on plans go on from one, and which are thrown away, goes out; pure.

The rule is the one with the fewest evaluations, over levels and thresholds, whose videos, kept or thrown away, lose no
more than is allowed against the plain plans. Where drafts are looked at there is one threshold: those in which anything
is missing that was asked for are thrown away: half of these come out worse, but few prompts have one to show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Final

from app.plan.speculative.table import DraftRow

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
    """A level and the residual up to which drafts are kept, and what that comes to over what was seen.

    The residual is halfway to that of the next draft, but 0 where none that is kept has any.
    """

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
            (kept[-1].residual + nearest) / 2 if kept[-1].residual else 0.0,
            fmean([each.quality for each in kept] + plain[count:]),
            fmean(used + spent[count:]),
            count / len(rows),
        )


def best(
    seen: Sequence[Seen], levels: Sequence[float], allowed: float = ALLOWED_LOSS, whole: bool = False
) -> Rule | None:
    """The rule of the fewest evaluations that loses at most `allowed` points; None: none spares any.

    Of rules that cost the same the strictest. `whole`: only drafts without any residual are kept.
    """
    plain = fmean(each.plain for each in seen)
    most = fmean(each.evaluations for each in seen)
    found = [rule for level in levels for rule in rules(seen, level) if rule.quality >= plain - allowed]
    cheaper = [rule for rule in found if rule.evaluations < most and not (whole and rule.most_residual)]
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
    rule = best(seen, levels, whole=looked_at)
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


def seen_of(told: Mapping[str, object]) -> Seen:
    """What was noted as JSON. Raises ValueError: it is damaged."""
    values = dict(told)
    tried = values.pop("tried")
    if not isinstance(tried, dict):
        raise ValueError("the progress is damaged")
    return Seen(**values, tried={level: Tried(**each) for level, each in tried.items()})  # type: ignore[arg-type]
