"""MiniMax-H3 of text against diffusers' modular blocks: pictures and sound, alone, together, resumed, from a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import MiniMaxH3Scheduler
from diffusers.modular_pipelines.minimax_h3.modular_blocks_minimax_h3 import (
    MiniMaxH3CoreDenoiseStep,
    MiniMaxH3DecodeStep,
)
from diffusers.modular_pipelines.minimax_h3.modular_pipeline import MiniMaxH3ModularPipeline
from diffusers.video_processor import VideoProcessor
from numpy.typing import NDArray

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import TOKENS, JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Files, Options
from app.engine.families.minimax_h3.text import HEARD_LAYER
from app.engine.families.registry import reader
from app.engine.modalities import AUDIO, VIDEO
from app.errors import InvalidRequest
from app.types import Plan, VideoSpec
from tests.engine.families.loading.test_load import save_lora
from tests.engine.families.tiny_h3 import conditioner, eye, h3_parts, tiny
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # inside diffusers
SPEC = VideoSpec(64, 32, 22, 24)
WITHIN = 1e-4


@pytest.fixture(autouse=True)
def short_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    """The released weights make five seconds at least; of tiny ones less is enough."""
    monkeypatch.setattr(MiniMaxH3ModularPipeline, "min_duration", 0.1)


def by_blocks(
    parts: dict[str, Any], plan: Plan, words: torch.Tensor
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frames and waveform."""
    denoising = MiniMaxH3CoreDenoiseStep().init_pipeline()
    denoising.update_components(
        transformer=parts["transformer"],
        scheduler=MiniMaxH3Scheduler(shift=12.0),
        audio_scheduler=MiniMaxH3Scheduler(shift=3.0),
    )
    denoising.set_progress_bar_config(disable=True)
    names = ["latents", "audio_latents"]
    found = denoising(
        prompt_embeds=words[None],
        text_token_tags=torch.ones(len(words), dtype=torch.long),
        width=plan.spec.width,
        height=plan.spec.height,
        num_frames=plan.spec.frames,
        num_inference_steps=plan.sampling.steps + 1,  # it counts the end
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output=names,
    )
    decoding = MiniMaxH3DecodeStep().init_pipeline()
    decoding.update_components(
        vae=parts["vae"],
        audio_vae=parts["audio_vae"],
        video_processor=VideoProcessor(vae_scale_factor=16, do_normalize=False),
    )
    made = decoding(output_type="np", output=["videos", "audio"], **{name: found[name] for name in names})
    return made["videos"][0], made["audio"][0].numpy()


def plan_of(prompt: str = "a red ball", seed: int = 3, spec: VideoSpec = SPEC, **more: Any) -> Plan:
    plan = make_plan(prompt, 4, seed=seed, guidance=1.0, spec=spec, shift=12.0)
    return replace(plan, sound=True, sampling=replace(plan.sampling, **more))


def begun(denoiser: FamilyDenoiser, plan: Plan) -> JobState:
    return denoiser.start(plan.prompt, plan, hear(denoiser, plan))


def assert_as_by_blocks(denoiser: FamilyDenoiser, state: JobState, parts: dict[str, Any] | None = None) -> None:
    frames, waveform = by_blocks(parts or h3_parts(), state.plan, state.conditioning.prompt[TOKENS])
    heard = denoiser.decode_sound(state)
    assert heard is not None
    ours = denoiser.decode_float(state)
    assert ours.shape == frames.shape == (state.plan.spec.frames, state.plan.spec.height, state.plan.spec.width, 3)
    assert np.ptp(frames) > 0.1, "flat pictures would prove nothing"
    assert np.ptp(waveform) > 0.001, "nor would silence"
    assert np.abs(ours - frames).max() <= WITHIN
    assert (heard.rate, heard.samples.shape) == (32000, waveform.shape)
    assert np.abs(heard.samples - waveform).max() <= WITHIN


def test_pictures_and_sound_of_jobs_together_are_those_of_the_blocks() -> None:
    denoiser = tiny()
    longer = replace(SPEC, frames=39)
    plans = [
        plan_of("one", 1),
        plan_of("a longer one", 2),
        plan_of("alone", 3, deterministic=True),
        plan_of("long", 4, longer),
    ]
    states = [begun(denoiser, plan) for plan in plans]
    walk(denoiser, states[0], until=2)
    walk(denoiser, *states)
    for state in states:
        assert_as_by_blocks(denoiser, state)
    assert denoiser.preview(begun(denoiser, plans[0])).shape == (1, SPEC.height, SPEC.width, 3)


@pytest.mark.parametrize("at", [1, 3])
def test_a_job_that_was_kept_goes_on_elsewhere_with_both_at_their_own_levels(at: int) -> None:
    denoiser, plan = tiny(), plan_of(deterministic=True, budget=3)
    whole, parted = begun(denoiser, plan), begun(denoiser, plan)
    walk(denoiser, whole)
    walk(denoiser, parted, until=at)
    resumed = tiny().resume(plan, to_bytes(parted))
    assert resumed.modalities == whole.modalities
    assert resumed.modalities[1].sigmas != resumed.sigmas
    walk(denoiser, resumed)
    assert torch.equal(resumed.part(VIDEO), whole.part(VIDEO))
    assert torch.equal(resumed.part(AUDIO), whole.part(AUDIO))


def test_frames_that_are_no_chunks_are_refused() -> None:
    denoiser = tiny()
    for spec, param in ((replace(SPEC, frames=21), "frames"), (replace(SPEC, width=48), "size")):
        with pytest.raises(InvalidRequest) as refused:
            begun(denoiser, plan_of(spec=spec))
        assert refused.value.param == param


def test_a_folder_makes_what_the_blocks_make_with_a_lora_and_without(tmp_path: Path) -> None:
    parts, (tokenizer, encoder) = h3_parts(), conditioner()
    for name, each in {**parts, "tokenizer": tokenizer, "text_encoder": encoder, "processor": eye()}.items():
        each.save_pretrained(tmp_path / "model" / name)
    (tmp_path / "model" / "modular_model_index.json").write_text(
        json.dumps({"_class_name": "MiniMaxH3ModularPipeline"})
    )
    save_lora(tmp_path / "few.safetensors", parts["transformer"])
    files = Files(str(tmp_path / "model"), torch.float32, torch.device("cpu"), local=True)
    loras = [Lora("few", str(tmp_path / "few.safetensors"))]
    denoiser = reader("minimax_h3.load").load(files, Options(loras=loras))
    plain = plan_of("red ball rolls")
    states = [begun(denoiser, plain), begun(denoiser, replace(plain, adapters=(("few", 1.0),)))]
    words = encoder.model(input_ids=torch.tensor([[2, 3, 1]]), output_hidden_states=True).hidden_states[HEARD_LAYER][0]
    assert torch.allclose(states[0].conditioning.prompt[TOKENS], words, atol=1e-5)
    walk(denoiser, *states)
    assert_as_by_blocks(denoiser, states[0], parts)
    pipeline = MiniMaxH3CoreDenoiseStep().init_pipeline()
    pipeline.update_components(transformer=parts["transformer"])
    pipeline.load_lora_weights(tmp_path / "few.safetensors", adapter_name="few")
    assert_as_by_blocks(denoiser, states[1], parts)
    assert not torch.allclose(states[0].latent, states[1].latent, atol=1e-3), "the adapter must act"
