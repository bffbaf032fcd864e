"""Entries of the setting `models` on their way from a folder to frames, family by family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engine.loop import Engine
from app.line.batcher import Rules
from app.models.loading import load_entry
from app.models.report import reports
from app.models.served import BadModel, served
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import VideoRequest
from tests.engine.families.loading.test_load import tiny_cogvideox, tiny_hunyuan, tiny_ltx, tiny_z_image
from tests.engine.families.saved import save_t2v
from tests.engine.plans import Listener

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize("preset", [None, "memory"])
@pytest.mark.parametrize(
    ("family", "save", "size", "frames"),
    [
        ("wan2.1-t2v-1.3b", save_t2v, (32, 16), 5),
        ("ltx-video", lambda folder: tiny_ltx().save_pretrained(folder), (64, 32), 9),
        ("hunyuan-video", lambda folder: tiny_hunyuan().save_pretrained(folder), (32, 16), 5),
        ("cogvideox-5b", lambda folder: tiny_cogvideox().save_pretrained(folder), (32, 16), 9),
        ("z-image-turbo", lambda folder: tiny_z_image().save_pretrained(folder), (32, 16), 1),
    ],
)
def test_a_folder_is_found_sound_loaded_planned_for_and_makes_its_frames(
    family: str, save: Callable[[Path], Any], size: tuple[int, int], frames: int, preset: str | None, tmp_path: Path
) -> None:
    save(tmp_path)
    entry = {"id": "it", "family": family, "source": str(tmp_path), "sizes": [size], "frames": [frames]}
    settings = Settings(models=[entry], preset=preset, threads=2)
    assert reports(settings, 2**40)[0].problems == ()
    ((model, bound),) = served(settings).pools.values()
    catalogue = Catalogue((model,), settings.default_name, settings.aliases)
    plan = make_plan(VideoRequest("a red ball", frames=frames), catalogue, settings, UNKNOWN, lambda: 1)
    engine, heard = Engine(load_entry(bound, settings), Rules(max_batch=2, slots=2)), Listener()
    assert engine.warm_up(model) > 0
    engine.submit("a", plan, heard)
    made = heard.wait().frames
    engine.close(20)
    assert made.shape == (frames, size[1], size[0], 3)
    assert made.std() > 0


def test_a_lora_that_cannot_be_loaded_ends_the_start_naming_entry_adapter_and_file(tmp_path: Path) -> None:
    save_t2v(tmp_path)
    (tmp_path / "few.safetensors").write_bytes(b"no weights")
    entry = ModelEntry(
        id="it",
        family="wan2.1-t2v-1.3b",
        source=str(tmp_path),
        loras={"few": {"source": str(tmp_path), "file": "few.safetensors"}},
    )
    with pytest.raises(BadModel, match=r"models: it: the LoRA few \(few\.safetensors\) cannot be loaded"):
        load_entry(entry, Settings(threads=1))
