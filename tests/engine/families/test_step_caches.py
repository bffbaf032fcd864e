from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from app.engine.checkpoint import from_bytes, to_bytes
from app.engine.denoiser import JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.step_caches import CONFIGS
from app.engine.loop import Engine
from app.engine.memory.state import move_state
from app.errors import UnsupportedParameter
from app.line.batcher import Rules
from app.types import STEP_CACHES, Plan, VideoSpec
from tests.engine.families.loading.test_placement import parts
from tests.engine.families.tiny import (
    autoencoder_of,
    by_pipeline,
    tiny_text,
    tiny_transformer,
    tiny_wan,
    transformer_of,
)
from tests.engine.families.wan.test_denoiser import by_engine
from tests.engine.plans import Listener, hear, make_plan, walk

SPEC, STEPS = VideoSpec(32, 16, 5, 8), 12
RATIOS = tuple(1 + 0.003 * step for step in range(STEPS))


def plan(kind: str, seed: int = 3, guidance: float = 4.0, prompt: str = "a red ball") -> Plan:
    return make_plan(prompt, STEPS, spec=SPEC, seed=seed, guidance=guidance, step_cache=kind)


@pytest.fixture(scope="module")
def denoiser() -> FamilyDenoiser:
    made = parts()
    return tiny_wan(made, mag_ratios=RATIOS)


def begun(denoiser: FamilyDenoiser, asked: Plan) -> JobState:
    return denoiser.start(asked.prompt, asked, hear(denoiser, asked))


def test_every_cache_that_a_request_can_name_is_there() -> None:
    assert set(CONFIGS) == set(STEP_CACHES)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("kind", STEP_CACHES)
def test_the_frames_are_those_of_wan_pipeline_with_the_same_cache(
    denoiser: FamilyDenoiser, kind: str, guidance: float
) -> None:
    asked = plan(kind, guidance=guidance)
    text, cache = tiny_text([asked.prompt, ""]), CONFIGS[kind](STEPS, RATIOS)
    cached = by_pipeline(tiny_transformer(), autoencoder_of(denoiser), text, asked, cache)
    ours = by_engine(denoiser, asked)
    assert np.abs(ours - cached).max() <= 1e-4
    plain = by_engine(denoiser, plan("", guidance=guidance))
    assert np.abs(ours - plain).max() > 2e-4, "the cache has saved nothing"


@pytest.mark.parametrize("kind", STEP_CACHES)
def test_jobs_that_take_turns_do_not_see_each_others_cache(denoiser: FamilyDenoiser, kind: str) -> None:
    plans = [plan(kind), plan("", seed=5), plan("first_block", seed=7, prompt="a blue box"), plan(kind, seed=8)]
    together = [begun(denoiser, asked) for asked in plans]
    walk(denoiser, *together)
    for asked, state in zip(plans, together, strict=True):
        alone = begun(denoiser, asked)
        walk(denoiser, alone)
        assert torch.equal(alone.latent, state.latent)


@pytest.mark.parametrize("kind", STEP_CACHES)
def test_a_paused_jobs_cache_moves_with_it_and_a_resumed_job_starts_it_anew(
    denoiser: FamilyDenoiser, kind: str
) -> None:
    whole, parted = begun(denoiser, plan(kind)), begun(denoiser, plan(kind))
    walk(denoiser, whole)
    walk(denoiser, parted, until=7)
    resumed = from_bytes(to_bytes(parted), plan(kind))
    assert not resumed.cached
    move_state(parted, torch.device("cpu"))
    walk(denoiser, parted)
    walk(denoiser, resumed)
    assert torch.equal(parted.latent, whole.latent)
    assert torch.isfinite(resumed.latent).all()
    assert (resumed.latent - whole.latent).abs().max() < 0.1 * whole.latent.abs().max()


def test_a_forward_that_fails_leaves_the_job_as_it_was(denoiser: FamilyDenoiser) -> None:
    state = begun(denoiser, plan("first_block"))
    walk(denoiser, state, until=3)
    before = state.cached
    hook = transformer_of(denoiser).proj_out.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        denoiser.predict([state])
    hook.remove()
    assert state.cached is before
    whole = begun(denoiser, plan("first_block"))
    walk(denoiser, whole)
    walk(denoiser, state)
    assert torch.equal(state.latent, whole.latent)


def test_without_magnitudes_there_is_no_mag_cache_and_they_can_be_measured() -> None:
    made = parts()
    plain = tiny_wan(made)
    state = begun(plain, plan("mag"))
    with pytest.raises(UnsupportedParameter):
        plain.predict([state])

    asked = plan("", guidance=1.0)
    ratios = plain.magnitudes(asked, hear(plain, asked))
    assert len(ratios) == STEPS
    assert all(0.5 < ratio < 2 for ratio in ratios)
    assert not made.transformer.is_cache_enabled


def test_a_job_that_wears_an_adapter_or_sees_a_picture_has_no_step_cache(denoiser: FamilyDenoiser) -> None:
    asked = replace(plan("first_block"), adapters=(("style", 1.0),))
    with pytest.raises(UnsupportedParameter, match="text alone"):
        begun(denoiser, asked)
    seen = replace(hear(denoiser, plan("first_block")), picture={"tokens": torch.zeros(1, 8)})
    with pytest.raises(UnsupportedParameter, match="text alone"):
        denoiser.start("a", plan("first_block"), seen)


def test_the_engine_gives_such_jobs_forwards_of_their_own(denoiser: FamilyDenoiser) -> None:
    engine = Engine(denoiser, Rules(max_batch=4, slots=8))
    heard = [Listener() for _ in range(3)]
    for seed, listener in enumerate(heard):
        engine.submit(f"job-{seed}", plan("taylorseer" if seed else "", seed), listener)
    frames = [listener.wait().frames for listener in heard]
    engine.close(20)
    for seed, made in enumerate(frames):
        alone = begun(denoiser, plan("taylorseer" if seed else "", seed, prompt="a red ball"))
        walk(denoiser, alone)
        assert np.array_equal(made, denoiser.decode(alone))
