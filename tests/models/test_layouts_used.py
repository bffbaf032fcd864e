"""What was measured of layouts decides what a preset may use, when the model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.embedded.profile import MODEL_ID, profile
from app.models.loading import layout_of
from app.models.pool_names import entries_of
from app.plan.layouts.table import Layout, LayoutTable, write
from app.settings import Settings
from app.settings.model_entry import EMBEDDED

ENTRY = next(entry for entry in entries_of(Settings()) if entry.source == EMBEDDED)
LOSES = Layout("dtype=bfloat16", step_s=1, plain_step_s=2, likeness=80, adherence=90, plain_adherence=98)


@pytest.fixture(autouse=True)
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "calibration" / "layouts").mkdir(parents=True)
    table = LayoutTable(MODEL_ID, profile().revision, "cpu", "here", (LOSES,))
    write(table, tmp_path / "calibration" / "layouts" / f"{MODEL_ID}.json")


def test_a_preset_does_without_what_loses_too_much_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    used = layout_of(ENTRY, Settings(state_dir=tmp_path, preset="memory"))
    assert (used.dtype, used.offload) == ("float32", "group")
    assert "loses 8.0 points" in caplog.text


def test_what_is_named_is_used_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    used = layout_of(ENTRY, Settings(state_dir=tmp_path, preset="memory", placement={"dtype": "bfloat16"}))
    assert used.dtype == "bfloat16"
    assert "because it is asked for" in caplog.text
