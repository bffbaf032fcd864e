from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.engine.denoiser import TOKENS
from app.engine.families import registry
from app.engine.families.loading.reader import Files, Options
from app.engine.families.ltx2.load import release_of
from app.engine.families.ltx2.releases import FULL, RELEASES
from app.plan.families import FAMILIES
from tests.engine.families.saved_ltx2 import tiny_ltx2_pipeline
from tests.engine.families.tiny_ltx2 import SPEC
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def files_in(folder: Path, family: str = "ltx-2") -> Files:
    return Files(str(folder), torch.float32, torch.device("cpu"), local=True, family=family)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ltx-2")
    tiny_ltx2_pipeline().save_pretrained(path)
    return path


def test_a_folder_makes_the_pictures_and_the_sound_of_its_pipeline(folder: Path) -> None:
    reader = registry.reader("ltx2.load")
    denoiser = reader.load(files_in(folder))
    plan = replace(make_plan("red ball", 3, guidance=2.0, spec=SPEC, shift=1.0), negative_prompt="red", sound=True)
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state)
    pipeline: Any = tiny_ltx2_pipeline()
    pipeline.set_progress_bar_config(disable=True)
    frames, waveform = pipeline(
        prompt=plan.prompt,
        negative_prompt=plan.negative_prompt,
        width=SPEC.width,
        height=SPEC.height,
        num_frames=SPEC.frames,
        frame_rate=float(SPEC.fps),
        num_inference_steps=3,
        guidance_scale=2.0,
        audio_guidance_scale=2.0,
        stg_scale=0.0,
        audio_stg_scale=0.0,
        modality_scale=1.0,
        audio_modality_scale=1.0,
        guidance_rescale=0.0,
        audio_guidance_rescale=0.0,
        use_cross_timestep=False,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
        return_dict=False,
    )
    heard = denoiser.decode_sound(state)
    assert heard is not None
    assert np.abs(denoiser.decode_float(state) - frames[0]).max() <= 1e-4
    assert np.abs(heard.samples - waveform[0].numpy()).max() <= 1e-4
    alone = reader.load_encoder(files_in(folder))(["red ball"])[0]
    inside = denoiser.encode(["red ball"])[0]
    assert all(torch.equal(alone[name], inside[name]) for name in inside)
    without = reader.load(files_in(folder), Options(encode=lambda prompts: [alone for _ in prompts]))
    assert torch.equal(without.encode(["anything"])[0][TOKENS], inside[TOKENS])


def test_every_release_has_a_row_and_its_own_levels_where_it_is_distilled() -> None:
    rows = {name: row for name, row in FAMILIES.items() if row.loader == "ltx2.load"}
    assert rows.keys() == RELEASES.keys()
    assert all(row.makes_sound and row.takes_image for row in rows.values())
    assert {name: row.most_steps or 0 for name, row in rows.items()} == {
        name: len(release.ladder) for name, release in RELEASES.items()
    }
    assert release_of(files_in(Path("Lightricks/LTX-2.3"), "")) is FULL
    assert release_of(files_in(Path("me/my-ltx-2-distilled"), "")).ladder
