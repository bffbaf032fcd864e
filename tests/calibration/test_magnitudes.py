from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.calibration.magnitudes import main as weigh
from app.settings import Settings
from tests.engine.families.saved import save_t2v


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
