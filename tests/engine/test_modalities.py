from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.engine.checkpoint import FORMAT, OF_SEVERAL, from_bytes, to_bytes
from app.engine.denoiser import TOKENS, Conditioning, JobState, TextEmbedding
from app.engine.fake import FakeDenoiser
from app.engine.modalities import AUDIO, VIDEO, Modality, apart, joined
from app.engine.reuse import forecast, remember
from app.engine.sampler import advance, begin, clean, noised
from tests.engine.plans import hear, make_plan

TEXT: TextEmbedding = {TOKENS: torch.zeros(1, 1)}
LATENTS = {VIDEO: torch.randn(4, 3, 2, 2), AUDIO: torch.randn(2, 5, 3)}
SLOW = (0.999, 0.95, 0.9, 0.8, 0.7, 0.5, 0.0)


def modalities(sigmas: tuple[float, ...] = ()) -> tuple[Modality, ...]:
    return Modality(VIDEO, (4, 3, 2, 2)), Modality(AUDIO, (2, 5, 3), sigmas)


def begun(sampler: str, sigmas: tuple[float, ...] = ()) -> JobState:
    several = modalities(sigmas)
    plan = make_plan(steps=6, budget=4, sampler=sampler)
    return begin("a", plan, Conditioning(TEXT, TEXT), joined(LATENTS, several), None, several)


def alone(sampler: str, name: str, sigmas: tuple[float, ...] = ()) -> JobState:
    state = begin("a", make_plan(steps=6, budget=4, sampler=sampler), Conditioning(TEXT, TEXT), LATENTS[name])
    return replace(state, sigmas=sigmas or state.sigmas)


def walked(state: JobState) -> JobState:
    while not state.done:
        if state.forecast:
            advance(state, forecast(state.history, state.sigma))
            continue
        velocity = torch.sin(3 * state.latent)
        remember(state, velocity)
        advance(state, velocity)
    return state


def test_latents_end_to_end_are_the_same_latents() -> None:
    vector = joined(LATENTS, modalities())
    assert vector.shape == (4 * 3 * 2 * 2 + 2 * 5 * 3,)
    assert all(torch.equal(part, LATENTS[name]) for name, part in apart(vector, modalities()).items())
    batch = torch.stack([vector, vector + 1])
    assert torch.equal(apart(batch, modalities())[AUDIO][1], LATENTS[AUDIO] + 1)


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
def test_each_modality_walks_as_it_would_by_itself(sampler: str) -> None:
    both = walked(begun(sampler))
    for name in LATENTS:
        assert torch.allclose(both.part(name), walked(alone(sampler, name)).latent, atol=1e-6)


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
def test_a_modality_may_have_noise_levels_of_its_own(sampler: str) -> None:
    plan = make_plan(steps=6, sampler=sampler)
    full: dict[str, Any] = {"mask": (True,) * 6, "plan": plan}
    both = walked(replace(begun(sampler, SLOW), **full))
    assert torch.allclose(both.part(VIDEO), walked(replace(alone(sampler, VIDEO), **full)).latent, atol=1e-6)
    assert torch.allclose(both.part(AUDIO), walked(replace(alone(sampler, AUDIO, SLOW), **full)).latent, atol=1e-6)
    state = begun(sampler, SLOW)
    state.step = 2
    velocity = torch.ones_like(state.latent)
    assert torch.allclose(state.part(AUDIO, clean(state, velocity)), LATENTS[AUDIO] - 0.9)
    mixed = state.part(AUDIO, noised(state, velocity))
    assert torch.allclose(mixed, 0.1 * torch.ones(()) + 0.9 * LATENTS[AUDIO])


@pytest.mark.parametrize("sigmas", [(), SLOW])
def test_a_checkpoint_keeps_every_modality_with_its_history_and_levels(sigmas: tuple[float, ...]) -> None:
    whole, parted = begun("unipc", sigmas), begun("unipc", sigmas)
    walked(whole)
    for _ in range(3):
        velocity = torch.sin(3 * parted.latent)
        if parted.forecast:
            advance(parted, forecast(parted.history, parted.sigma))
        else:
            remember(parted, velocity)
            advance(parted, velocity)
    resumed = from_bytes(to_bytes(parted), parted.plan)
    assert resumed.modalities == parted.modalities
    assert torch.equal(walked(resumed).latent, whole.latent)


def test_a_silent_job_s_checkpoint_is_the_one_that_older_replicas_read() -> None:
    plan = make_plan()
    silent = FakeDenoiser().start("a", plan, hear(FakeDenoiser(), plan))
    kept = to_bytes(silent)
    assert json.dumps(FORMAT).replace('"', '\\"').encode() in kept
    assert b"modalities" not in kept
    assert from_bytes(kept, plan).modalities == ()
    assert OF_SEVERAL.encode() in to_bytes(begun("euler"))


def test_jobs_share_a_forward_only_where_all_their_modalities_are_of_one_shape() -> None:
    one, other = begun("euler"), begun("euler")
    other.modalities = (other.modalities[0], Modality(AUDIO, (2, 3, 5)))
    assert one.shape != other.shape
