from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.calibration.budgets import Likeness
from app.calibration.draft_rules import Seen, Tried, auc, best, row_of
from app.calibration.drafts import Drafting
from app.engine.fake import FakeDenoiser
from app.plan.tables import Tables
from app.types import STUDENT, ModelProfile, StudentOfModel, TierOfModel

MODEL = ModelProfile(
    "tiny",
    "fake",
    "1",
    ((16, 16),),
    (5,),
    (4, 8),
    5,
    8,
    guidance=3.0,
    shift=3.0,
    student=StudentOfModel("abc", (1.0, 0.5)),
    tiers=(TierOfModel("preview", (2, 2, 2, 2), guidance=1.0, weights=STUDENT),),
)


def seen(quality: float, residual: float, plain: float = 90.0) -> Seen:
    return Seen(25, 10.0, plain, 80.0, 2.0, {"0.8": Tried(16, 5.0, quality, residual)})


GOOD, BAD = [seen(90.0, 0.1 + each / 100) for each in range(9)], [seen(30.0, 0.9)]


def test_drafts_that_lose_are_thrown_away_where_the_residual_tells_them() -> None:
    rule = best([*GOOD, *BAD], (0.8,))
    assert rule is not None
    assert (rule.kept, rule.quality) == (0.9, 90.0)
    assert 0.18 < rule.most_residual < 0.9
    assert rule.evaluations == pytest.approx((9 * 7.0 + 13.0) / 10)
    assert auc([*GOOD, *BAD], 0.8) == 1.0


def test_where_the_residual_tells_nothing_too_few_are_kept_to_be_worth_a_row() -> None:
    first_bad = [seen(30.0, 0.01), *GOOD]
    assert best(first_bad, (0.8,)) is None
    assert row_of("standard", first_bad, (0.8,)) is None
    assert auc(first_bad, 0.8) == 0.0


def test_the_level_of_the_fewest_evaluations_that_loses_little_is_taken() -> None:
    both = [replace(each, tried=each.tried | {"0.6": Tried(20, 3.0, 89.8, 0.1)}) for each in GOOD]
    rule = best(both, (0.8, 0.6))
    assert rule is not None
    assert (rule.level, rule.evaluations) == (0.6, 5.0)
    strict = best(both, (0.8, 0.6), allowed=0.1)
    assert strict is not None
    assert strict.evaluations > 5.0


def test_a_row_says_what_was_measured() -> None:
    row = row_of("standard", [*GOOD, *BAD], (0.8,))
    assert row is not None
    assert (row.starts, row.prompts, row.plain_quality, row.draft_quality) == ({25: 16}, 10, 90.0, 80.0)
    assert (row.kept, row.evaluations, row.plain_evaluations, row.auc) == (0.9, 7.6, 10.0, 1.0)


def test_prompts_that_were_measured_are_not_measured_again(tmp_path: Path) -> None:
    path, prompts = tmp_path / "p.json", ["a red ball", "a blue box", "a green star"]
    said: list[str] = []
    first = Drafting(FakeDenoiser(), MODEL, Likeness(), Tables(), path).seen(
        "standard", prompts[:2], (0.8,), said.append
    )
    again = FakeDenoiser()
    more = Drafting(again, MODEL, Likeness(), Tables(), path).seen("standard", prompts, (0.8,), said.append)
    assert more[:2] == first
    assert {name for forward in again.forwards for name in forward} == {"0"}  # the third alone
    assert all(each.plain == pytest.approx(100.0) and 0 < each.tried["0.8"].step < each.steps for each in more)
    with pytest.raises(ValueError, match="other weights"):
        Drafting(again, replace(MODEL, revision="2"), Likeness(), Tables(), path)


def test_drafts_that_show_all_that_is_asked_are_kept_together_or_not_at_all_and_a_look_costs_no_evaluation() -> None:
    good = [replace(seen(90.0, 0.9), unseen=0.0) for _ in range(7)]
    bad = [replace(seen(40.0, 0.1), unseen=0.4) for _ in range(3)]
    row = row_of("standard", [*bad, *good], (0.8,))
    assert row is not None
    assert (row.looked_at, row.kept, row.quality, row.auc) == (True, 0.7, 90.0, 1.0)
    assert row.most_residual == 0.0
    assert row.evaluations == pytest.approx((7 * 7.0 + 3 * 12.0) / 10)


def test_drafts_that_lack_something_are_thrown_away_though_none_was_seen_to_lose_by_it() -> None:
    good = [replace(seen(90.0, 0.0), unseen=0.0) for _ in range(9)]
    row = row_of("standard", [*good, replace(seen(90.0, 0.0), unseen=0.2)], (0.8,))
    assert row is not None
    assert (row.kept, row.most_residual) == (0.9, 0.0)
