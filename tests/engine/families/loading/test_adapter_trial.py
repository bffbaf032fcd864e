"""Files tried on a model's layers without its numbers: the same verdict as a replica's loading."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.engine.families.loading.adapter_trial import Trial, tried
from app.uploads.fit import Fit
from tests.engine.families.loading.test_load import KINDS
from tests.engine.families.loading.test_lora import SHAPES, save
from tests.engine.families.saved import save_t2v

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def trial(folder: Path, file: str, loader: str = "wan.load", family: str = "wan-2.1-t2v") -> Fit:
    return tried(Trial(str(folder / file), loader, family, str(folder), None, True, 0, 2**32))


@pytest.mark.parametrize("name", SHAPES)
def test_what_diffusers_saves_fits(name: str, tmp_path: Path) -> None:
    save(tmp_path, name, save_t2v(tmp_path), SHAPES[name])
    verdict = trial(tmp_path, f"{name}.safetensors")
    assert (verdict.problem, verdict.lost, verdict.others, verdict.magnitudes) == (None, (), 0, 0)
    assert verdict.layers == 8


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "hunyuan-1.5"])
def test_every_family_is_tried_by_its_own_pipeline(kind: str, tmp_path: Path) -> None:
    family, build, *_ = KINDS[kind]
    pipeline = build()
    pipeline.save_pretrained(tmp_path)
    save(tmp_path, "strong", pipeline, SHAPES["strong"])
    verdict = trial(tmp_path, "strong.safetensors", family.__name__.removeprefix("app.engine.families."), kind)
    assert (verdict.problem, verdict.lost) == (None, ())


def test_layers_without_a_place_are_named_and_what_does_not_fit_says_why(tmp_path: Path) -> None:
    save(tmp_path, "strong", save_t2v(tmp_path), SHAPES["strong"])
    whole = load_file(tmp_path / "strong.safetensors")
    away = {
        f"transformer.blocks.7.attn1.to_q.lora_{half}.weight": torch.ones(4, 24).reshape(
            (4, 24) if half == "A" else (24, 4)
        )
        for half in "AB"
    }
    save_file(whole | away, tmp_path / "more.safetensors")
    assert trial(tmp_path, "more.safetensors").lost == ("blocks.7.attn1.to_q",)
    save_file(away, tmp_path / "none.safetensors")
    assert "not found in the base model" in str(trial(tmp_path, "none.safetensors").problem)
    wide = {key: tensor.repeat(1, 2) if "lora_A" in key else tensor for key, tensor in whole.items()}
    save_file(wide, tmp_path / "wide.safetensors")
    problem = str(trial(tmp_path, "wide.safetensors").problem)
    assert "size mismatch" in problem
    assert str(tmp_path) not in problem
    save_file({"unet.weight": torch.ones(2)}, tmp_path / "odd.safetensors")
    assert trial(tmp_path, "odd.safetensors").problem
