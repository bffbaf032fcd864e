"""SkyReels V2's diffusion forcing against diffusers' pipeline: short and in segments, batched, resumed, with a LoRA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    SkyReelsV2DiffusionForcingImageToVideoPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2Transformer3DModel,
    UniPCMultistepScheduler,
)
from numpy.typing import NDArray
from PIL import Image

from app.embedded.profile import profile
from app.engine.checkpoint import to_bytes
from app.engine.denoiser import JobState
from app.engine.families.diffusers_private import decoded_in_pieces
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Files, Options
from app.engine.families.models import Parts
from app.engine.families.registry import reader
from app.engine.families.wan.diffusion_forcing import DiffusionForcing
from app.engine.loop import Engine
from app.engine.sampler import clean, named
from app.engine.staggered import steps_taken
from app.line.batcher import Rules
from app.plan.stages import in_stages
from app.types import Artifact, GuidanceRule, ModelProfile, Plan, Segments, VideoSpec
from tests.engine.families.saved import save_lora, tiny_t5
from tests.engine.families.tiny import Z, a_picture, tiny_autoencoder, tiny_encode, tiny_text
from tests.engine.plans import Listener, hear, make_plan, walk

WITHIN = 1e-4
LAGGING_WITHIN = 2e-4  # by many more steps, beside another job: processors sum in different orders, 1.04e-4 on one
STEPS = 4
SEGMENT, OVERLAP = 17, 9  # 5 latent frames, 3 of them given
MODEL = replace(profile(), segments=Segments(SEGMENT, OVERLAP))


def transformer(hears_fps: bool = False) -> SkyReelsV2Transformer3DModel:
    torch.manual_seed(0)
    model = SkyReelsV2Transformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=Z,
        out_channels=Z,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
        inject_sample_info=hears_fps,
    )
    return model.eval()


def tiny(noise: float = 0.0, hears_fps: bool = False) -> FamilyDenoiser:
    parts = Parts(transformer(hears_fps), tiny_autoencoder(), tiny_encode)
    return FamilyDenoiser(DiffusionForcing(parts, noise_on_the_past=noise))


def plan_of(
    frames: int,
    prompt: str = "a red ball",
    seed: int = 3,
    shown: bool = False,
    model: ModelProfile = MODEL,
    **more: Any,
) -> Plan:
    plan = make_plan(prompt, STEPS, seed=seed, spec=VideoSpec(32, 16, frames, 24), sampler="unipc_forcing", shift=5.0)
    image = Artifact("inputs/a", "image/png", 1) if shown else None
    return in_stages(replace(plan, image=image, sampling=replace(plan.sampling, **more)), model, {})


def called(pipeline: Any, plan: Plan, noise: float, **texts: Any) -> NDArray[np.float32]:
    pipeline.set_progress_bar_config(disable=True)
    frames: NDArray[np.float32] = pipeline(
        width=plan.spec.width,
        height=plan.spec.height,
        num_frames=plan.spec.frames,
        num_inference_steps=STEPS,
        guidance_scale=plan.sampling.guidance,
        fps=plan.spec.fps,
        base_num_frames=SEGMENT,
        overlap_history=OVERLAP,
        addnoise_condition=noise,
        ar_step=plan.sampling.ar_step,
        causal_block_size=max(1, plan.sampling.causal_block),
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        **texts,
    ).frames[0]
    return frames


def unipc(plan: Plan) -> UniPCMultistepScheduler:
    shift = plan.sampling.shift
    return UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)


def by_pipeline(
    plan: Plan, noise: float = 0.0, hears_fps: bool = False, pipeline: Any = None, picture: Any = None
) -> NDArray[np.float32]:
    parts = (None, None, transformer(hears_fps), tiny_autoencoder(), unipc(plan))
    pipeline = pipeline or SkyReelsV2DiffusionForcingPipeline(*parts)
    if picture is not None:
        pipeline = SkyReelsV2DiffusionForcingImageToVideoPipeline(*parts)
    text = tiny_text([plan.prompt, plan.negative_prompt])
    texts = {"prompt": None, "prompt_embeds": text[:1], "negative_prompt_embeds": text[1:]}
    seen = {} if picture is None else {"image": Image.fromarray(picture[0])}
    return called(pipeline, plan, noise, **texts, **seen)


class Ruled(SkyReelsV2DiffusionForcingPipeline):  # type: ignore[misc]
    """Guided at the steps of each segment that a rule names; it asks once for the texts, and once at each step."""

    rule, asked, each = GuidanceRule(), -1, 4

    @property
    def do_classifier_free_guidance(self) -> bool:
        self.asked += 1
        return self.asked == 0 or self.rule.guides((self.asked - 1) % self.each, self.each)


def begun(denoiser: FamilyDenoiser, plan: Plan, picture: Any = None) -> JobState:
    seen = {} if picture is None else denoiser.encode_image(picture, plan.spec)
    return denoiser.start(plan.prompt, plan, replace(hear(denoiser, plan), picture=seen))


@pytest.mark.parametrize("frames", [9, 17, 21, 33])
def test_films_short_and_long_are_those_of_the_pipeline(frames: int) -> None:
    denoiser, plan = tiny(), plan_of(frames)
    state = begun(denoiser, plan)
    walk(denoiser, state)
    theirs = by_pipeline(plan)
    ours = denoiser.decode_float(state)
    assert ours.shape == theirs.shape == (frames, 16, 32, 3)
    assert np.ptp(theirs) > 0.1, "a flat picture would prove nothing"
    assert np.abs(ours - theirs).max() <= WITHIN


RULE = GuidanceRule(start=0.25, stop=0.75)


@pytest.mark.parametrize("at", [0, 1, 5, 6])
def test_guidance_in_an_interval_is_that_of_each_segment_alone_with_others_and_resumed(at: int) -> None:
    denoiser, plan, plain = tiny(), plan_of(33, rule=RULE), plan_of(33, "two", 2)
    assert plan.masks is not None
    assert plan.masks.unconditional == (False, True, True, False) * 3
    states = [begun(denoiser, plan), begun(denoiser, plain)]
    walk(denoiser, *states, until=at)
    states[0] = tiny().resume(plan, to_bytes(states[0]))
    walk(denoiser, *states)
    pipeline = Ruled(None, None, transformer(), tiny_autoencoder(), unipc(plan))
    pipeline.rule = RULE
    assert np.abs(denoiser.decode_float(states[0]) - by_pipeline(plan, pipeline=pipeline)).max() <= WITHIN
    assert np.abs(denoiser.decode_float(states[1]) - by_pipeline(plain)).max() <= WITHIN
    assert np.abs(denoiser.decode_float(states[0]) - by_pipeline(plan)).max() > WITHIN, "the interval must count"


def test_unipc_by_the_book_is_that_of_a_scheduler_that_copies_what_it_remembers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    denoiser, plan = tiny(), plan_of(21, sampler="unipc")
    state = begun(denoiser, plan)
    walk(denoiser, state)
    step = UniPCMultistepScheduler.step

    def copying(self: Any, output: Any, timestep: Any, sample: torch.Tensor, **more: Any) -> Any:
        return step(self, output, timestep, sample.clone(), **more)

    assert np.abs(denoiser.decode_float(state) - by_pipeline(plan)).max() > WITHIN
    monkeypatch.setattr(UniPCMultistepScheduler, "step", copying)
    assert np.abs(denoiser.decode_float(state) - by_pipeline(plan)).max() <= WITHIN


@pytest.mark.parametrize("hears_fps", [False, True])
def test_films_of_several_lengths_share_forwards_and_are_those_of_the_pipeline(hears_fps: bool) -> None:
    denoiser = tiny(hears_fps=hears_fps)
    plans = [
        plan_of(33, "one", 1),
        plan_of(25, "two", 2),
        plan_of(17, "three", 3, guidance=1.0),
        plan_of(25, "four", 4, deterministic=True),
    ]
    states = [begun(denoiser, plan) for plan in plans]
    walk(denoiser, states[0], until=5)  # one in its second segment beside others in their first
    walk(denoiser, *states)
    for plan, state in zip(plans, states, strict=True):
        assert np.abs(denoiser.decode_float(state) - by_pipeline(plan, hears_fps=hears_fps)).max() <= WITHIN


def test_the_noise_on_what_is_there_is_that_of_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, denoiser = plan_of(25), tiny(20.0)
    state = begun(denoiser, plan)
    walk(denoiser, state)
    steps = iter(range(4, 8))

    def drawn(like: torch.Tensor) -> torch.Tensor:
        """Theirs is of torch's own generator, which no seed of a request sets."""
        generator = torch.Generator().manual_seed(plan.sampling.seed * 1_000_003 + next(steps))
        return torch.randn(like.shape, generator=generator)

    monkeypatch.setattr(torch, "randn_like", drawn)
    assert np.abs(denoiser.decode_float(state) - by_pipeline(plan, 20.0)).max() <= WITHIN
    assert next(steps, None) is None
    assert np.abs(denoiser.decode_float(state) - by_pipeline(plan)).max() > WITHIN, "the noise must count"


@pytest.mark.parametrize("at", [2, 4, 5, 9])
def test_a_film_kept_in_any_segment_goes_on_elsewhere_to_the_same_bits(at: int) -> None:
    denoiser, plan = tiny(20.0), plan_of(33, deterministic=True, budget=3)
    assert plan.masks is not None
    assert plan.sampling.budget == 3 * len(plan.stages) == sum(plan.masks.run) == 9
    whole, parted = begun(denoiser, plan), begun(denoiser, plan)
    walk(denoiser, whole)
    walk(denoiser, parted, until=at)
    elsewhere = tiny(20.0)
    resumed = elsewhere.resume(plan, to_bytes(parted))
    assert (resumed.made is None) == (at < 4)
    walk(elsewhere, resumed)
    assert np.array_equal(elsewhere.decode(resumed), denoiser.decode(whole))


def test_the_engine_makes_a_film_in_segments_of_one_shape_and_tells_of_all_steps() -> None:
    plan, sink = plan_of(33), Listener()
    engine = Engine(tiny(), Rules(max_batch=2, slots=2))
    prompt, negative = engine.encode([plan.prompt, ""]).result(60)
    engine.submit("a", plan, sink, prompt, negative)
    frames = sink.wait().frames
    shapes = {shape for shape, _ in engine.times}
    engine.close(20)
    assert np.abs(frames - (by_pipeline(plan) * 255).round()).max() <= 1
    assert sink.steps == list(range(1, 13))
    assert shapes == {(SEGMENT, 16, 32)}, "a step is no larger for a longer film"


PICTURE = a_picture(32, 16)


@pytest.mark.parametrize("lag", [1, 2, 5])
@pytest.mark.parametrize("frames", [17, 33, 29])
def test_films_whose_frames_lag_are_those_of_the_pipeline(frames: int, lag: int) -> None:
    denoiser, plan = tiny(), plan_of(frames, ar_step=lag)
    state = begun(denoiser, plan)
    walk(denoiser, state)
    theirs = by_pipeline(plan)
    assert np.abs(denoiser.decode_float(state) - theirs).max() <= WITHIN
    assert np.abs(by_pipeline(plan_of(frames)) - theirs).max() > WITHIN, "lagging must count"


BLOCKED = replace(profile(), segments=Segments(13, 5))  # 4 latent frames, 2 of them given


@pytest.mark.parametrize("lag", [0, 2])
def test_films_of_causal_blocks_are_those_of_the_pipeline(lag: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SEGMENT", 13)
    monkeypatch.setattr(f"{__name__}.OVERLAP", 5)
    denoiser = tiny()
    plans = [
        plan_of(21, "one", 1, model=BLOCKED, ar_step=lag, causal_block=2),
        plan_of(13, "two", 2, model=BLOCKED),
        plan_of(21, "three", 3, model=BLOCKED, ar_step=1),
    ]
    states = [begun(denoiser, plan) for plan in plans]
    walk(denoiser, states[0], until=1)
    walk(denoiser, *states)
    for plan, state in zip(plans, states, strict=True):
        assert np.abs(denoiser.decode_float(state) - by_pipeline(plan)).max() <= WITHIN
    apart = replace(plans[0], sampling=replace(plans[0].sampling, causal_block=0))
    assert np.abs(by_pipeline(apart) - by_pipeline(plans[0])).max() > WITHIN, "blocks must count"


@pytest.mark.parametrize(("frames", "lag"), [(9, 0), (17, 0), (33, 0), (17, 1), (33, 2)])
def test_films_that_begin_with_a_picture_are_those_of_the_pipeline(frames: int, lag: int) -> None:
    denoiser = tiny()
    plan, plain = plan_of(frames, shown=True, ar_step=lag), plan_of(frames, "two", 2)
    states = [begun(denoiser, plan, PICTURE), begun(denoiser, plain)]
    walk(denoiser, *states)  # in one forward with one of text
    assert np.abs(denoiser.decode_float(states[0]) - by_pipeline(plan, picture=PICTURE)).max() <= LAGGING_WITHIN
    assert np.abs(denoiser.decode_float(states[1]) - by_pipeline(plain)).max() <= WITHIN


@pytest.mark.parametrize("at", [1, 3, 7, 12])
def test_a_film_of_frames_that_lag_goes_on_elsewhere_to_the_same_bits(at: int) -> None:
    denoiser, plan = tiny(20.0), plan_of(33, shown=True, deterministic=True, ar_step=1)
    assert len(plan.stages) == 3
    whole, parted = begun(denoiser, plan, PICTURE), begun(denoiser, plan, PICTURE)
    walk(denoiser, whole)
    walk(denoiser, parted, until=at)
    elsewhere = tiny(20.0)
    resumed = elsewhere.resume(plan, to_bytes(parted))
    assert elsewhere.preview(resumed).shape == (1, 16, 32, 3)
    walk(elsewhere, resumed)
    assert np.array_equal(elsewhere.decode(resumed), denoiser.decode(whole))


def test_a_preview_of_frames_that_lag_is_of_each_ones_own_level() -> None:
    denoiser, plan = tiny(), plan_of(17, ar_step=2)
    state = begun(denoiser, plan)
    walk(denoiser, state, until=3)
    sigmas = named("unipc_forcing").schedule(STEPS, plan.sampling.shift).sigmas
    assert steps_taken(state) == (3, 1, 0, 0, 0)
    velocity = torch.ones_like(state.latent)
    gone = (state.latent - clean(state, velocity))[0, :, 0, 0]
    assert torch.allclose(gone, torch.tensor([sigmas[done] for done in steps_taken(state)]), atol=1e-6)


def test_a_film_is_decoded_piece_by_piece_to_the_same_frames() -> None:
    autoencoder, latent = tiny_autoencoder(), torch.randn(1, Z, 5, 2, 4, generator=torch.Generator().manual_seed(1))
    pieces = decoded_in_pieces(autoencoder, latent)
    assert pieces is not None
    found = list(pieces)
    assert [piece.shape[2] for piece in found] == [1, 4, 4, 4, 4], "the device holds one at a time"
    assert torch.equal(torch.cat(found, dim=2), autoencoder.decode(latent, return_dict=False)[0])
    autoencoder.enable_tiling()
    assert decoded_in_pieces(autoencoder, latent) is None


def test_a_folder_makes_the_frames_of_its_pipeline_with_a_lora_and_without(tmp_path: Path) -> None:
    tokenizer, encoder = tiny_t5()
    plan = replace(plan_of(25), negative_prompt="blue")
    pipeline = SkyReelsV2DiffusionForcingPipeline(tokenizer, encoder, transformer(), tiny_autoencoder(), unipc(plan))
    pipeline.save_pretrained(tmp_path / "model")
    save_lora(tmp_path / "few.safetensors")
    files = Files(str(tmp_path / "model"), torch.float32, torch.device("cpu"), local=True)
    loras = [Lora("few", str(tmp_path / "few.safetensors"))]
    denoiser = reader("wan.diffusion_forcing").load(files, Options(loras=loras))
    vars(denoiser._family)["_past_timestep"] = 0.0
    plans = [plan, replace(plan, adapters=(("few", 1.0),))]
    states = [denoiser.start(str(each.adapters), each, hear(denoiser, each)) for each in plans]
    walk(denoiser, *states)
    found = [denoiser.decode_float(state) for state in states]
    texts = {"prompt": plan.prompt, "negative_prompt": plan.negative_prompt}
    assert np.abs(found[0] - called(pipeline, plan, 0.0, **texts)).max() <= WITHIN
    pipeline.load_lora_weights(tmp_path / "few.safetensors", adapter_name="few")
    assert np.abs(found[1] - called(pipeline, plan, 0.0, **texts)).max() <= WITHIN
    assert np.abs(found[1] - found[0]).max() > WITHIN, "the adapter must act"
