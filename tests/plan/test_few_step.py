from __future__ import annotations

from dataclasses import replace

import pytest

from app.plan.families import FAMILIES
from app.plan.few_step import ADAPTER, BY_FAMILY, FEW_STEPS, LTX, LTX_096, LTX_2, by_family, shifted


def test_every_row_is_of_a_family_and_says_where_it_is_from() -> None:
    for row in FEW_STEPS:
        assert set(row.families) <= FAMILIES.keys()
        assert row.told.startswith("https://")
        assert (row.kind == ADAPTER) == bool(row.file)
        assert all(bool(row.file_2) == (FAMILIES[name].guidance_2 is not None) for name in row.families if row.file)


def test_weights_that_are_distilled_have_the_steps_of_their_family() -> None:
    for name in ("ltx-video-distilled", "ltx-video-0.9.6-distilled", "ltx-2-distilled", "ltx-2.3-distilled"):
        (row,) = BY_FAMILY[name].values()
        assert row.steps == FAMILIES[name].most_steps == len(row.levels)
    assert (len(LTX), len(LTX_096), len(LTX_2)) == (7, 8, 8)


def test_lightx2vs_levels_are_its_step_list_at_its_shift() -> None:
    """As LightX2V's WanStepDistillScheduler picks them: index 1000 - step of a shifted, even schedule of 1000."""
    even = [place / 1000 for place in range(1000, 0, -1)]
    theirs = [5 * even[1000 - step] / (1 + 4 * even[1000 - step]) for step in (1000, 750, 500, 250)]
    assert shifted(5.0, 1.0, 0.75, 0.5, 0.25) == pytest.approx(theirs, abs=1e-6)
    assert BY_FAMILY["wan2.2-t2v-a14b"]["lightx2v"].levels == pytest.approx(theirs, abs=1e-6)


def test_two_methods_of_one_name_and_levels_of_another_count_are_refused() -> None:
    row = FEW_STEPS[0]
    with pytest.raises(ValueError, match="two methods called lightx2v"):
        by_family([row, row])
    with pytest.raises(ValueError, match="5 steps and 4 levels"):
        by_family([replace(row, steps=5)])
