"""Model families on this device: a step of the engine against a bare forward, batches, urgency, decoding, memory.

The architectures are the published ones at full size where there is a GPU, else small ones that show that this runs.
Weights are random: speed does not depend on them, and what they make is not looked at.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
    WanTransformer3DModel,
)
from rich.console import Console

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import TOKENS, Conditioning, Denoiser, EncodePrompts, JobState, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.placement import place
from app.engine.families.ltx import FIRST, LTX, MASK
from app.engine.families.models import Parts
from app.engine.families.wan.family import Wan
from app.engine.loop import Engine
from app.engine.samplers.levels import Bend
from app.engine.timing.warm_up import measure_batches
from app.errors import DeviceOutOfMemory
from app.line.batcher import Rules
from app.settings.placement import PRESETS, Placement
from app.types import Analysis, Estimate, Plan, Sampling, VideoSpec
from benchmarks.figures import at_most, spread
from benchmarks.watched import Heard

FULL, SMALL = "full", "small"
STEP_RATIO = 1.01
RULES = Rules(max_batch=4, slots=8)


@dataclass(frozen=True, slots=True)
class Subject:
    """An architecture: what makes it, and the shapes that it is measured at, small to large, with their tokens."""

    name: str
    parts: Callable[[], Parts]
    denoiser: Callable[[Parts, torch.device], Denoiser]
    shapes: tuple[VideoSpec, ...]
    cell: tuple[int, int]  # frames and pixels that a token stands for

    def tokens(self, spec: VideoSpec) -> int:
        frames, pixels = self.cell
        return ((spec.frames - 1) // frames + 1) * (spec.height // pixels) * (spec.width // pixels)


def subjects(scale: str, dtype: torch.dtype) -> list[Subject]:
    """Wan 2.1 T2V 1.3B and LTX-Video 0.9, or small models of the same classes."""
    full = scale == FULL
    text = 4096 if full else 32
    wan = {} if full else {"num_attention_heads": 2, "attention_head_dim": 24, "ffn_dim": 64, "num_layers": 2}
    wan_1b = {"num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30}
    ltx = (
        {} if full else {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "cross_attention_dim": 32}
    )
    eyes = {} if full else {"base_dim": 8, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}

    def wan_parts() -> Parts:
        transformer = WanTransformer3DModel(**{**wan_1b, **wan, "text_dim": text}).to(dtype)
        return Parts(transformer.eval(), AutoencoderKLWan(**eyes).eval(), _text({}, 512, text))

    def ltx_parts() -> Parts:
        transformer = LTXVideoTransformer3DModel(**{**ltx, "caption_channels": text}).to(dtype)
        return Parts(
            transformer.eval(), AutoencoderKLLTXVideo().to(dtype).eval(), _text({MASK: torch.ones(128)}, 128, text)
        )

    def wan_denoiser(parts: Parts, device: torch.device) -> Denoiser:
        return FamilyDenoiser(Wan(parts, device))

    def ltx_denoiser(parts: Parts, device: torch.device) -> Denoiser:
        bend = Bend.of(FlowMatchEulerDiscreteScheduler(shift=1.0).config)
        return FamilyDenoiser(LTX(parts, FIRST, bend, device))

    large = ((256, 256, 17), (512, 320, 33), (832, 480, 81)) if full else ((32, 32, 5), (64, 32, 5))
    quick = ((512, 320, 49), (768, 512, 121)) if full else ((64, 32, 9), (64, 64, 9))
    return [
        Subject("wan2.1-t2v-1.3b", wan_parts, wan_denoiser, _specs(large, 16), (4, 16)),
        Subject("ltx-video", ltx_parts, ltx_denoiser, _specs(quick, 24), (8, 32)),
    ]


def _specs(rows: Sequence[tuple[int, int, int]], fps: int) -> tuple[VideoSpec, ...]:
    return tuple(VideoSpec(width, height, frames, fps) for width, height, frames in rows)


def _text(more: TextEmbedding, tokens: int, width: int) -> EncodePrompts:
    """A text encoder's answer to anything."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        drawn = torch.randn(len(prompts), tokens, width, generator=torch.Generator().manual_seed(0))
        return [{TOKENS: each, **more} for each in drawn]

    return encode


def measure(quick: bool, console: Console) -> dict[str, Any]:
    """All figures of every subject."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    scale = FULL if device.type == "cuda" and not quick else SMALL
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "scale": scale,
        "dtype": str(dtype).removeprefix("torch."),
        "quality": "not measured: random weights",
    }
    for subject in subjects(scale, dtype):
        found[subject.name] = _of(subject, device)
        console.print(f"[dim]{subject.name}: {found[subject.name]}[/dim]")
    return found


def _of(subject: Subject, device: torch.device) -> dict[str, Any]:
    parts = subject.parts()
    place(parts, Placement(), device)
    denoiser = subject.denoiser(parts, device)
    rows = []
    for spec in subject.shapes:
        plan = _plan(subject.name, spec, 8)
        rows.append(
            {
                "shape": f"{spec.width}x{spec.height}x{spec.frames}",
                "tokens": subject.tokens(spec),
                "step_to_bare_forward": _against_bare(denoiser, parts.transformer, plan),
                "seconds_a_job_by_batch": _batches(denoiser, plan),
                "checkpoint": _checkpoint(denoiser, plan),
                "decode_s": _decode_s(denoiser, plan),
            }
        )
    urgent = _urgent(denoiser, subject)
    del denoiser, parts
    return {"shapes": rows, "urgent_beside_long": urgent, "memory_gib_by_preset": _presets(subject, device)}


def _plan(model: str, spec: VideoSpec, steps: int, guidance: float = 3.0) -> Plan:
    sampling = Sampling(steps=steps, budget=steps, guidance=guidance, seed=1, shift=1.0)
    estimate, why = Estimate(0.0, 0.0), Analysis(0, "simple")
    return Plan(model, "random", "anything", "", spec, sampling, "", "", "main", estimate, why)


def _begun(denoiser: Denoiser, plan: Plan) -> JobState:
    return denoiser.start("job", plan, Conditioning(*denoiser.encode([plan.prompt, plan.negative_prompt])))


def _against_bare(denoiser: Denoiser, transformer: Any, plan: Plan, rounds: int = 7) -> dict[str, Any]:
    """A step of the engine, over the same forward of the bare transformer; they take turns."""
    kept: list[Any] = []
    hook = transformer.register_forward_pre_hook(lambda _, args, more: kept.append((args, more)), with_kwargs=True)
    state = _begun(denoiser, plan)
    denoiser.advance(state, denoiser.predict([state])[0])
    hook.remove()
    args, more = kept[0]
    engine, sink = Engine(denoiser, RULES), Heard()
    engine.submit("job", replace(plan, sampling=replace(plan.sampling, steps=4 * rounds, budget=4 * rounds)), sink)
    sink.wait()
    engine.close(30)
    steps = [after - before for (_, before), (_, after) in zip(sink.steps[3:], sink.steps[4:], strict=False)]
    bare = []
    for _ in range(2 * rounds):
        began = time.perf_counter()
        with torch.inference_mode():
            transformer(*args, **more)
        _settle(denoiser)
        bare.append(time.perf_counter() - began)
    ratio = statistics.median(steps) / statistics.median(bare[2:])
    return at_most(ratio, STEP_RATIO, step_s=spread(steps, 5), bare_s=spread(bare[2:], 5))


def _batches(denoiser: Denoiser, plan: Plan) -> dict[str, float]:
    """Seconds that a job's step takes in batches of each size that fits."""
    times = measure_batches(denoiser, plan, 4).times
    return {str(batch): round(seconds / batch, 5) for (_, batch), seconds in sorted(times.items())}


def _checkpoint(denoiser: Denoiser, plan: Plan) -> dict[str, float]:
    state = _begun(denoiser, plan)
    denoiser.advance(state, denoiser.predict([state])[0])
    _settle(denoiser)
    began = time.perf_counter()
    size = len(to_bytes(state))
    return {"ms": round(1000 * (time.perf_counter() - began), 2), "mib": round(size / 2**20, 2)}


def _decode_s(denoiser: Denoiser, plan: Plan) -> float | str:
    """Seconds of a decoding: in the engine it stands between two steps of the others."""
    state = _begun(denoiser, plan)
    try:
        denoiser.decode(state)
    except DeviceOutOfMemory:
        return "does not fit whole; use vae_tiling"
    began = time.perf_counter()
    denoiser.decode(state)
    return round(time.perf_counter() - began, 4)


def _urgent(denoiser: Denoiser, subject: Subject) -> dict[str, Any]:
    """Seconds until a preview's first step ends, beside a long job of the largest shape, in steps of that."""
    engine, long, waits = Engine(denoiser, RULES), Heard(), []
    engine.submit("long", _plan(subject.name, subject.shapes[-1], 60), long)
    long.at(2)
    for number in range(3):
        sink, began = Heard(), time.perf_counter()
        plan = _plan(subject.name, subject.shapes[0], 4)
        engine.submit(f"urgent-{number}", plan, sink, urgency=engine.urgency("high"))
        sink.at(1)
        waits.append(sink.steps[0][1] - began)
        sink.wait()
        long.at(long.steps[-1][0] + 2)
    engine.stop("long")
    long.wait()
    engine.close(30)
    step_s = statistics.median(b - a for (_, a), (_, b) in zip(long.steps, long.steps[1:], strict=False))
    return at_most(max(waits) / step_s, 2.0, wait_s=spread(waits), long_step_s=round(step_s, 4))


def _presets(subject: Subject, device: torch.device) -> dict[str, Any]:
    """The most that the device holds for one job of the smallest shape, by preset; on a CPU it is not measured."""
    if device.type != "cuda":
        return {"note": "only a GPU tells"}
    found: dict[str, Any] = {}
    for name, placement in {"none": Placement(dtype="bfloat16"), **PRESETS}.items():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        parts = subject.parts()
        place(parts, replace(placement, compile="none"), device)
        denoiser = subject.denoiser(parts, device)
        state = _begun(denoiser, _plan(subject.name, subject.shapes[0], 2))
        while not state.done:
            denoiser.advance(state, denoiser.predict([state])[0])
        denoiser.decode(state)
        found[name] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        del denoiser, parts, state
    return found


def _settle(denoiser: Denoiser) -> None:
    if denoiser.device.type == "cuda":
        torch.cuda.synchronize()
