from __future__ import annotations

from pathlib import Path

import pytest

from app.plan.budgets import Budget, BudgetTable
from app.plan.budgets import write as write_budgets
from app.plan.masks.mask import evenly
from app.plan.masks.table import MaskRow, MaskTable
from app.plan.masks.table import write as write_masks
from app.plan.similar.table import SimilarRow, SimilarTable
from app.plan.similar.table import write as write_similar
from app.plan.tables import file_name, load_tables


def tables_of(model: str) -> tuple[MaskTable, BudgetTable, SimilarTable]:
    return (
        MaskTable(model, "r1", (MaskRow(evenly(20, 10), 0.1, 0.2),)),
        BudgetTable(model, "r1", "likeness", {"simple": 8}, (Budget("standard", "simple", 25, 9, 95.0, 96.0),)),
        SimilarTable(model, "r1", "likeness", (SimilarRow(0.9, 0.3, 90.0, 90.0, 8),)),
    )


def write(folder: Path, model: str) -> None:
    masks, budgets, similar = tables_of(model)
    for kind in ("masks", "budgets", "similar"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    write_masks(masks, folder / "masks" / file_name(model))
    write_budgets(budgets, folder / "budgets" / file_name(model))
    write_similar(similar, folder / "similar" / file_name(model))


def test_kinorays_own_tables_are_found_without_a_folder_and_with_one_that_is_not_there(tmp_path: Path) -> None:
    for tables in (load_tables(), load_tables(tmp_path / "nothing")):
        assert set(tables.masks) == set(tables.budgets) == set(tables.similar) == {"kinoray-shapes"}


def test_an_operators_tables_are_found_beside_those_that_come_with_kinoray(tmp_path: Path) -> None:
    write(tmp_path, "org/wan")
    found = load_tables(tmp_path)
    assert (found.masks["org/wan"], found.budgets["org/wan"], found.similar["org/wan"]) == tables_of("org/wan")
    assert "kinoray-shapes" in found.masks
    assert "org/wan" not in load_tables().masks


def test_an_operators_table_counts_before_the_one_that_comes_with_kinoray(tmp_path: Path) -> None:
    write(tmp_path, "kinoray-shapes")
    found = load_tables(tmp_path)
    mine = (found.masks["kinoray-shapes"], found.budgets["kinoray-shapes"], found.similar["kinoray-shapes"])
    assert mine == tables_of("kinoray-shapes")


def test_an_unsound_table_is_named(tmp_path: Path) -> None:
    write(tmp_path, "org/wan")
    (tmp_path / "masks" / "broken.json").write_text("{}")
    with pytest.raises(ValueError, match="broken.json"):
        load_tables(tmp_path)
