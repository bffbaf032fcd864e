from __future__ import annotations

import json
import struct
from typing import Any

import pytest
import torch
from safetensors.torch import save

from app.engine.checkpoint import CheckpointInvalid, from_bytes, to_bytes
from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from tests.engine.plans import hear, make_plan, walk


def started(steps: int = 9, budget: int = 5) -> JobState:
    plan = make_plan(steps=steps, budget=budget)
    return FakeDenoiser().start("a", plan, hear(FakeDenoiser(), plan))


@pytest.mark.parametrize("at", [0, 1, 4, 5, 9])
def test_a_job_resumed_elsewhere_ends_with_the_same_bits(at: int) -> None:
    whole, parted = started(), started()
    walk(FakeDenoiser(), whole)
    walk(FakeDenoiser(), parted, until=at)
    resumed = from_bytes(to_bytes(parted), parted.plan)
    walk(FakeDenoiser(), resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert resumed.evaluations == whole.evaluations == 5


def test_every_field_comes_back() -> None:
    state = started()
    walk(FakeDenoiser(), state, until=4)
    back = from_bytes(to_bytes(state), state.plan)
    assert (back.job_id, back.step, back.mask, back.sigmas) == (state.job_id, 4, state.mask, state.sigmas)
    assert torch.equal(back.conditioning.prompt, state.conditioning.prompt)
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


def altered(state: JobState, **changes: Any) -> bytes:
    data = to_bytes(state)
    (size,) = struct.unpack("<Q", data[:8])
    note = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["kinoray"])
    tensors = {
        "latent": state.latent,
        "prompt": state.conditioning.prompt,
        "negative": state.conditioning.negative,
    }
    return save(tensors, metadata={"kinoray": json.dumps({**note, **changes})})


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "kinoray-checkpoint-0"},
        {"step": 99},
        {"step": float("inf")},
        {"sigmas": [1.0, 0.0]},
        {"mask": [True]},
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
