"""A job's state as bytes and back: safetensors with a JSON note in their header, so that another machine can go on."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import save
from safetensors.torch import load
from typing_extensions import NotRequired, TypedDict

from app.engine.denoiser import TOKENS, Conditioning, JobState, Prediction, TextEmbedding
from app.engine.modalities import Modality
from app.engine.reuse import look_back
from app.plan.masks.mask import masks_of
from app.types import Plan
from app.types.masks import LINEAR

FORMAT = "kinoray-checkpoint-4"
OF_SEVERAL = "kinoray-checkpoint-5"  # with modalities; a silent job's are of the former, which older replicas read
MAX_HEADER_BYTES = 1 << 20
MAX_EMBEDDING = 1 << 24  # numbers in one tensor of an embedding; Wan's have 512 x 4096
MAX_HEARD = 8  # tensors that encoders may make of one text
MAX_MEMORY = 8  # latents that a sampler may keep
MAX_MODALITIES = 8
_TEXTS = ("prompt.", "negative.")  # what the names of their tensors begin with


class Entry(TypedDict):
    """Where a tensor lies, as a safetensors header says it."""

    dtype: str
    shape: list[int]


class ModalityNote(TypedDict):
    """A modality of the latent, and its own noise levels, if it has any."""

    name: str
    shape: Sequence[int]
    sigmas: Sequence[float]


class Note(TypedDict):
    """What is no tensor, as JSON in the header. What was read is taken for one only after it has been checked."""

    format: str
    made_by: list[str]
    job_id: str
    revision: str
    plan: str
    step: int
    sigmas: Sequence[float]
    timesteps: Sequence[float]
    mask: Sequence[bool]
    unconditional_mask: Sequence[bool]
    order: int
    seen_sigmas: Sequence[float]
    memory: int
    evaluations: int
    modalities: NotRequired[Sequence[ModalityNote]]


class CheckpointInvalid(ValueError):
    """The bytes are not a checkpoint of this plan by this version: start again from noise."""


def to_bytes(state: JobState) -> bytes:
    """All that is needed to go on with the same bits: latent, what was predicted, embeddings, place in the schedule."""
    tensors = {
        "latent": state.latent,
        **{f"prompt.{name}": tensor for name, tensor in state.conditioning.prompt.items()},
        **{f"negative.{name}": tensor for name, tensor in state.conditioning.negative.items()},
        **{f"history.{place}": seen.velocity for place, seen in enumerate(state.history)},
        **{f"memory.{place}": kept for place, kept in enumerate(state.memory)},
        **{f"picture.{name}": part for name, part in state.conditioning.picture.items()},
    }
    if state.difference is not None:
        tensors["difference"] = state.difference
    if state.made is not None:
        tensors["made"] = state.made
    note: Note = {
        "format": FORMAT,
        "made_by": maker(state.latent.device),
        "job_id": state.job_id,
        "revision": state.plan.revision,
        "plan": fingerprint(state.plan),
        "step": state.step,
        "sigmas": state.sigmas,
        "timesteps": state.timesteps,
        "mask": state.mask,
        "unconditional_mask": state.unconditional_mask,
        "order": state.order,
        "seen_sigmas": [seen.sigma for seen in state.history],
        "memory": len(state.memory),
        "evaluations": state.evaluations,
    }
    if state.modalities:
        note["format"] = OF_SEVERAL
        note["modalities"] = [
            {"name": each.name, "shape": each.shape, "sigmas": each.sigmas} for each in state.modalities
        ]
    # NumPy's copies, not torch's: this runs beside the engine's thread, whose steps suffer from a second OpenMP team.
    arrays = {name: np.ascontiguousarray(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}
    return save(arrays, metadata={"kinoray": json.dumps(note)})


def from_bytes(data: bytes, plan: Plan, device: str | torch.device = "cpu") -> JobState:
    """The state that `to_bytes` saw, on `device`; its sizes and versions are checked, nothing is unpickled.

    A deterministic job goes on only where torch, the kind of device and its threads are those that it began with.

    Raises:
        CheckpointInvalid: cut short, of another format or plan, or contradicting itself.
    """
    try:
        header, note = _header(data)
        _check_note(note, plan, torch.device(device))
        _check_sizes(header, plan)
        state = _state(note, {name: tensor.to(device) for name, tensor in load(data).items()}, plan)
    except CheckpointInvalid:
        raise
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
        raise CheckpointInvalid(f"Not a checkpoint: {error}") from error
    _check(state)
    return state


def fingerprint(plan: Plan) -> str:
    """What a checkpoint and a plan must agree on: model, revision, prompts, shape, sampling, start and picture."""
    picture = "" if plan.image is None else plan.image.key
    begins = () if plan.start is None else (plan.start.entry, plan.start.step)
    sampling = {name: value for name, value in asdict(plan.sampling).items() if name not in plan.sampling.later_fields}
    decisive = (
        *(plan.model, plan.revision, plan.prompt, plan.negative_prompt, asdict(plan.spec), sampling),
        *(picture, plan.adapters_mark, *begins, *(() if plan.student is None else (asdict(plan.student),))),
        *([each.artifact.key, *each.bits] for each in plan.references),
        *([stage.facts for stage in plan.stages]),
    )
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def maker(device: torch.device) -> list[str]:
    """What decides the bits beside the plan: torch's version, the kind of device and, on a CPU, its threads."""
    if device.type == "cuda":
        return [str(torch.__version__), torch.cuda.get_device_name(device)]
    return [str(torch.__version__), device.type, torch.backends.cpu.get_cpu_capability(), str(torch.get_num_threads())]


def _header(data: bytes) -> tuple[dict[str, Entry], Note]:
    """The safetensors header: 8 bytes of length, then JSON: where each tensor lies, our note under `__metadata__`."""
    (size,) = struct.unpack("<Q", data[:8])
    if size > MAX_HEADER_BYTES:
        raise ValueError("its header is too long")
    header = json.loads(data[8 : 8 + size])
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    note: Note = json.loads(header.pop("__metadata__")["kinoray"])
    return header, note


def _check_note(note: Note, plan: Plan, device: torch.device) -> None:
    if note["format"] not in (FORMAT, OF_SEVERAL) or ("modalities" in note) != (note["format"] == OF_SEVERAL):
        raise CheckpointInvalid(f"The checkpoint's format is {note['format']!r}, not {FORMAT!r} or {OF_SEVERAL!r}.")
    if note["revision"] != plan.revision:
        raise CheckpointInvalid(f"The checkpoint is of the model's revision {note['revision']!r}.")
    if note["plan"] != fingerprint(plan):
        raise CheckpointInvalid("The checkpoint is of another plan.")
    if plan.sampling.deterministic and note["made_by"] != maker(device):
        raise CheckpointInvalid(f"The job is deterministic, and its checkpoint was made by {note['made_by']}.")


def _check_sizes(header: Mapping[str, Entry], plan: Plan) -> None:
    """Before a byte of it is read as a tensor: names, number and sizes are such as this plan's can be."""
    spec = plan.spec
    pixels = 3 * spec.width * spec.height * spec.frames  # no latent is larger than its video
    known = {
        "latent",
        "difference",
        "made",
        "history.0",
        "history.1",
        *(f"memory.{place}" for place in range(MAX_MEMORY)),
    }
    for text in _TEXTS:
        if sum(name.startswith(text) for name in header) > MAX_HEARD:
            raise CheckpointInvalid("The checkpoint holds more of a text than an encoder makes.")
    for name, entry in header.items():
        limit = MAX_EMBEDDING if name.startswith(_TEXTS) else pixels if name in known else 0
        if name.startswith(("picture.", *_TEXTS)) and plan.inputs:  # of a text, too: some encoders look at pictures
            limit = max(pixels, MAX_EMBEDDING)
        shape = entry["shape"]
        least = 0 if name.startswith(_TEXTS) else 1  # an empty text may have no tokens
        if entry["dtype"] != "F32" or not shape or min(shape) < least or math.prod(shape) > limit:
            raise CheckpointInvalid(f"The checkpoint's {name[:40]!r} cannot be: {entry['dtype']} {shape}.")


def _state(note: Note, tensors: Mapping[str, torch.Tensor], plan: Plan) -> JobState:
    seen = enumerate(note["seen_sigmas"])
    picture = {name.removeprefix("picture."): part for name, part in tensors.items() if name.startswith("picture.")}
    return JobState(
        job_id=str(note["job_id"]),
        plan=plan,
        conditioning=Conditioning(*(_embedding(tensors, text) for text in _TEXTS), picture=picture),
        latent=tensors["latent"],
        sigmas=tuple(float(sigma) for sigma in note["sigmas"]),
        timesteps=tuple(float(timestep) for timestep in note["timesteps"]),
        step=int(note["step"]),
        mask=tuple(bool(run) for run in note["mask"]),
        unconditional_mask=tuple(bool(run) for run in note["unconditional_mask"]),
        order=int(note["order"]),
        history=[Prediction(float(sigma), tensors[f"history.{place}"]) for place, sigma in seen],
        difference=tensors.get("difference"),
        memory=tuple(tensors[f"memory.{place}"] for place in range(int(note["memory"]))),
        evaluations=int(note["evaluations"]),
        modalities=_modalities(note),
        made=tensors.get("made"),
    )


def _modalities(note: Note) -> tuple[Modality, ...]:
    said = note.get("modalities", ())
    if len(said) > MAX_MODALITIES:
        raise CheckpointInvalid("The checkpoint has more modalities than a model has.")
    return tuple(
        Modality(
            str(each["name"]),
            tuple(int(side) for side in each["shape"]),
            tuple(float(sigma) for sigma in each["sigmas"]),
        )
        for each in said
    )


def _embedding(tensors: Mapping[str, torch.Tensor], text: str) -> TextEmbedding:
    return {name.removeprefix(text): tensor for name, tensor in tensors.items() if name.startswith(text)}


def _sound(text: TextEmbedding) -> bool:
    return TOKENS in text and text[TOKENS].ndim == 2 and all(tensor.ndim in (1, 2) for tensor in text.values())


def _whole(state: JobState) -> bool:
    """Whether the latent is a video's, or just as long as its modalities are, each with levels for every step."""
    if not state.modalities:
        return state.latent.ndim == 4
    named = {each.name for each in state.modalities}
    sound = all(min(each.shape, default=0) > 0 for each in state.modalities)
    levels = all(len(each.sigmas) in (0, len(state.sigmas)) for each in state.modalities)
    whole = list(state.latent.shape) == [sum(each.size for each in state.modalities)]
    return len(named) == len(state.modalities) and sound and levels and whole


def _check(state: JobState) -> None:
    steps = state.plan.sampling.steps
    kept = [seen.velocity for seen in state.history] + list(state.memory)
    kept += [] if state.difference is None else [state.difference]
    lengths = {len(state.sigmas) - 1, len(state.timesteps), len(state.mask), len(state.unconditional_mask)}
    here = sum(state.mask[state.begun_stage : state.step])  # each stage of a plan remembers its own
    masks = None if state.plan.masks is None else masks_of(state.plan)
    kept_masks = (state.mask, state.unconditional_mask, state.order)
    sound = {
        "masks": masks is None or kept_masks == (masks.run, masks.unconditional, masks.order),
        "schedule": lengths == {steps} and state.order in {0, LINEAR, masks_of(state.plan).order},
        "step": 0 <= state.step <= steps and state.evaluations == sum(state.mask[: state.step]),
        "history": len(state.history) == min(here, look_back(state)),
        "guidance": state.difference is None or (state.plan.sampling.guidance != 1 and here > 0),
        "made": state.made is None or (bool(state.plan.stages) and state.made.ndim == 4),
        "latent": _whole(state) and all(tensor.shape == state.latent.shape for tensor in kept),
        "embeddings": _sound(state.conditioning.prompt) and _sound(state.conditioning.negative),
    }
    wrong = [name for name, right in sound.items() if not right]
    if wrong:
        raise CheckpointInvalid(f"The checkpoint does not fit its plan: {', '.join(wrong)}.")
