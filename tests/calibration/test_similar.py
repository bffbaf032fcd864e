from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.calibration.budgets import Likeness
from app.calibration.similar import Comparing, alike, by_similarity, rows_of
from app.embedded.world.pairs import changed, edited, reworded
from app.engine.fake import FakeDenoiser
from app.models.vocabularies import worlds
from app.plan.similar.likeness import Asked
from app.types import ModelProfile

MODEL = ModelProfile("tiny", "fake", "1", ((16, 16),), (5,), (4, 8), 5, 8, guidance=3.0, shift=3.0)
WORLD = worlds()["kinoray-shapes"]


def test_pairs_that_ask_for_the_same_are_allowed_and_those_that_do_not_are_refused() -> None:
    assert len(alike(edited(60, 3), WORLD)) > 20
    assert len(alike(reworded(60, 3), WORLD)) > 10
    unlike = changed(20, 8)  # of those one would say nothing of the ground in which they differ
    assert len(unlike) == 20
    assert all(Asked(now.prompt, WORLD).differs(before.prompt) for before, now in unlike)


def test_pairs_are_sorted_by_the_similarity_they_reach() -> None:
    pairs = edited(3, 3)
    vectors = np.array([[[1.0, 0.0], [cosine, (1 - cosine**2) ** 0.5]] for cosine in (0.4, 0.7, 0.95)], np.float32)
    assert by_similarity(pairs, vectors, (0.5, 0.9)) == {0.5: [pairs[1]], 0.9: [pairs[2]]}


def test_the_largest_share_that_loses_at_most_a_point_is_taken_and_no_lucky_one_behind_a_bad_one() -> None:
    found = {
        0.6: (8, {"cold": 90.0, "before": 90.0, "0.2": 89.5, "0.4": 80.0, "0.6": 95.0}),
        0.9: (8, {"cold": 90.0, "before": 90.0, "0.2": 90.0}),
    }
    assert [row.share for row in rows_of(found)] == [0.2, 0.2]


def test_the_less_similar_skips_no_more_than_the_more_similar() -> None:
    good = {"cold": 90.0, "before": 90.0, "0.2": 90.0, "0.4": 90.0}
    found = {0.6: (8, good), 0.9: (8, {"cold": 90.0, "before": 90.0, "0.2": 90.0, "0.4": 70.0})}
    assert [row.share for row in rows_of(found)] == [0.2, 0.2]


def test_a_run_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    pairs, first, again = reworded(2, 3), FakeDenoiser(), FakeDenoiser()
    path = tmp_path / "p.json"
    some = Comparing(first, MODEL, 5, path).qualities(pairs, (0.4,), Likeness())
    more = Comparing(again, MODEL, 5, path).qualities(pairs, (0.4, 0.6), Likeness())
    assert more.items() > some.items()
    assert len(again.forwards) == 5 + 2  # the sources once more, and the two steps that were left
    with pytest.raises(ValueError, match="other weights"):
        Comparing(again, replace(MODEL, revision="2"), 5, path)
