from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.models.vocabularies import worlds
from app.plan.similar.similar import Kept, choose
from app.plan.similar.table import UNMEASURED, SimilarRow, SimilarTable, read, table_for, write
from app.plan.tables import load_tables
from tests.engine.plans import make_plan

WORLD = worlds()["kinoray-shapes"]
TABLE = SimilarTable(
    "tiny", "1", "adherence", (SimilarRow(0.6, 0.2, 90.0, 90.0, 8), SimilarRow(0.9, 0.5, 90.0, 90.0, 8))
)
PROMPT = "a small red ball rises on a black background"
PLAN = make_plan(PROMPT, steps=20, seed=5)


def kept(prompt: str, similarity: float, seed: int = 1, entry: str = "e") -> Kept:
    return Kept(entry, prompt, seed, similarity)


@pytest.mark.parametrize(("similarity", "step"), [(0.95, 10), (0.9, 10), (0.89, 4), (0.6, 4)])
def test_the_more_similar_the_prompt_the_later_the_start(similarity: float, step: int) -> None:
    choice = choose(PLAN, [kept(f"{PROMPT}!", similarity)], WORLD, TABLE)
    assert choice is not None
    assert choice.step == step


def test_too_little_likeness_is_no_start() -> None:
    assert choose(PLAN, [kept(f"{PROMPT}!", 0.59)], WORLD, TABLE) is None


def test_what_differs_in_what_matters_is_passed_over_for_what_does_not() -> None:
    found = [kept("a small blue ball rises on a black background", 0.99, entry="blue"), kept(f"{PROMPT}!", 0.7)]
    choice = choose(PLAN, found, WORLD, TABLE)
    assert choice is not None
    assert (choice.kept.entry, choice.step) == ("e", 4)


def test_another_seed_of_the_same_prompt_asks_for_another_take() -> None:
    assert choose(PLAN, [kept(PROMPT, 1.0, seed=6)], WORLD, TABLE) is None
    assert choose(PLAN, [kept(PROMPT, 1.0, seed=5)], WORLD, TABLE) is not None


def test_of_equally_similar_videos_the_one_of_the_same_seed_is_taken() -> None:
    choice = choose(PLAN, [kept(f"{PROMPT}!", 0.9, 1, "other"), kept(f"{PROMPT}!", 0.9, 5, "same")], WORLD, TABLE)
    assert choice is not None
    assert choice.kept.entry == "same"


def test_a_start_that_saves_next_to_nothing_is_none() -> None:
    few = make_plan(PROMPT, steps=6)
    assert choose(few, [kept(f"{PROMPT}!", 0.7)], WORLD, TABLE) is None


def test_weights_that_nobody_has_measured_get_the_strict_table() -> None:
    assert table_for(load_tables().similar, "kinoray-shapes", "no such revision") is UNMEASURED
    assert table_for({}, "kinoray-shapes", "1") is UNMEASURED
    assert table_for({"tiny": TABLE}, "tiny", "1") is TABLE
    assert choose(PLAN, [kept(f"{PROMPT}!", 0.96)], None, UNMEASURED) is None
    assert choose(PLAN, [kept(f"{PROMPT}!", 0.98)], None, UNMEASURED) is not None


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    write(TABLE, tmp_path / "t.json")
    assert read(tmp_path / "t.json") == TABLE


def test_the_committed_tables_are_sound() -> None:
    assert "kinoray-shapes" in load_tables().similar


@pytest.mark.parametrize(
    "rows",
    [
        (SimilarRow(0.9, 0.5, 1.0, 1.0), SimilarRow(0.6, 0.2, 1.0, 1.0)),
        (SimilarRow(0.6, 0.5, 1.0, 1.0), SimilarRow(0.9, 0.2, 1.0, 1.0)),
        (SimilarRow(0.6, 0.9, 1.0, 1.0),),
    ],
)
def test_an_unsound_table_is_refused(rows: tuple[SimilarRow, ...], tmp_path: Path) -> None:
    write(replace(TABLE, rows=rows), tmp_path / "t.json")
    with pytest.raises(ValueError, match=r"t\.json"):
        read(tmp_path / "t.json")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"format": "another"}))
    with pytest.raises(ValueError, match="another format"):
        read(tmp_path / "t.json")
