from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.calibration.magnitudes import main as weigh
from app.plan import budgets
from app.plan.masks import files as measured
from app.plan.masks import table as masks
from app.plan.masks.mask import evenly
from app.settings import Settings
from tests.engine.families.saved import save_t2v


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(state_dir=tmp_path)
    measured.use(settings)
    yield settings
    measured._own = None


def test_an_operators_tables_are_found_beside_those_that_come_with_kinoray(settings: Settings) -> None:
    assert "org/wan" not in masks.tables()
    folder = settings.calibration_folder / "masks"
    folder.mkdir(parents=True)
    table = masks.Table("org/wan", "r1", (masks.Row(evenly(20, 10), 0.1, 0.2),))
    masks.write(table, folder / measured.file_name(table.model))
    masks._tables.cache_clear()
    assert masks.tables()["org/wan"] == table
    assert "kinoray-shapes" in masks.tables()
    assert "kinoray-shapes" in budgets.tables()


def test_an_operators_table_counts_before_the_one_that_comes_with_kinoray(tmp_path: Path) -> None:
    packaged, own = tmp_path / "packaged", tmp_path / "own"
    for folder in (packaged, own / "masks"):
        folder.mkdir(parents=True)
        (folder / "m.json").touch()
    assert measured.files(packaged, "masks", own) == [packaged / "m.json", own / "masks" / "m.json"]
    assert measured.files(packaged, "masks", None) == [packaged / "m.json"]


def test_magnitudes_of_a_model_of_the_settings_are_printed_as_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_t2v(tmp_path / "tiny")
    (tmp_path / "prompts.txt").write_text("a red ball\na blue box\n")
    entry = {"id": "tiny", "family": "wan2.1-t2v-1.3b", "source": str(tmp_path / "tiny")}
    monkeypatch.setenv("KINORAY_MODELS", json.dumps([entry | {"sizes": [[32, 16]], "frames": [5]}]))
    monkeypatch.setenv("KINORAY_DTYPE", "float32")
    weigh(["--model", "tiny", "--steps", "6", "--threads", "1", "--prompts", str(tmp_path / "prompts.txt")])
    name, _, value = capsys.readouterr().out.strip().partition("=")
    monkeypatch.setenv(name, value.strip("'"))
    ratios = Settings().mag_ratios["tiny"]
    assert len(ratios) == 6
    assert all(0.5 < ratio < 2 for ratio in ratios)


def test_a_model_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        weigh(["--model", "nobody"])
    assert "no model 'nobody'" in capsys.readouterr().err
