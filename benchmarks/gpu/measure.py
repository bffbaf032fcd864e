"""The measurements of the GPU day on one model: each is a function that gives a row, and is given the loaded model."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import Conditioning, JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.placement import place
from app.engine.families.models import Model, Parts
from app.engine.loop import Engine
from app.engine.shown import Shown
from app.engine.timing.warm_up import measure_batches
from app.errors import DeviceOutOfMemory
from app.line.profile import Profile, useful_sizes
from app.line.rules import Rules
from app.models.served import profile_of
from app.plan.families import FAMILIES
from app.plan.inputs import shown_frames
from app.plan.stages import in_stages
from app.settings.model_entry import ModelEntry
from app.settings.placement import PRESETS, Placement
from app.types import IMAGE, Analysis, Estimate, ModelProfile, Plan, PlannedInput, Sampling, VideoSpec
from benchmarks.figures import at_most, spread
from benchmarks.gpu.subjects import Subject
from benchmarks.watched import Heard

LONG_S = 8.0  # of one repeated measurement
MOST_TOKENS = 10_000  # of a shape whose batches are measured: larger ones fill the device alone
RULES = Rules(max_batch=4, slots=8)
Row = dict[str, Any]


@dataclass(slots=True)
class Loaded:
    """A model on the device."""

    subject: Subject
    parts: Parts
    denoiser: FamilyDenoiser
    device: torch.device
    dtype: torch.dtype
    rounds: int  # how often what is short is repeated

    def plan(self, spec: VideoSpec, steps: int) -> Plan:
        """A guided plan of that shape."""
        of = self.subject
        made = Sampling(steps, steps, of.guidance, seed=1, sampler=of.sampler, shift=of.shift)
        if steps == len(of.levels):
            made = replace(made, levels=of.levels)
        estimate, why = Estimate(0.0, 0.0), Analysis(0, "simple")
        return Plan(self.subject.name, "random", "anything", "", spec, made, "", "", "main", estimate, why)

    def begun(self, plan: Plan, shown: Sequence[Shown] = ()) -> JobState:
        """A job at its first step."""
        prompts = self.denoiser.encode([plan.prompt, plan.negative_prompt])
        seen = self.denoiser.encode_inputs(shown, plan.spec) if shown else {}
        return self.denoiser.start("job", plan, Conditioning(*prompts, picture=seen))

    def settle(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def timed(self, work: Callable[[], object], rounds: int | None = None) -> list[float]:
        """Seconds of each of several runs, the first not counted; of long ones fewer."""
        took: list[float] = []
        while len(took) < 1 + (rounds or self.rounds) and (len(took) < 2 or sum(took) < LONG_S):
            self.settle()
            began = time.perf_counter()
            work()
            self.settle()
            took.append(time.perf_counter() - began)
        return took[1:]

    @property
    def largest(self) -> VideoSpec:
        return self.subject.shapes[-1]

    @property
    def smallest(self) -> VideoSpec:
        return self.subject.shapes[0]


def load(subject: Subject, device: torch.device, dtype: torch.dtype, rounds: int) -> Loaded:
    """The model, drawn on the device."""
    parts = subject.parts(device, dtype)
    return Loaded(subject, parts, subject.denoiser(parts, device), device, dtype, rounds)


def step(loaded: Loaded) -> Row:
    """A step in the engine ÷ the same bare diffusers forward, at each shape; they take turns."""
    return {_shape(spec): _step_of(loaded, spec) for spec in loaded.subject.shapes}


def _step_of(loaded: Loaded, spec: VideoSpec) -> Row:
    denoiser, transformer = loaded.denoiser, loaded.parts.transformer
    kept: list[Any] = []
    hook = transformer.register_forward_pre_hook(lambda _, args, more: kept.append((args, more)), with_kwargs=True)
    state = loaded.begun(loaded.plan(spec, 4))
    denoiser.advance(state, denoiser.predict([state])[0])
    hook.remove()
    args, more = kept[0]

    @torch.inference_mode()
    def bare() -> None:
        transformer(*args, **more)

    before = loaded.timed(bare)
    steps = 2 + max(2, min(2 * loaded.rounds, round(LONG_S / statistics.median(before))))
    engine, sink = Engine(denoiser, RULES), Heard()
    engine.submit("job", loaded.plan(spec, steps), sink)
    sink.wait()
    engine.close(30)
    after = loaded.timed(bare)
    own = [end - begin for (_, begin), (_, end) in zip(sink.steps[1:], sink.steps[2:], strict=False)]
    ratio = statistics.median(own) / statistics.median([*before, *after])
    return at_most(
        ratio, 1.01, tokens=loaded.subject.tokens(spec), step_s=spread(own, 5), bare_s=spread([*before, *after], 5)
    )


def batches(loaded: Loaded) -> Row:
    """Seconds of a job's step by batch size and shape, what of it is formed, and tokens a second: the token rule."""
    found: Row = {}
    small = [spec for spec in loaded.subject.shapes if loaded.subject.tokens(spec) <= MOST_TOKENS]
    for spec in small[:2] or loaded.subject.shapes[:1]:
        made = measure_batches(loaded.denoiser, loaded.plan(spec, 3), RULES.max_batch)
        shape = (spec.frames, spec.height, spec.width)
        tokens = loaded.subject.tokens(spec)
        sizes = useful_sizes(Profile(made.times, frozenset(made.times)), shape, RULES.max_batch, RULES.gain)
        found[_shape(spec)] = {
            "tokens": tokens,
            "seconds_a_job": {str(batch): round(took / batch, 5) for (_, batch), took in sorted(made.times.items())},
            "tokens_a_second": {str(size): round(size * tokens / took) for (_, size), took in made.times.items()},
            "formed": list(sizes),
            "memory_refuses_more_than": made.limit,
        }
    return found


def packing(loaded: Loaded) -> Row:
    """One job of each of several shapes in one forward ÷ one after another, and how far their velocities differ."""
    if not (loaded.denoiser.packs and loaded.subject.mixed):
        return {"note": "this family packs no shapes"}
    states = [loaded.begun(loaded.plan(spec, 3)) for spec in loaded.subject.mixed]
    together, apart = _velocities(loaded, states, True), _velocities(loaded, states, False)
    furthest = max(float((a - b).abs().max()) for a, b in zip(together, apart, strict=True))
    packed = loaded.timed(lambda: _velocities(loaded, states, True))
    each = loaded.timed(lambda: _velocities(loaded, states, False))
    tokens = [loaded.subject.tokens(spec) for spec in loaded.subject.mixed]
    ratio = statistics.median(packed) / statistics.median(each)
    return at_most(ratio, 1.0, tokens=tokens, packed_s=spread(packed, 5), apart_s=spread(each, 5), differ_by=furthest)


def shown(loaded: Loaded) -> Row:
    """A step with all pictures that the model is shown ÷ one without, against what is promised, at each shape."""
    if not loaded.subject.shown:
        return {"note": "it is shown nothing that makes its steps longer"}
    return {_shape(spec): _shown_at(loaded, spec) for spec in loaded.subject.shapes}


def _shown_at(loaded: Loaded, spec: VideoSpec) -> Row:
    picture = np.random.default_rng(0).integers(0, 256, (1, spec.height, spec.width, 3), np.uint8)
    inputs = [Shown(role, picture) for role in loaded.subject.shown]
    given = tuple(PlannedInput(each.role, IMAGE) for each in inputs)
    plain = loaded.plan(spec, 3)
    plan = replace(plain, references=given, shown=shown_frames(False, given, _profile(loaded.subject), spec))
    promised = plan.stepped.frames / spec.frames
    states = loaded.begun(plan, inputs), loaded.begun(plain)
    seen, without = (loaded.timed(lambda state=state: loaded.denoiser.predict([state])) for state in states)  # type: ignore[misc]
    ratio = statistics.median(seen) / statistics.median(without)
    return {
        "measured": round(ratio, 4),
        "promised": round(promised, 4),
        "shown_s": spread(seen, 5),
        "plain_s": spread(without, 5),
    }


def film(loaded: Loaded) -> Row:
    """A film in segments in the engine: seconds of a step and the device's peak in each, and of its decoding."""
    subject = loaded.subject
    if subject.film is None:
        return {"note": "it makes its videos in one walk"}
    plan = in_stages(loaded.plan(subject.film, 3), _profile(subject), {})
    engine, sink = Engine(loaded.denoiser, RULES), Heard()
    if loaded.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    engine.submit("film", plan, sink)
    done = sink.wait().finished
    engine.close(30)
    took = [end - begin for (_, begin), (_, end) in zip(sink.steps, sink.steps[1:], strict=False)]
    ends = [sum(stage.steps for stage in plan.stages[: place + 1]) for place in range(len(plan.stages))]
    each = [took[max(0, end - stage.steps) : end - 1] for end, stage in zip(ends, plan.stages, strict=True)]
    peak = round(torch.cuda.max_memory_allocated() / 2**30, 2) if loaded.device.type == "cuda" else "only a GPU tells"
    return {
        "frames": subject.film.frames,
        "segments": [stage.spec.frames for stage in plan.stages],
        "step_s": [round(statistics.median(some), 5) for some in each],
        "decode_s": round(done.stages_s["decode"], 4),
        "peak_gib": peak,
    }


def _profile(subject: Subject) -> ModelProfile:
    """The model as it is planned."""
    entry = ModelEntry(id=subject.name, family=subject.row, source="random/weights")
    return replace(profile_of(entry, FAMILIES[subject.row], "random"), segments=subject.segments)


def _velocities(loaded: Loaded, states: list[JobState], packed: bool) -> list[torch.Tensor]:
    if packed:
        return loaded.denoiser.predict(states)
    return [loaded.denoiser.predict([state])[0] for state in states]


def decode(loaded: Loaded) -> Row:
    """Seconds of decoding by shape, and for how long another job's steps stand still while one is decoded."""
    spec, sink = loaded.smallest, Heard()
    found = {_shape(each): _decode_s(loaded, each) for each in (loaded.smallest, loaded.largest)}
    engine, ending = Engine(loaded.denoiser, RULES), Heard()
    engine.submit("goes on", loaded.plan(spec, 400), sink)
    sink.at(2)
    engine.submit("ends", loaded.plan(spec, 3), ending)
    ending.wait()
    sink.at(sink.steps[-1][0] + 2)
    engine.stop("goes on")
    sink.wait()
    engine.close(30)
    gaps = [end - begin for (_, begin), (_, end) in zip(sink.steps, sink.steps[1:], strict=False)]
    return {"seconds": found, "others_stand_for_steps": round(max(gaps) / statistics.median(gaps), 2)}


def _decode_s(loaded: Loaded, spec: VideoSpec) -> float | str:
    state = loaded.begun(loaded.plan(spec, 2))
    try:
        return round(loaded.timed(lambda: loaded.denoiser.decode(state), rounds=1)[0], 4)
    except DeviceOutOfMemory:
        return "does not fit whole; use vae_tiling"


def checkpoint(loaded: Loaded) -> Row:
    """Milliseconds and size of a checkpoint of the largest shape, and what it is of a step."""
    state = loaded.begun(loaded.plan(loaded.largest, 3))
    began = time.perf_counter()
    loaded.denoiser.advance(state, loaded.denoiser.predict([state])[0])
    loaded.settle()
    step_s = time.perf_counter() - began
    took_s = statistics.median(loaded.timed(lambda: to_bytes(state)))
    return {
        "ms": round(1000 * took_s, 2),
        "mib": round(len(to_bytes(state)) / 2**20, 2),
        "of_a_step": round(took_s / step_s, 4),
    }


def beside(loaded: Loaded) -> Row:
    """Beside a long job: an urgent preview's first step, and the long one's cancelling, in steps of the long one."""
    engine, long = Engine(loaded.denoiser, RULES), Heard()
    engine.submit("long", loaded.plan(loaded.subject.shapes[min(1, len(loaded.subject.shapes) - 1)], 1000), long)
    long.at(2)
    waits = []
    for number in range(3):
        sink, began = Heard(), time.perf_counter()
        plan = loaded.plan(loaded.smallest, 4)
        engine.submit(f"urgent-{number}", plan, sink, urgency=engine.urgency("high"))
        sink.at(1)
        waits.append(sink.steps[0][1] - began)
        sink.wait()
        long.at(long.steps[-1][0] + 2)
    steps = [end - begin for (_, begin), (_, end) in zip(long.steps, long.steps[1:], strict=False)]
    step_s = statistics.median(steps)
    began = time.perf_counter()
    engine.stop("long")
    left_s = long.wait().ended - began
    engine.close(30)
    return {
        "long_step_s": round(step_s, 4),
        "urgent_first_step": at_most(max(waits) / step_s, 2.0, wait_s=spread(waits, 4)),
        "cancel_steps": at_most(left_s / step_s, 1.0),
    }


def presets(loaded: Loaded) -> Row:
    """The most that the device holds for a job of the smallest shape, and its seconds per step, by preset.

    Without compiling, which would take minutes; what the loaded model holds beside is not counted.
    """
    subject, device, dtype = loaded.subject, loaded.device, loaded.dtype
    found: Row = {}
    for name, placement in {"none": Placement(dtype="bfloat16"), **PRESETS}.items():
        found[name] = _preset(subject, device, dtype, replace(placement, compile="none"))
    return found


def _preset(subject: Subject, device: torch.device, dtype: torch.dtype, placement: Placement) -> Row:
    gc.collect()
    on_gpu = device.type == "cuda"
    parts = subject.parts(device, dtype)
    parts.transformer.to("cpu")  # whence it is laid out
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated() - _bytes(parts.autoencoder) if on_gpu else 0
    place(parts, placement, device)
    loaded = Loaded(subject, parts, subject.denoiser(parts, device), device, dtype, 1)
    state = loaded.begun(loaded.plan(loaded.smallest, 2))
    took = loaded.timed(lambda: loaded.denoiser.predict([state]))
    loaded.denoiser.decode(state)
    peak = round((torch.cuda.max_memory_allocated() - held) / 2**30, 2) if on_gpu else "only a GPU tells"
    return {"peak_gib": peak, "step_s": round(took[0], 4)}


def _bytes(part: Model) -> int:
    return sum(weight.numel() * weight.element_size() for weight in part.parameters())


def attention(loaded: Loaded) -> Row:
    """Rows of three lengths: block by block, as packed forwards attend, ÷ torch's varlen kernel: which to take."""
    if loaded.device.type != "cuda":
        return {"note": "the kernel is for CUDA"}
    from torch.nn.attention.varlen import varlen_attn  # not in every torch

    lengths, heads, width = [1280, 1600, 2304], 12, 128
    packed = torch.randn(3, sum(lengths), heads, width, device=loaded.device, dtype=loaded.dtype)
    edges = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], device=loaded.device, dtype=torch.int32)

    def by_block() -> None:
        for part in torch.split(packed, lengths, dim=1):
            query, key, value = part.transpose(1, 2)[:, None]
            torch.nn.functional.scaled_dot_product_attention(query, key, value)

    def varlen() -> None:
        query, key, value = packed
        varlen_attn(query, key, value, edges, edges, max(lengths), max(lengths))

    blocks, kernel = loaded.timed(by_block, 20), loaded.timed(varlen, 20)
    return {"by_block_s": spread(blocks, 6), "varlen_s": spread(kernel, 6)}


def _shape(spec: VideoSpec) -> str:
    return f"{spec.width}x{spec.height}x{spec.frames}"
