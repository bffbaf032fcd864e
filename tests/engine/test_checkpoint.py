from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from app.engine.checkpoint import CheckpointInvalid, from_bytes, to_bytes
from app.engine.denoiser import TOKENS, JobState
from app.engine.fake import FakeDenoiser
from app.plan.masks.mask import evenly, masks_of
from tests.engine.plans import hear, make_plan, walk


def started(steps: int = 9, budget: int = 5, sampler: str = "euler", deterministic: bool = False) -> JobState:
    plan = make_plan(steps=steps, budget=budget, sampler=sampler, deterministic=deterministic)
    return FakeDenoiser().start("a", plan, hear(FakeDenoiser(), plan))


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize("at", [0, 1, 4, 5, 9])
def test_a_job_resumed_elsewhere_ends_with_the_same_bits(at: int, sampler: str) -> None:
    whole, parted = started(sampler=sampler), started(sampler=sampler)
    walk(FakeDenoiser(), whole)
    walk(FakeDenoiser(), parted, until=at)
    resumed = from_bytes(to_bytes(parted), parted.plan)
    walk(FakeDenoiser(), resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert resumed.evaluations == whole.evaluations == 5


def test_every_field_comes_back() -> None:
    state = started()
    walk(FakeDenoiser(), state, until=4)
    state.difference = state.latent + 1
    back = from_bytes(to_bytes(state), state.plan)
    assert back.difference is not None
    assert torch.equal(back.difference, state.difference)
    assert (back.timesteps, back.unconditional_mask, back.order) == (state.timesteps, state.unconditional_mask, 1)
    assert (back.job_id, back.step, back.mask, back.sigmas) == (state.job_id, 4, state.mask, state.sigmas)
    assert torch.equal(back.conditioning.prompt[TOKENS], state.conditioning.prompt[TOKENS])
    assert [seen.sigma for seen in back.history] == [seen.sigma for seen in state.history]


def test_another_plan_is_refused() -> None:
    state = started()
    with pytest.raises(CheckpointInvalid, match="plan"):
        from_bytes(to_bytes(state), make_plan(steps=9, budget=5, seed=1))


@pytest.mark.parametrize("cut", [0, 5, 8, 100, -1])
def test_bytes_cut_short_are_refused(cut: int) -> None:
    state = started()
    with pytest.raises(CheckpointInvalid):
        from_bytes(to_bytes(state)[:cut], state.plan)


def test_another_revision_of_the_model_is_refused_by_name() -> None:
    state = started()
    with pytest.raises(CheckpointInvalid, match="revision '1'"):
        from_bytes(to_bytes(state), replace(state.plan, revision="2"))


def test_only_a_deterministic_job_insists_on_the_torch_that_it_began_with() -> None:
    free, bound = started(), started(deterministic=True)
    assert from_bytes(to_bytes(bound), bound.plan).step == 0
    assert from_bytes(altered(free, made_by=["1.0", "cpu"]), free.plan).step == 0
    with pytest.raises(CheckpointInvalid, match=r"deterministic.*1\.0"):
        from_bytes(altered(bound, made_by=["1.0", "cpu"]), bound.plan)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("latent", torch.zeros(4, 4, 64, 64)),  # larger than the video
        ("latent", torch.zeros(3, 5, 8, 8, dtype=torch.float64)),
        ("latent", torch.zeros(3, 0, 8, 8)),
        ("prompt.tokens", torch.zeros(2**24 + 1, 1)),
        ("history.7", torch.zeros(3, 5, 8, 8)),
        ("../else", torch.zeros(1)),
    ],
)
def test_a_tensor_that_the_plan_cannot_have_is_refused_before_it_is_read(name: str, tensor: torch.Tensor) -> None:
    state = started()
    with pytest.raises(CheckpointInvalid, match="cannot be"):
        from_bytes(altered(state, {name: tensor}), state.plan)


def test_a_deterministic_job_does_not_go_on_with_another_number_of_threads() -> None:
    state, threads = started(deterministic=True), torch.get_num_threads()
    data = to_bytes(state)
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(CheckpointInvalid, match="deterministic"):
            from_bytes(data, state.plan)
    finally:
        torch.set_num_threads(threads)


def altered(state: JobState, tensors: dict[str, torch.Tensor] | None = None, **changes: Any) -> bytes:
    data = to_bytes(state)
    (size,) = struct.unpack("<Q", data[:8])
    note = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["kinoray"])
    return save({**load(data), **(tensors or {})}, metadata={"kinoray": json.dumps({**note, **changes})})


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "kinoray-checkpoint-0"},
        {"step": 99},
        {"step": float("inf")},
        {"sigmas": [1.0, 0.0]},
        {"mask": [True]},
        {"unconditional_mask": [True]},
        {"timesteps": []},
        {"order": 2},
        {"memory": 1},
        {"memory": 10**18},
        {"evaluations": 2},
        {"seen_sigmas": [0.5]},
        {"seen_sigmas": None},
    ],
)
def test_a_checkpoint_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    state = started()
    assert from_bytes(altered(state), state.plan).step == 0
    with pytest.raises(CheckpointInvalid):
        from_bytes(altered(state, **changes), state.plan)


def test_a_checkpoint_of_other_masks_than_its_plan_carries_is_refused() -> None:
    state = started()
    masks = masks_of(state.plan)
    other = evenly(masks.steps, masks.budget) if masks.order == 0 else replace(masks, order=0)
    assert from_bytes(to_bytes(state), replace(state.plan, masks=masks)).mask == masks.run
    with pytest.raises(CheckpointInvalid, match="masks"):
        from_bytes(to_bytes(state), replace(state.plan, masks=other))
