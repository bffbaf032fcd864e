from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.client.cli import app
from app.settings import Settings
from tests.engine.families.saved import save_t2v


def test_magnitudes_of_a_model_of_the_settings_are_printed_as_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_t2v(tmp_path / "tiny")
    (tmp_path / "prompts.txt").write_text("a red ball\na blue box\n")
    entry = {"id": "tiny", "family": "wan2.1-t2v-1.3b", "source": str(tmp_path / "tiny")}
    monkeypatch.setenv("KINORAY_MODELS", json.dumps([entry | {"sizes": [[32, 16]], "frames": [5]}]))
    monkeypatch.setenv("KINORAY_DTYPE", "float32")
    words = ["--model", "tiny", "--steps", "6", "--threads", "1", "--prompts", str(tmp_path / "prompts.txt")]
    name, _, value = CliRunner().invoke(app, ["calibrate", "magnitudes", *words]).stdout.strip().partition("=")
    monkeypatch.setenv(name, value.strip("'"))
    ratios = Settings().mag_ratios["tiny"]
    assert len(ratios) == 6
    assert all(0.5 < ratio < 2 for ratio in ratios)


@pytest.mark.parametrize(
    ("kind", "words", "why"),
    [
        ("magnitudes", ["--model", "nobody"], "no model 'nobody'"),
        ("masks", ["--model", "nobody"], "no model 'nobody'"),
        ("masks", ["--sampler", "dpm"], "no sampler 'dpm'"),
        ("budgets", ["--count", "0"], "--count"),
    ],
)
def test_what_cannot_be_measured_is_a_mistake_in_the_command(kind: str, words: list[str], why: str) -> None:
    done = CliRunner().invoke(app, ["calibrate", kind, *words], env={"COLUMNS": "200"})
    assert (done.exit_code, why in done.stderr) == (2, True)


def test_a_model_of_ones_own_needs_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_t2v(tmp_path / "tiny")
    entry = {"id": "tiny", "family": "wan2.1-t2v-1.3b", "source": str(tmp_path / "tiny")}
    monkeypatch.setenv("KINORAY_MODELS", json.dumps([entry | {"sizes": [[32, 16]], "frames": [5]}]))
    for kind in ("masks", "budgets", "magnitudes"):
        done = CliRunner().invoke(app, ["calibrate", kind, "--model", "tiny"], env={"COLUMNS": "200"})
        assert (done.exit_code, "--prompts FILE is needed" in done.stderr) == (2, True)
