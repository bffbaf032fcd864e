from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.engine.checkpoint import from_bytes, to_bytes
from app.engine.denoiser import TOKENS, JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.engine.families.pixels import device_errors, rounded
from app.engine.loop import Engine
from app.errors import DeviceOutOfMemory, InvalidRequest, NumericalError
from app.line.batcher import Rules
from app.types import Plan, VideoSpec
from app.types.masks import unbits
from tests.engine.families.tiny import autoencoder_of, by_pipeline, tiny_text, tiny_wan, transformer_of
from tests.engine.plans import Listener, hear, make_plan, walk

SPEC = VideoSpec(32, 16, 5, 8)


@pytest.fixture(scope="module")
def denoiser() -> FamilyDenoiser:
    return tiny_wan()


def by_engine(denoiser: FamilyDenoiser, plan: Plan) -> NDArray[np.float32]:
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state)
    return denoiser.decode_float(state)


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize(("guidance", "frames"), [(1.0, 5), (4.0, 5), (4.0, 1)])
def test_the_frames_are_those_of_wan_pipeline(
    denoiser: FamilyDenoiser, guidance: float, frames: int, sampler: str
) -> None:
    spec = replace(SPEC, frames=frames)
    plan = make_plan(steps=6, guidance=guidance, spec=spec, seed=3, sampler=sampler)
    theirs = by_pipeline(transformer_of(denoiser), autoencoder_of(denoiser), tiny_text([plan.prompt, ""]), plan)
    ours = by_engine(denoiser, plan)
    assert ours.shape == theirs.shape == (frames, 16, 32, 3)
    assert np.ptp(theirs) > 0.1, "a flat picture would prove nothing"
    assert np.abs(ours - theirs).max() <= 1e-4


def test_the_served_frames_of_the_built_in_model_are_those_of_wan_pipeline() -> None:
    load = pytest.importorskip("app.embedded.load")
    if not list((load.WEIGHTS / "transformer").glob("*.safetensors")):
        pytest.skip("the built-in model has not been trained yet")
    model = load.load()
    spec = VideoSpec(model.picture, model.picture, model.frames, model.fps)
    plan = make_plan("a red ball moves to the right on a black background", steps=8, spec=spec)
    text = model.text_encoder.tokens([plan.prompt, plan.negative_prompt])
    theirs = by_pipeline(model.transformer, model.autoencoder, text, plan)
    encoder = model.text_encoder
    encode = lambda prompts: [{TOKENS: each} for each in encoder.tokens(prompts)]  # noqa: E731
    denoiser = tiny_wan(Parts(model.transformer, model.autoencoder, encode))
    assert np.abs(by_engine(denoiser, plan) - theirs).max() <= 1e-4
    heard = Listener()
    engine = Engine(denoiser, Rules(max_batch=2, slots=2))
    engine.submit("a", plan, heard)
    served = heard.wait().frames
    engine.close(20)
    assert np.abs(served.astype(int) - rounded(theirs).astype(int)).max() <= 1


def test_jobs_in_one_forward_are_what_each_is_alone(denoiser: FamilyDenoiser) -> None:
    plans = [
        make_plan("one", steps=5, spec=SPEC, seed=1),
        make_plan("two", steps=3, spec=SPEC, seed=2, guidance=1.0),
        make_plan("three", steps=6, budget=4, spec=SPEC, seed=3, guidance=6.0),
    ]
    together = [denoiser.start(plan.prompt, plan, hear(denoiser, plan)) for plan in plans]
    walk(denoiser, *together)
    for plan, state in zip(plans, together, strict=True):
        assert np.abs(denoiser.decode_float(state) - by_engine(denoiser, plan)).max() <= 1e-4
    assert [state.evaluations for state in together] == [5, 3, 4]


@contextmanager
def rows_of_forwards(denoiser: FamilyDenoiser) -> Iterator[list[int]]:
    """How many rows each forward has while this lasts."""
    seen: list[int] = []
    hook = transformer_of(denoiser).register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(len(kwargs["hidden_states"])), with_kwargs=True
    )
    yield seen
    hook.remove()


def begun(denoiser: FamilyDenoiser, plan: Plan, free: str = "") -> JobState:
    """A job at step 0; `free` says at which steps the unconditional pass runs."""
    state = denoiser.start("a", plan, hear(denoiser, plan))
    state.unconditional_mask = unbits(free) or state.unconditional_mask
    return state


def test_guidance_of_one_needs_no_unconditional_pass(denoiser: FamilyDenoiser) -> None:
    states = [begun(denoiser, make_plan(spec=SPEC, guidance=guidance)) for guidance in (1.0, 3.0)]
    with rows_of_forwards(denoiser) as seen:
        denoiser.predict(states[:1])
        denoiser.predict(states[1:])
        denoiser.predict(states)
    assert seen == [1, 2, 3]


def test_jobs_with_and_without_their_unconditional_pass_share_one_forward(denoiser: FamilyDenoiser) -> None:
    plans = [make_plan(word, steps=4, spec=SPEC, seed=seed) for seed, word in enumerate(("one", "two", "three"))]
    free = ("1000", "1111", "1010")
    together = [begun(denoiser, plan, mask) for plan, mask in zip(plans, free, strict=True)]
    with rows_of_forwards(denoiser) as seen:
        walk(denoiser, *together)
    assert seen == [6, 4, 5, 4]
    for plan, mask, state in zip(plans, free, together, strict=True):
        alone = begun(denoiser, plan, mask)
        walk(denoiser, alone)
        assert (state.latent - alone.latent).abs().max() <= 1e-4
    all_of_them = begun(denoiser, plans[0])
    walk(denoiser, all_of_them)
    assert not torch.equal(all_of_them.latent, together[0].latent)


def test_a_deterministic_job_has_the_same_bits_in_any_company_and_forwards_of_its_own(denoiser: FamilyDenoiser) -> None:
    def one(seed: int, deterministic: bool) -> JobState:
        plan = make_plan(f"job {seed}", 4, 3, seed, spec=SPEC, sampler="unipc", deterministic=deterministic)
        return begun(denoiser, plan, "1001")

    alone, other, company = one(0, True), one(0, True), [one(seed, seed == 4) for seed in range(1, 5)]
    walk(denoiser, alone)
    walk(denoiser, *company[:2], until=2)
    with rows_of_forwards(denoiser) as seen:
        walk(denoiser, company[3], other, *company[:3])
    assert torch.equal(other.latent, alone.latent)
    assert seen[:3] == [4, 2, 2]  # the three others together: three evaluations and one unconditional pass


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize("at", range(6))
def test_a_resumed_job_ends_with_the_same_bits(denoiser: FamilyDenoiser, sampler: str, at: int) -> None:
    plan = make_plan(steps=6, budget=4, spec=SPEC, sampler=sampler, deterministic=True)
    whole, parted = begun(denoiser, plan, "100100"), begun(denoiser, plan, "100100")
    walk(denoiser, whole)
    walk(denoiser, parted, until=at)
    resumed = from_bytes(to_bytes(parted), plan)
    walk(denoiser, resumed)
    assert torch.equal(resumed.latent, whole.latent)


def test_frames_are_rounded_as_diffusers_rounds_and_the_preview_is_a_small_frame(denoiser: FamilyDenoiser) -> None:
    plan = make_plan(steps=2, spec=SPEC)
    state = denoiser.start("a", plan, hear(denoiser, plan))
    assert denoiser.preview(state).shape == (1, 16, 32, 3)
    walk(denoiser, state)
    frames = denoiser.decode(state)
    assert frames.dtype == np.uint8
    assert np.array_equal(frames, (denoiser.decode_float(state) * 255).round().astype("uint8"))
    assert denoiser.memory_bytes() > 0
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("spec", [VideoSpec(32, 16, 6, 8), VideoSpec(24, 16, 5, 8), VideoSpec(32, 8, 5, 8)])
def test_a_shape_that_the_model_cannot_make_is_refused(denoiser: FamilyDenoiser, spec: VideoSpec) -> None:
    plan = make_plan(spec=spec)
    with pytest.raises(InvalidRequest, match="multiple"):
        denoiser.start("a", plan, hear(denoiser, plan))


def test_torch_and_decoder_errors_get_our_names() -> None:
    with pytest.raises(DeviceOutOfMemory), device_errors():
        raise torch.OutOfMemoryError("CUDA out of memory.")
    with pytest.raises(DeviceOutOfMemory), device_errors():
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    with pytest.raises(NumericalError):
        rounded(np.full((1, 1, 1, 3), np.nan, dtype=np.float32))
