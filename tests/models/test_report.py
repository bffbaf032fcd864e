"""`kinoray models`: what is served, whether its files are sound, and whether it fits, without loading any of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from app.client.cli import app
from app.models.report import Report, reports, unservable
from app.settings import Settings
from tests.engine.families.saved import save_lora, save_t2v

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


@pytest.mark.parametrize(
    ("departs", "why"),
    [
        ({"sizes": [[40, 41]]}, "40x41 is no size"),
        ({"sizes": [[64, 64], [40, 41]]}, "40x41 is no size"),
        ({"sizes": [[64, 64], [40, 41]], "tiers": {"preview": {"sizes": [[40, 41]]}}}, "40x41 is no size"),
        ({"frames": [6]}, "6 frames are not what it makes"),
    ],
)
def test_a_shape_that_the_model_cannot_make_is_told_before_anything_starts(
    folder: Path, departs: dict[str, Any], why: str
) -> None:
    (report,) = told(wan(folder, **departs))
    assert why in report.problems[0]
    assert unservable(Settings(models=[SHAPES, wan(folder, **departs)]), ROOM) == [f"wan: {report.problems[0][5:]}"]


def test_an_adapter_that_cannot_be_read_is_told_by_its_name_and_file(folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    save_lora(whole)
    assert told(wan(folder, loras={"style": {"source": str(whole)}}))[0].problems == ()
    wrong = {
        "cut.safetensors": (whole.read_bytes()[:-10], "is cut short"),
        "text.safetensors": (b"<html>not found</html>", "is no safetensors file"),
        "none.safetensors": (b"", "is no safetensors file"),
        "style.bin": (b"\x80\x02}q\x00.", "is no safetensors file"),
    }
    for name, (content, why) in wrong.items():
        (tmp_path / name).write_bytes(content)
        (report,) = told(wan(folder, loras={"style": {"source": str(tmp_path / name)}}))
        assert f"the LoRA style: {tmp_path / name} {why}" in report.problems[0]
    (tmp_path / "folder.safetensors").mkdir()
    assert told(wan(folder, loras={"style": {"source": str(tmp_path / "folder.safetensors")}}))[0].problems


def test_weights_that_were_cut_short_are_told(folder: Path, tmp_path: Path) -> None:
    save_t2v(tmp_path / "model")
    weights = tmp_path / "model" / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert f"{weights} is cut short" in told(wan(tmp_path / "model"))[0].problems[0]


def test_weights_larger_than_the_device_are_a_problem_unless_they_rest_elsewhere(folder: Path) -> None:
    assert "its weights take" in told(wan(folder), room=1000)[0].problems[0]
    weights = sum(told(wan(folder))[0].parts.values())
    both = Settings(models=[wan(folder), {**wan(folder), "id": "again"}])
    assert unservable(both, weights, shared=False) == []
    (why,) = unservable(both, weights, shared=True)
    assert why.startswith("wan, again: a replica of each pool takes")
    offloaded = Settings(models=[wan(folder)], placement={"offload": "model"})
    assert reports(offloaded, 1000)[0].problems == ()


def test_a_single_file_takes_the_place_of_the_folders_weights_and_what_is_wrong_with_it_is_said(
    folder: Path, tmp_path: Path
) -> None:
    import shutil

    from safetensors.torch import save_file

    bare = tmp_path / "bare"
    shutil.copytree(folder, bare)
    (bare / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    assert "the part transformer" in told(wan(bare))[0].problems[0]
    whole = tmp_path / "one.safetensors"
    save_file(_transformer(folder), whole)
    (report,) = told(wan(bare, transformer={"source": str(whole)}))
    assert (report.problems, report.fits) == ((), True)
    assert report.parts["transformer"] == told(wan(folder))[0].parts["transformer"]
    save_file({"x.weight": torch.zeros(2), "x.scale_weight": torch.ones(1)}, tmp_path / "scaled.safetensors")
    (tmp_path / "q.gguf").write_bytes(b"not a gguf")
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    for name, why in {
        "gone.safetensors": "there is no transformer file",
        "scaled.safetensors": "scales of their own",
        "q.gguf": "is no GGUF file",
        "old.ckpt": "only .gguf and .safetensors are read",
    }.items():
        (report,) = told(wan(bare, transformer={"source": str(tmp_path / name)}))
        assert why in report.problems[0]
    (report,) = told(wan(folder, transformer={"source": str(tmp_path), "file": whole.name, "file_2": whole.name}))
    assert "one transformer" in report.problems[0]
