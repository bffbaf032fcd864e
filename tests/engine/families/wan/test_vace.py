"""Wan VACE against diffusers' pipeline: of text, with references, a control video, masks; batched, resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler, WanVACEPipeline
from diffusers.models.transformers.transformer_wan_vace import WanVACETransformer3DModel
from numpy.typing import NDArray
from PIL import Image

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.engine.families.registry import files_of, reader
from app.engine.families.wan.vace import Vace
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.types import CONTROL, FIRST, IMAGE, MASK, REFERENCE, VIDEO, Artifact, Plan, PlannedInput, VideoSpec
from tests.engine.families.saved import save_lora, tiny_t5
from tests.engine.families.tiny import Z, a_picture, tiny_autoencoder, tiny_encode, tiny_text
from tests.engine.plans import hear, make_plan, walk

WITHIN = 1e-4
SPEC = VideoSpec(32, 16, 5, 8)
Given = Callable[[int], tuple[Shown, ...]]


def vace_transformer(seed: int = 0) -> WanVACETransformer3DModel:
    torch.manual_seed(seed)
    model = WanVACETransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=Z,
        out_channels=Z,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
        vace_layers=[0, 1],
        vace_in_channels=2 * Z + 64,
    )
    return model.eval()


def control(seed: int) -> Shown:
    frames = np.concatenate([a_picture(32, 16, seed + at) for at in range(SPEC.frames)])
    return Shown(CONTROL, frames, strength=0.6)


def mask(seed: int, frames: int = SPEC.frames) -> Shown:
    soft = np.random.default_rng(seed).integers(0, 256, (frames, 16, 32, 1)).astype(np.uint8)
    return Shown(MASK, np.repeat(soft, 3, axis=3))


def reference(seed: int, width: int = 40, height: int = 40) -> Shown:
    return Shown(REFERENCE, a_picture(width, height, seed))


KINDS: dict[str, Given] = {
    "of text": lambda seed: (),
    "a control video": lambda seed: (control(seed),),
    "a mask for each frame": lambda seed: (control(seed), mask(seed)),
    "one mask for all": lambda seed: (control(seed), mask(seed, 1)),
    "a reference": lambda seed: (reference(seed),),
    "all together": lambda seed: (reference(seed), reference(seed + 1, 64, 24), control(seed), mask(seed)),
}


@pytest.fixture(scope="module")
def vace() -> tuple[FamilyDenoiser, Any, Any]:
    transformer, autoencoder = vace_transformer(), tiny_autoencoder()
    return FamilyDenoiser(Vace(Parts(transformer, autoencoder, tiny_encode))), transformer, autoencoder


def plan_of(seed: int, given: Sequence[Shown], steps: int = 5, **more: Any) -> Plan:
    told = [
        PlannedInput(each.role, VIDEO if len(each.frames) > 1 else IMAGE, Artifact(f"inputs/t/{at}.x", "", 1))
        for at, each in enumerate(given)
    ]
    return replace(make_plan(f"job {seed}", steps, seed=seed, spec=SPEC, **more), references=tuple(told))


def begun(denoiser: FamilyDenoiser, plan: Plan, given: Sequence[Shown]) -> JobState:
    seen = denoiser.encode_inputs(given, plan.spec) if given else {}
    return denoiser.start("a", plan, replace(hear(denoiser, plan), picture=seen))


def pictures(shown: Shown) -> list[Image.Image]:
    frames = shown.frames if len(shown.frames) > 1 else np.repeat(shown.frames, SPEC.frames, axis=0)
    return [Image.fromarray(frame) for frame in frames]


def theirs(vace: tuple[FamilyDenoiser, Any, Any], plan: Plan, given: Sequence[Shown]) -> NDArray[np.float32]:
    _, transformer, autoencoder = vace
    schedulers = {
        "euler": FlowMatchEulerDiscreteScheduler(shift=plan.sampling.shift),
        "unipc": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=plan.sampling.shift
        ),
    }
    pipeline = WanVACEPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=autoencoder,
        scheduler=schedulers[plan.sampling.sampler],
        transformer=transformer,
    )
    pipeline.set_progress_bar_config(disable=True)
    by_role = {each.role: each for each in given}
    text = tiny_text([plan.prompt, ""])
    asked: dict[str, Any] = {}
    if CONTROL in by_role:
        asked |= {"video": pictures(by_role[CONTROL]), "conditioning_scale": by_role[CONTROL].strength}
    if MASK in by_role:
        asked["mask"] = pictures(by_role[MASK])
    if shown := [Image.fromarray(each.frames[0]) for each in given if each.role == REFERENCE]:
        asked["reference_images"] = shown
    frames: NDArray[np.float32] = pipeline(
        prompt_embeds=text[:1],
        negative_prompt_embeds=text[1:],
        width=SPEC.width,
        height=SPEC.height,
        num_frames=SPEC.frames,
        num_inference_steps=plan.sampling.steps,
        guidance_scale=plan.sampling.guidance,
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output_type="np",
        **asked,
    ).frames[0]
    return frames


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", ["euler", "unipc"])
def test_the_frames_are_those_of_the_pipeline(vace: tuple[FamilyDenoiser, Any, Any], kind: str, sampler: str) -> None:
    given = KINDS[kind](3)
    plan = plan_of(3, given, sampler=sampler)
    state = begun(vace[0], plan, given)
    walk(vace[0], state)
    ours, standard = vace[0].decode_float(state), theirs(vace, plan, given)
    assert ours.shape == standard.shape == (SPEC.frames, SPEC.height, SPEC.width, 3)
    assert np.ptp(standard) > 0.1
    assert np.abs(ours - standard).max() <= WITHIN
    if given:
        assert np.abs(standard - theirs(vace, plan, ())).max() > 1e-3, "it must matter what is shown"


def test_in_a_mixed_batch_each_is_shown_its_own(vace: tuple[FamilyDenoiser, Any, Any]) -> None:
    given = [(control(1),), (), (control(2), mask(2)), (replace(control(3), strength=1.0),)]
    plans = [plan_of(seed, each, steps=3 + seed, guidance=1.0 + seed) for seed, each in enumerate(given)]
    states = [begun(vace[0], plan, each) for plan, each in zip(plans, given, strict=True)]
    walk(vace[0], states[3], until=2)
    walk(vace[0], *states)
    for plan, each, state in zip(plans, given, states, strict=True):
        assert np.abs(vace[0].decode_float(state) - theirs(vace, plan, each)).max() <= WITHIN


@pytest.mark.parametrize("at", [1, 3])
def test_with_references_it_goes_on_from_a_checkpoint(vace: tuple[FamilyDenoiser, Any, Any], at: int) -> None:
    given = KINDS["all together"](4)
    plan = plan_of(4, given, deterministic=True)
    whole, parted = begun(vace[0], plan, given), begun(vace[0], plan, given)
    walk(vace[0], whole)
    walk(vace[0], parted, until=at)
    assert vace[0].preview(parted).shape == (1, SPEC.height, SPEC.width, 3)
    resumed = FamilyDenoiser(Vace(Parts(vace_transformer(), tiny_autoencoder(), tiny_encode))).resume(
        plan, to_bytes(parted)
    )
    walk(vace[0], resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert np.abs(vace[0].decode_float(resumed) - theirs(vace, plan, given)).max() <= WITHIN


def test_what_it_does_not_see_is_refused(vace: tuple[FamilyDenoiser, Any, Any]) -> None:
    with pytest.raises(InvalidRequest, match="references"):
        vace[0].encode_inputs([Shown(FIRST, a_picture(32, 16))], SPEC)
    with pytest.raises(InvalidRequest, match="references"):
        vace[0].encode_inputs([control(1), control(2)], SPEC)


def test_a_folder_in_diffusers_format_is_read_and_wears_a_lora(tmp_path: Path) -> None:
    tokenizer, encoder = tiny_t5()
    pipeline = WanVACEPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=tiny_autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=vace_transformer(),
    )
    pipeline.save_pretrained(tmp_path / "model")
    save_lora(tmp_path / "lora.safetensors")
    from app.engine.families.loading.folder import Lora
    from app.engine.families.loading.reader import Options

    lora = Lora("film", str(tmp_path), "lora.safetensors")
    denoiser = reader("wan.vace").load(
        files_of(str(tmp_path / "model"), dtype="float32", local=True), Options(loras=(lora,))
    )
    given = (control(5),)
    plan = replace(plan_of(5, given), prompt="a red ball")
    worn = replace(plan, adapters=(("film", 1.0),))
    made = []
    for each in (plan, worn):
        state = begun(denoiser, each, given)
        walk(denoiser, state)
        made.append(denoiser.decode_float(state))
    pipeline.set_progress_bar_config(disable=True)
    ask = {
        "prompt": "a red ball",
        "negative_prompt": "",
        "video": pictures(given[0]),
        "conditioning_scale": 0.6,
        "width": 32,
        "height": 16,
        "num_frames": 5,
        "num_inference_steps": 5,
        "guidance_scale": 3.0,
        "output_type": "np",
    }
    standard = pipeline(generator=torch.Generator().manual_seed(5), **ask).frames[0]
    assert np.abs(made[0] - standard).max() <= WITHIN
    pipeline.load_lora_weights(tmp_path, weight_name="lora.safetensors", adapter_name="film")
    with_lora = pipeline(generator=torch.Generator().manual_seed(5), **ask).frames[0]
    assert np.abs(with_lora - standard).max() > 1e-3
    assert np.abs(made[1] - with_lora).max() <= WITHIN
