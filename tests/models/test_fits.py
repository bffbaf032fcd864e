"""`kinoray models --fits`: what is said of memory and time by shapes alone is what loaded models take."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from app.client.cli import app
from app.engine.families.loading.placement import HOST, place
from app.engine.families.loading.quantised import available
from app.engine.families.loading.shapes import skeleton, weighed
from app.engine.families.models import Parts
from app.engine.families.registry import files_of, reader
from app.models.fits import LAYOUTS, best, fits, flops, size_of
from app.models.published import PUBLISHED
from app.plan.families import FAMILIES
from app.settings import Settings
from app.settings.placement import Placement
from tests.engine.families.saved import save_t2v
from tests.engine.families.tiny import tiny_transformer

GIB = 2**30
WITHIN = 0.05


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    save_t2v(made)
    return made


def entry(folder: Path) -> dict[str, Any]:
    return {"id": "wan", "family": "wan2.1-t2v-1.3b", "source": str(folder)}


def held(part: Any) -> int:
    """Bytes of a loaded part's weights, those of quantised ones by their inner tensors."""
    total = 0
    for each in part.parameters():
        inner = (
            [getattr(each, name) for name in each.__tensor_flatten__()[0]]
            if hasattr(each, "__tensor_flatten__")
            else [each]
        )
        total += sum(one.numel() * one.element_size() for one in inner)
    return total


@pytest.mark.parametrize(
    "layout",
    [
        "bfloat16",
        "memory",
        pytest.param("int8", marks=pytest.mark.skipif(not available(), reason="torchao is an extra")),
    ],
)
def test_the_bytes_of_each_part_are_those_of_the_loaded_model(folder: Path, layout: str) -> None:
    told = {each.layout: each for each in fits(Settings(models=[entry(folder)]), GIB)}[layout]
    placement = replace(LAYOUTS[layout], dtype="bfloat16", offload="none")
    opened = reader("wan.load").open(files_of(str(folder), dtype="bfloat16"), None)  # type: ignore[attr-defined]
    parts: Parts = opened.parts
    place(parts, placement, HOST)
    loaded = {"transformer": parts.transformer, "vae": parts.autoencoder, "text_encoder": parts.text_encoder}
    for name, part in loaded.items():
        assert told.parts[name] == pytest.approx(held(part), rel=WITHIN), name


def test_blocks_that_come_one_by_one_need_two_of_them_and_what_is_outside() -> None:
    many = Placement(dtype="bfloat16", offload="group")
    facts = dict(tiny_transformer().config) | {"num_layers": 20, "num_attention_heads": 8}
    part = skeleton("diffusers", "WanTransformer3DModel", facts)
    told = weighed("transformer", part, many, "bfloat16", False)
    block = sum(each.numel() * each.element_size() for each in part.blocks[0].parameters())  # type: ignore[union-attr, index]
    assert told.turn == told.resident - 18 * block


def test_what_a_step_computes_is_what_a_forward_multiplies() -> None:
    facts = dict(tiny_transformer().config) | {"num_attention_heads": 8, "attention_head_dim": 32, "ffn_dim": 1024}
    part = skeleton("diffusers", "WanTransformer3DModel", facts).to_empty(device="cpu")
    told = weighed("transformer", skeleton("diffusers", "WanTransformer3DModel", facts), Placement(), "float32", False)
    tokens = 3 * 12 * 12
    latent, text = torch.zeros(1, 4, 3, 24, 24), torch.zeros(1, 512, 16)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        part(latent, torch.tensor([1.0]), text)
    assert flops(told, tokens) == pytest.approx(counter.get_total_flops(), rel=0.25)


def test_every_family_can_be_weighed_as_it_was_published() -> None:
    assert set(PUBLISHED) == set(FAMILIES)
    for name, billions in {"wan2.1-t2v-1.3b": 1.42, "wan2.1-t2v-14b": 14.29, "wan2.2-ti2v-5b": 5.0}.items():
        part = skeleton(*PUBLISHED[name]["transformer"])
        assert _numbers(part) / 1e9 == pytest.approx(billions, rel=0.01)
    for name, billions in {
        "kandinsky-5-lite-t2v-5s": 2.0,
        "kandinsky-5-pro-t2v-5s": 19.0,
    }.items():  # as they are called
        part = skeleton(*PUBLISHED[name]["transformer"])
        assert _numbers(part) / 1e9 == pytest.approx(billions, rel=0.05)
    assert _numbers(skeleton(*PUBLISHED["wan2.1-t2v-1.3b"]["text_encoder"])) / 1e9 == pytest.approx(5.68, rel=0.01)


@pytest.mark.parametrize("family", ["ltx-2", "wan2.1-vace-1.3b"])
def test_models_of_sound_and_of_references_are_weighed_in_every_layout(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.models.fits.PUBLISHED", {family: PUBLISHED[family]})
    told = {each.layout: each for each in fits(Settings(), 24 * GIB, 1e14)}
    assert list(told) == list(LAYOUTS)
    assert told["bfloat16"].parts.keys() == PUBLISHED[family].keys()
    assert told["small"].peak < told["memory"].peak < told["bfloat16"].peak
    assert told["bfloat16"].step_s == told["small"].step_s


def _numbers(part: nn.Module) -> int:
    return sum(each.numel() for each in part.parameters())


def test_the_first_layout_that_fits_is_named_and_the_least_where_none_does(folder: Path) -> None:
    rooms = {room: best(list(fits(Settings(models=[entry(folder)]), room, 1e12)))[0] for room in (GIB * 16, GIB // 4)}
    roomy, tight = rooms.values()
    assert (roomy.layout, roomy.fits, tight.fits) == ("bfloat16", True, False)
    assert tight.peak <= roomy.peak
    assert roomy.step_s is not None


@pytest.mark.parametrize(
    ("text", "size"), [("12GiB", 12 * GIB), ("12", 12 * GIB), ("24gb", 24 * 10**9), ("0.5 G", GIB // 2)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert size_of(text) == size


def test_a_size_that_is_none_is_said() -> None:
    for text in ("", "much", "-3", "1e9", "12TiB"):
        with pytest.raises(ValueError, match="no size"):
            size_of(text)


def test_the_command_says_each_layout(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text(f"applications: [{{args: {{models: {json.dumps([entry(folder)])}}}}}]")
    asked = ["models", "--config", str(config), "--fits", "12GiB", "--tflops", "70"]
    listed = CliRunner().invoke(app, [*asked, "--json"])
    assert listed.exit_code == 0, listed.output
    told = json.loads(listed.stdout)
    assert [each["layout"] for each in told["layouts"]] == list(LAYOUTS)
    assert "bfloat16" in CliRunner().invoke(app, asked).stdout
    assert CliRunner().invoke(app, ["models", "--fits", "lots"]).exit_code == 1
