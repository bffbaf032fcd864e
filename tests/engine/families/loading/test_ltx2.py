from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline
from numpy.typing import NDArray

from app.embedded.profile import profile
from app.engine.checkpoint import to_bytes
from app.engine.denoiser import TOKENS
from app.engine.families import registry
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Files, Options
from app.engine.families.ltx2.load import release_of
from app.engine.families.ltx2.releases import FULL, REFINING, RELEASES
from app.plan.families import FAMILIES
from app.plan.stages import in_stages, walk_of
from app.types import GuidanceRule, Plan, Refined, VideoSpec
from tests.engine.families.loading.test_load import save_lora
from tests.engine.families.saved_ltx2 import tiny_ltx2_pipeline
from tests.engine.families.tiny_ltx2 import SPEC, tiny_upsampler
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def files_in(folder: Path, family: str = "ltx-2") -> Files:
    return Files(str(folder), torch.float32, torch.device("cpu"), local=True, family=family)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ltx-2")
    tiny_ltx2_pipeline().save_pretrained(path)
    return path


def by_theirs(pipeline: Any, plan: Plan) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frames and waveform, with text guidance alone."""
    frames, waveform = called(pipeline, plan)
    return frames[0], waveform[0].numpy()


def called(pipeline: Any, plan: Plan, **asked: Any) -> tuple[Any, Any]:
    """What one call gives."""
    pipeline.set_progress_bar_config(disable=True)
    usual: dict[str, Any] = {"generator": torch.Generator().manual_seed(plan.sampling.seed), "output_type": "np"}
    usual |= dict.fromkeys(("guidance_scale", "audio_guidance_scale"), plan.sampling.guidance)
    made: tuple[Any, Any] = pipeline(
        prompt=plan.prompt,
        negative_prompt=plan.negative_prompt,
        width=plan.spec.width,
        height=plan.spec.height,
        num_frames=plan.spec.frames,
        frame_rate=float(plan.spec.fps),
        num_inference_steps=plan.sampling.steps,
        stg_scale=0.0,
        audio_stg_scale=0.0,
        modality_scale=1.0,
        audio_modality_scale=1.0,
        guidance_rescale=0.0,
        audio_guidance_rescale=0.0,
        use_cross_timestep=False,
        return_dict=False,
        **(usual | asked),
    )
    return made


def test_a_folder_makes_the_pictures_and_the_sound_of_its_pipeline(folder: Path) -> None:
    reader = registry.reader("ltx2.load")
    denoiser = reader.load(files_in(folder))
    plan = replace(make_plan("red ball", 3, guidance=2.0, spec=SPEC, shift=1.0), negative_prompt="red", sound=True)
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state)
    frames, waveform = by_theirs(tiny_ltx2_pipeline(), plan)
    heard = denoiser.decode_sound(state)
    assert heard is not None
    assert np.abs(denoiser.decode_float(state) - frames).max() <= 1e-4
    assert np.abs(heard.samples - waveform).max() <= 1e-4
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
        name: len(release.ladder) and len(release.ladder) + len(release.refining) for name, release in RELEASES.items()
    }
    assert release_of(files_in(Path("Lightricks/LTX-2.3"), "")) is FULL
    assert release_of(files_in(Path("me/my-ltx-2-distilled"), "")).ladder


def test_an_adapter_acts_on_its_jobs_alone_and_in_both_as_in_diffusers(folder: Path, tmp_path: Path) -> None:
    pipeline: Any = tiny_ltx2_pipeline()
    file = tmp_path / "few.safetensors"
    save_lora(file, pipeline.transformer)
    denoiser = registry.reader("ltx2.load").load(files_in(folder), Options(loras=[Lora("few", str(file))]))
    plain = replace(make_plan("red ball", 3, guidance=2.0, spec=SPEC, shift=1.0), negative_prompt="red", sound=True)
    plans = (plain, replace(plain, adapters=(("few", 1.0),)))
    states = [denoiser.start(str(each.adapters), each, hear(denoiser, each)) for each in plans]
    walk(denoiser, *states)
    for state in states:
        if state.plan.adapters:
            pipeline.load_lora_weights(file, adapter_name="few")
        frames, waveform = by_theirs(pipeline, state.plan)
        heard = denoiser.decode_sound(state)
        assert heard is not None
        assert np.abs(denoiser.decode_float(state) - frames).max() <= 1e-4
        assert np.abs(heard.samples - waveform).max() <= 1e-4
    assert np.abs(denoiser.decode_float(states[0]) - denoiser.decode_float(states[1])).max() > 1e-3


def guided_as(plan: Plan) -> dict[str, Any]:
    """What a call is asked so that its scales are nothing at steps without guidance."""

    def scale(step: int) -> float:
        return plan.sampling.guidance if plan.guides(step) else 1 + 1e-12  # at 1 it would have no pass at any step

    def then(pipeline: Any, step: int, *_: object) -> dict[str, Any]:
        vars(pipeline)["_guidance_scale"] = vars(pipeline)["_audio_guidance_scale"] = scale(step + 1)
        return {}

    return {"guidance_scale": scale(0), "audio_guidance_scale": scale(0), "callback_on_step_end": then}


@pytest.mark.parametrize("rule", [None, GuidanceRule(0.25, 0.75)], ids=["guided", "in an interval"])
def test_an_undistilled_release_wears_a_lora_in_its_second_stage_alone_as_in_diffusers(
    tmp_path: Path, rule: GuidanceRule | None
) -> None:
    pipeline: Any = tiny_ltx2_pipeline()
    folder, file = tmp_path / "model", tmp_path / "few.safetensors"
    pipeline.save_pretrained(folder)
    tiny_upsampler().save_pretrained(folder / "latent_upsampler")
    save_lora(file, pipeline.transformer)
    options = Options(loras=[Lora("stage_2", str(file))])
    denoiser = registry.reader("ltx2.load").load(files_in(folder, "ltx-2-two-stages"), options)
    asked = make_plan("red ball", 7, guidance=2.0, spec=VideoSpec(128, 64, 9, 8), shift=1.0, seed=5)
    asked = replace(asked, sampling=replace(asked.sampling, rule=rule))
    model = replace(profile(), refined=Refined(3, adapter="stage_2"))
    plan = in_stages(replace(asked, negative_prompt="red", sound=True), model, {})
    state, other = (denoiser.start(name, plan, hear(denoiser, plan)) for name in ("a", "b"))
    assert plan.masks is not None
    first = (rule is None, True, True, rule is None)
    assert plan.masks.unconditional == (*first, False, False, False), "the second stage is not guided"
    walk(denoiser, other, until=2)
    other = denoiser.resume(plan, to_bytes(other))
    walk(denoiser, other, until=5)
    walk(denoiser, state, other)  # one with the adapter while the other is without
    generator = torch.Generator().manual_seed(plan.sampling.seed)
    small = walk_of(plan, 0)
    video, sound = called(pipeline, small, generator=generator, output_type="latent", **guided_as(small))
    sides = {"width": 128, "height": 64, "output_type": "latent", "return_dict": False}
    large = LTX2LatentUpsamplePipeline(pipeline.vae, tiny_upsampler())(latents=video, **sides)[0]
    pipeline.load_lora_weights(file, adapter_name="few")
    pipeline.scheduler = FlowMatchEulerDiscreteScheduler()
    again = {"latents": large, "audio_latents": sound, "sigmas": list(REFINING), "noise_scale": REFINING[0]}
    frames, waveform = called(pipeline, walk_of(plan, 1), generator=generator, **again)
    for each in (state, other):
        heard = denoiser.decode_sound(each)
        assert heard is not None
        assert np.abs(denoiser.decode_float(each) - frames[0]).max() <= 1e-4
        assert np.abs(heard.samples - waveform[0].numpy()).max() <= 1e-4
