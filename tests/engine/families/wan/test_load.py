"""Folders as diffusers saves them, read by our loader and by diffusers' own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from app.engine.denoiser import JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.quantised import available, four_bits
from app.engine.families.loading.reader import Files, Options
from app.engine.families.wan.load import READER
from app.models.loading import load_text_encoder
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.settings.placement import Placement
from app.types import Artifact, Plan, VideoSpec
from tests.engine.families.saved import index_of, save_i2v, save_lora, save_t2v
from tests.engine.families.tiny import a_picture, tiny_transformer
from tests.engine.plans import hear, make_plan, walk

SPEC = VideoSpec(32, 16, 5, 8)
WITHIN = 1e-4


def files(folder: Path) -> Files:
    return Files(str(folder), torch.float32, torch.device("cpu"), local=True)


def read(folder: Path, *loras: Lora, placement: Placement | None = None) -> FamilyDenoiser:
    return READER.load(files(folder), Options(placement or Placement(), loras=loras))


def asked(seed: int = 2, guidance: float = 4.0, adapter: str = "") -> Plan:
    plan = make_plan("a red  ball &amp; a blue box", 4, seed=seed, guidance=guidance, spec=SPEC)
    return replace(plan, negative_prompt="box", adapters=((adapter, 1.0),) if adapter else ())


def theirs(pipeline: Any, plan: Plan, **more: Any) -> NDArray[np.float32]:
    pipeline.set_progress_bar_config(disable=True)
    frames: NDArray[np.float32] = pipeline(
        prompt=plan.prompt,
        negative_prompt=plan.negative_prompt,
        width=SPEC.width,
        height=SPEC.height,
        num_frames=SPEC.frames,
        num_inference_steps=plan.sampling.steps,
        guidance_scale=plan.sampling.guidance,
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        **more,
    ).frames[0]
    return frames


def begun(denoiser: FamilyDenoiser, plan: Plan) -> JobState:
    return denoiser.start("a", plan, hear(denoiser, plan))


def ours(denoiser: FamilyDenoiser, plan: Plan) -> NDArray[np.float32]:
    state = begun(denoiser, plan)
    walk(denoiser, state)
    return denoiser.decode_float(state)


def test_a_saved_model_makes_the_frames_of_its_pipeline_from_the_prompt_on(tmp_path: Path) -> None:
    pipeline, plan = save_t2v(tmp_path), asked()
    made = ours(read(tmp_path), plan)
    assert np.abs(made - theirs(pipeline, plan)).max() <= WITHIN
    apart = READER.load(files(tmp_path), Options(encode=READER.load_encoder(files(tmp_path))))
    assert np.array_equal(ours(apart, plan), made), "with the text encoder read by itself, as when it is shared"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("int8", marks=pytest.mark.skipif(not available(), reason="torchao is an extra")),
        pytest.param("nf4", marks=pytest.mark.skipif(not four_bits(), reason="bitsandbytes is an extra")),
    ],
)
def test_a_shared_text_encoder_has_the_bits_that_a_replicas_own_would_have(tmp_path: Path, kind: str) -> None:
    save_t2v(tmp_path)
    small = Placement(quantise_text=kind)
    own = READER.load(files(tmp_path), Options(small)).encode(["red ball"])[0]["tokens"]
    shared = READER.load_encoder(files(tmp_path), small)(["red ball"])[0]["tokens"].cpu()
    plain = READER.load_encoder(files(tmp_path))(["red ball"])[0]["tokens"].cpu()
    assert torch.equal(shared, own)
    assert not torch.equal(shared, plain), "they are fewer"


def test_how_a_model_is_laid_out_reaches_the_text_encoder_that_its_replicas_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save_t2v(tmp_path)
    for name in ("four_bits", "available"):
        monkeypatch.setattr(f"app.engine.families.loading.placement.{name}", lambda: False)
    entry = ModelEntry(id="wan", family="wan2.1-t2v-1.3b", source=str(tmp_path))
    with caplog.at_level("INFO"):
        embed = load_text_encoder(entry, Settings(preset="small", models=[entry]))
    assert embed(["red ball"])
    assert "Without quantise_text int8: torchao is not installed" in caplog.text


def test_a_saved_model_of_two_experts_does_too(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path, transformer_2=tiny_transformer(1), boundary_ratio=0.8)
    plan = asked()
    plan = replace(plan, sampling=replace(plan.sampling, guidance_2=2.0))
    assert np.abs(ours(read(tmp_path), plan) - theirs(pipeline, plan, guidance_scale_2=2.0)).max() <= WITHIN


def test_a_saved_model_of_pictures_does_too(tmp_path: Path) -> None:
    pipeline, denoiser = save_i2v(tmp_path), read(tmp_path)
    picture, plan = a_picture(32, 16), replace(asked(), image=Artifact("inputs/t/1.png", "image/png", 1))
    seen = denoiser.encode_image(picture, SPEC)
    state = denoiser.start("a", plan, replace(hear(denoiser, plan), picture=seen))
    walk(denoiser, state)
    wanted = theirs(pipeline, plan, image=Image.fromarray(picture[0]))
    assert np.abs(denoiser.decode_float(state) - wanted).max() <= WITHIN


def test_an_adapter_is_switched_on_for_its_jobs_only_and_acts_as_in_diffusers(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path / "model")
    save_lora(tmp_path / "few.safetensors")
    denoiser = read(tmp_path / "model", Lora("few", str(tmp_path / "few.safetensors")))
    plain, fast = asked(1), asked(2, guidance=1.0, adapter="few")
    states = [begun(denoiser, plan) for plan in (plain, fast)]
    assert states[0].group != states[1].group
    walk(denoiser, *states)
    assert np.abs(denoiser.decode_float(states[0]) - theirs(pipeline, plain)).max() <= WITHIN
    without = theirs(pipeline, fast)
    pipeline.load_lora_weights(tmp_path / "few.safetensors", adapter_name="few")
    made = denoiser.decode_float(states[1])
    assert np.abs(made - theirs(pipeline, fast)).max() <= WITHIN
    assert np.abs(made - without).max() > 0.01


def test_an_adapter_may_have_a_file_for_each_expert(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path / "model", transformer_2=tiny_transformer(1), boundary_ratio=0.8)
    for name, seed in (("high", 5), ("low", 6)):
        save_lora(tmp_path / f"{name}.safetensors", seed)
    denoiser = read(tmp_path / "model", Lora("few", str(tmp_path), "high.safetensors", "low.safetensors"))
    plan = asked(2, guidance=1.0, adapter="few")
    for name, second in (("high", False), ("low", True)):
        folder, file = tmp_path, f"{name}.safetensors"
        pipeline.load_lora_weights(folder, weight_name=file, adapter_name=name, load_into_transformer_2=second)
    assert np.abs(ours(denoiser, plan) - theirs(pipeline, plan)).max() <= WITHIN
    one = read(tmp_path / "model", Lora("few", str(tmp_path), "high.safetensors"))
    assert np.abs(ours(one, plan) - ours(denoiser, plan)).max() > 0.01, "the second file counts"


def test_a_folder_of_another_pipeline_is_refused(tmp_path: Path) -> None:
    save_t2v(tmp_path)
    facts = index_of(tmp_path) | {"_class_name": "LTXPipeline"}
    (tmp_path / "model_index.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="LTXPipeline"):
        read(tmp_path)


def test_weights_that_are_not_safetensors_are_never_read(tmp_path: Path) -> None:
    save_t2v(tmp_path)
    weights = tmp_path / "transformer" / "diffusion_pytorch_model.safetensors"
    torch.save(tiny_transformer().state_dict(), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(OSError, match="safetensors"):
        read(tmp_path)


def test_what_fits_no_layer_is_no_lora(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_t2v(tmp_path / "model")
    save_file({"text_encoder.x.lora_A.weight": torch.zeros(1, 1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="LoRA"):
        read(tmp_path / "model", Lora("other", str(tmp_path / "other.safetensors")))


def test_a_saved_model_of_two_experts_is_laid_out_as_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_t2v(tmp_path, transformer_2=tiny_transformer(1), boundary_ratio=0.8)
    plain, plan = ours(read(tmp_path), asked()), asked()
    caplog.set_level("INFO", "app.engine.families.loading.placement")
    tiled = read(tmp_path, placement=Placement(vae_slicing=True, vae_tiling=True, offload="model"))
    assert "Placed with vae_slicing, vae_tiling" in caplog.text
    assert "Without offload" in caplog.text
    assert np.abs(ours(tiled, plan) - plain).max() <= 1e-5
    resting = read(tmp_path, placement=Placement(layerwise="float8_e4m3fn"))
    strayed = np.abs(ours(resting, plan) - plain)
    assert 0 < strayed.mean() < 0.02, "eight bits change a little"


def test_adapters_keep_the_layers_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_t2v(tmp_path / "model")
    save_lora(tmp_path / "few.safetensors")
    lora = Lora("few", str(tmp_path / "few.safetensors"))
    plain = ours(read(tmp_path / "model", lora), asked(adapter="few"))
    caplog.set_level("INFO", "app.engine.families.loading.placement")
    made = ours(read(tmp_path / "model", lora, placement=Placement(layerwise="float8_e4m3fn")), asked(adapter="few"))
    assert "Without fewer bits" in caplog.text
    assert np.array_equal(made, plain)
