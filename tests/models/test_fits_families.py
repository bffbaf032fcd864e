"""What `kinoray models --fits` says of each family's parts is what they weigh when its reader has loaded them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    Kandinsky5I2VPipeline,
    Kandinsky5T2VPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    UniPCMultistepScheduler,
    WanVACEPipeline,
)
from torch import nn

from app.engine.families.hunyuan_picture import REPLACES
from app.engine.families.models import Parts
from app.engine.families.registry import files_of, reader
from app.models.fits import fits
from app.models.published import PUBLISHED
from app.plan.families import FAMILIES
from app.settings import Settings
from tests.engine.families import test_kandinsky5 as kandinsky
from tests.engine.families.loading import test_hunyuan_picture as look
from tests.engine.families.loading import test_load
from tests.engine.families.saved import save_i2v, save_t2v, tiny_t5
from tests.engine.families.saved_ltx2 import tiny_ltx2_pipeline
from tests.engine.families.test_first_pictures import hunyuan10_pipeline
from tests.engine.families.tiny import tiny_autoencoder
from tests.engine.families.tiny_h3 import conditioner, eye, h3_parts
from tests.engine.families.tiny_kandinsky5 import kandinsky5_parts
from tests.engine.families.wan import test_diffusion_forcing, test_vace
from tests.models.test_fits import WITHIN, held

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def saved(pipeline: Any) -> Callable[[Path], None]:
    return lambda folder: pipeline().save_pretrained(folder)


def vace() -> WanVACEPipeline:
    tokenizer, encoder = tiny_t5()
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    parts = {"vae": tiny_autoencoder(), "transformer": test_vace.vace_transformer()}
    return WanVACEPipeline(tokenizer=tokenizer, text_encoder=encoder, scheduler=scheduler, **parts)


def skyreels() -> SkyReelsV2DiffusionForcingPipeline:
    tokenizer, encoder = tiny_t5()
    parts = test_diffusion_forcing.transformer(), tiny_autoencoder(), UniPCMultistepScheduler()
    return SkyReelsV2DiffusionForcingPipeline(tokenizer, encoder, *parts)


def minimax(half: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        tokenizer, encoder = conditioner()
        parts: dict[str, Any] = {**h3_parts(), "tokenizer": tokenizer, "text_encoder": encoder, "processor": eye()}
        parts[half] = parts.pop("transformer")
        for name, each in parts.items():
            each.save_pretrained(folder / name)
        (folder / "modular_model_index.json").write_text(json.dumps({"_class_name": "MiniMaxH3ModularPipeline"}))

    return save


def kandinsky5(kind: Any) -> Callable[[Path], None]:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=5.0)
    return saved(lambda: kind(scheduler=scheduler, **kandinsky.encoders(), **kandinsky5_parts()))


MODELS: dict[str, Callable[[Path], None]] = {
    "wan2.1-t2v-1.3b": save_t2v,
    "wan2.1-i2v-14b-480p": save_i2v,
    "wan2.1-vace-1.3b": saved(vace),
    "skyreels-v2-df-1.3b-540p": saved(skyreels),
    "ltx-video": saved(test_load.tiny_ltx),
    "ltx-2": saved(tiny_ltx2_pipeline),
    "minimax-h3": minimax("transformer"),
    "minimax-h3-references": minimax("transformer_ref"),
    "hunyuan-video": saved(test_load.tiny_hunyuan),
    "hunyuan-video-i2v": saved(lambda: hunyuan10_pipeline(REPLACES, look.plan_of(), **look.encoders())),
    "hunyuan-video-1.5-480p": saved(test_load.tiny_hunyuan15),
    "cogvideox-5b": saved(test_load.tiny_cogvideox),
    "kandinsky-5-lite-t2v-5s": kandinsky5(Kandinsky5T2VPipeline),
    "kandinsky-5-pro-i2v-5s": kandinsky5(Kandinsky5I2VPipeline),
    "z-image": saved(test_load.tiny_z_image),
}
APART = ("transformer", "vae", "image_encoder")  # the last is held by what sees with it


def test_there_is_one_of_each_loader() -> None:
    assert {FAMILIES[name].loader for name in MODELS} == {row.loader for row in FAMILIES.values()}


@pytest.mark.parametrize("family", MODELS)
def test_the_bytes_of_each_part_are_those_of_the_loaded_model(family: str, tmp_path: Path) -> None:
    MODELS[family](tmp_path)
    entry = {"id": "it", "family": family, "source": str(tmp_path)}
    told = next(each for each in fits(Settings(models=[entry]), 2**30) if each.layout == "bfloat16")
    files = files_of(str(tmp_path), dtype="bfloat16", local=True, family=family)
    parts: Parts = reader(FAMILIES[family].loader).open(files, None).parts  # type: ignore[attr-defined]
    assert told.parts["transformer"] == pytest.approx(held(parts.transformer), rel=WITHIN)
    assert told.parts["vae"] == pytest.approx(held(parts.autoencoder), rel=WITHIN)
    others = [each for each in (parts.text_encoder, *parts.sound) if isinstance(each, nn.Module)]
    beside = sum(told.parts.values()) - sum(told.parts[name] for name in APART if name in told.parts)
    assert beside == pytest.approx(sum(map(held, others)), rel=WITHIN)


def test_a_step_of_a_model_that_needs_a_reference_has_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = ("minimax-h3", "minimax-h3-references")
    monkeypatch.setattr("app.models.fits.PUBLISHED", {name: PUBLISHED[name] for name in halves})
    told = {each.model: each.step_s for each in fits(Settings(), 2**36, 1e14) if each.layout == "bfloat16"}
    assert told[halves[1]] / told[halves[0]] >= 151.9 / 124, "28 frames' worth of tokens more"  # type: ignore[operator]
