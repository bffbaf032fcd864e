"""`kinoray models`: what is served, whether its files are sound, and whether it fits, without loading any of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from app.client.cli import app
from app.models.report import Report, reports
from app.settings import Settings
from tests.engine.families.saved import save_t2v

SHAPES = {"id": "kinoray-shapes", "family": "embedded", "source": "embedded"}
ROOM = 2**40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    save_t2v(made)
    return made


def wan(folder: Path, **more: Any) -> dict[str, Any]:
    return {"id": "wan", "family": "wan2.1-t2v-1.3b", "source": str(folder), **more}


def told(*entries: dict[str, Any], room: int = ROOM) -> list[Report]:
    return reports(Settings(models=entries), room)


def test_the_weights_are_counted_from_headers_in_the_precision_that_they_will_have(folder: Path) -> None:
    (full,) = told(wan(folder, dtype="float32"))
    (half,) = told(wan(folder, dtype="bfloat16"))
    numbers = sum(weight.numel() for weight in _transformer(folder).values())
    assert full.parts["transformer"] == 4 * numbers == 2 * half.parts["transformer"]
    assert full.parts["vae"] == half.parts["vae"], "the autoencoder stays in float32"
    assert full.needed > sum(full.parts.values()) > 0


def _transformer(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")


def test_the_larger_the_model_makes_videos_the_more_it_needs_and_what_is_too_much_does_not_fit(folder: Path) -> None:
    small, large = (told(wan(folder, sizes=[size]))[0] for size in ((64, 64), (1280, 720)))
    assert large.work > 50 * small.work
    assert [told(wan(folder), room=room)[0].fits for room in (ROOM, 1000)] == [True, False]


def test_the_built_in_model_is_sound_and_small() -> None:
    (report,) = told(SHAPES)
    assert (report.problems, report.fits, report.pools) == ((), True, ("main",))
    assert 2**20 < sum(report.parts.values()) < 2**28


def test_what_is_wrong_with_a_folder_is_said(folder: Path, tmp_path: Path) -> None:
    assert told(wan(tmp_path / "nowhere"))[0].problems[0].startswith("wan: there is no folder")
    (two,) = told(wan(folder, family="wan2.2-t2v-a14b"))
    assert "no transformer_2" in two.problems[0]
    save_t2v(tmp_path / "broken")
    weights = tmp_path / "broken" / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert "pickles" in told(wan(tmp_path / "broken"))[0].problems[0]


def test_two_that_want_one_pool_are_told(folder: Path) -> None:
    *_, last = told(SHAPES, wan(folder, pool="main"))
    assert "want the pool main" in last.problems[0]


def test_the_command_lists_and_fails_when_one_is_unsound(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    models = json.dumps([SHAPES, wan(folder)])
    config.write_text(f"applications: [{{args: {{models: {models}}}}}]")
    listed = CliRunner().invoke(app, ["models", "--config", str(config), "--json"])
    assert listed.exit_code == 0, listed.output
    assert [each["id"] for each in json.loads(listed.stdout)["models"]] == ["kinoray-shapes", "wan"]
    table = CliRunner().invoke(app, ["models", "--config", str(config)])
    assert table.exit_code == 0
    assert "wan" in table.stdout
    config.write_text(f"applications: [{{args: {{models: {json.dumps([wan(tmp_path / 'gone')])}}}}}]")
    assert CliRunner().invoke(app, ["models", "--config", str(config)]).exit_code == 1
