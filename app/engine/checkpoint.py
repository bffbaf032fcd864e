"""A job's state as bytes and back: safetensors with a JSON note in their header, so that another machine can go on."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from app.engine.denoiser import Conditioning, JobState, Prediction
from app.engine.reuse import LOOK_BACK
from app.types import Plan

FORMAT = "kinoray-checkpoint-1"
MAX_HEADER_BYTES = 1 << 20


class CheckpointInvalid(ValueError):
    """The bytes are not a checkpoint of this plan by this version: start again from noise."""


def to_bytes(state: JobState) -> bytes:
    """All that is needed to go on with the same bits: latent, history, embeddings, place in the schedule."""
    tensors = {
        "latent": state.latent,
        "prompt": state.conditioning.prompt,
        "negative": state.conditioning.negative,
        **{f"history.{place}": seen.velocity for place, seen in enumerate(state.history)},
    }
    note = {
        "format": FORMAT,
        "torch": torch.__version__,
        "job_id": state.job_id,
        "plan": fingerprint(state.plan),
        "step": state.step,
        "sigmas": state.sigmas,
        "mask": state.mask,
        "seen_sigmas": [seen.sigma for seen in state.history],
        "evaluations": state.evaluations,
    }
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return save(owned, metadata={"kinoray": json.dumps(note)})


def from_bytes(data: bytes, plan: Plan, device: str | torch.device = "cpu") -> JobState:
    """The state that `to_bytes` saw, on `device`; its sizes and versions are checked, nothing is unpickled.

    Raises:
        CheckpointInvalid: cut short, of another format or plan, or contradicting itself.
    """
    try:
        note = _note(data)
        tensors = {name: tensor.to(device) for name, tensor in load(data).items()}
        state = JobState(
            job_id=str(note["job_id"]),
            plan=plan,
            conditioning=Conditioning(tensors["prompt"], tensors["negative"]),
            latent=tensors["latent"],
            sigmas=tuple(float(sigma) for sigma in note["sigmas"]),
            step=int(note["step"]),
            mask=tuple(bool(run) for run in note["mask"]),
            history=[
                Prediction(float(sigma), tensors[f"history.{place}"]) for place, sigma in enumerate(note["seen_sigmas"])
            ],
            evaluations=int(note["evaluations"]),
        )
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
        raise CheckpointInvalid(f"Not a checkpoint: {error}") from error
    _check(state, note)
    return state


def fingerprint(plan: Plan) -> str:
    """What a checkpoint and a plan must agree on: model, revision, prompts, shape and sampling."""
    decisive = (plan.model, plan.revision, plan.prompt, plan.negative_prompt, asdict(plan.spec), asdict(plan.sampling))
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _note(data: bytes) -> dict[str, Any]:
    """Our note in the safetensors header: 8 bytes of length, then JSON with strings under `__metadata__`."""
    (size,) = struct.unpack("<Q", data[:8])
    if size > MAX_HEADER_BYTES:
        raise ValueError("its header is too long")
    note = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["kinoray"])
    if not isinstance(note, dict) or note.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    return note


def _check(state: JobState, note: dict[str, Any]) -> None:
    steps = state.plan.sampling.steps
    velocities = [seen.velocity for seen in state.history]
    sound = {
        "plan": note["plan"] == fingerprint(state.plan),
        "schedule": len(state.sigmas) == steps + 1 and len(state.mask) == steps,
        "step": 0 <= state.step <= steps and 0 <= state.evaluations <= state.step,
        "history": len(velocities) == min(state.evaluations, LOOK_BACK),
        "latent": state.latent.ndim == 4 and all(seen.shape == state.latent.shape for seen in velocities),
        "embeddings": state.conditioning.prompt.ndim == 2 == state.conditioning.negative.ndim,
        "numbers": all(tensor.dtype == torch.float32 for tensor in (state.latent, *velocities)),
    }
    wrong = [name for name, right in sound.items() if not right]
    if wrong:
        raise CheckpointInvalid(f"The checkpoint does not fit its plan: {', '.join(wrong)}.")
