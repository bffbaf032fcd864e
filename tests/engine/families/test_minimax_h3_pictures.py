"""MiniMax-H3 with keyframes and with references against all of diffusers' blocks: alone, together, resumed, saved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import MiniMaxH3Scheduler
from diffusers.modular_pipelines.minimax_h3 import MiniMaxH3Blocks, MiniMaxH3ImageReference
from diffusers.modular_pipelines.minimax_h3.modular_pipeline import MiniMaxH3ModularPipeline
from numpy.typing import NDArray
from PIL import Image
from transformers import Qwen3VLProcessor

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.reader import Files, Options
from app.engine.families.minimax_h3.pictures import Keyframes, References
from app.engine.families.registry import reader
from app.engine.modalities import AUDIO, VIDEO
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.types import FIRST, LAST, REFERENCE, Artifact, Plan, PlannedInput, VideoSpec
from tests.engine.families.tiny import a_picture
from tests.engine.families.tiny_h3 import conditioner, eye, h3_parts, h3_text, tiny
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # inside diffusers
SPEC = VideoSpec(64, 32, 22, 24)
WITHIN = 1e-4
SHORT_EDGE = 64  # of references; of tiny weights less is enough
BEGINS, ENDS = Shown(FIRST, a_picture(64, 32, 1)), Shown(LAST, a_picture(64, 32, 2))
WHO, WHERE = Shown(REFERENCE, a_picture(48, 40, 3)), Shown(REFERENCE, a_picture(40, 100, 4))


@pytest.fixture(autouse=True)
def short_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    """The released weights make five seconds at least; of tiny ones less is enough."""
    monkeypatch.setattr(MiniMaxH3ModularPipeline, "min_duration", 0.1)


def keyframes() -> FamilyDenoiser:
    return tiny(h3_text(), Keyframes(h3_parts()["vae"]))


def references() -> FamilyDenoiser:
    return tiny(h3_text(), References(h3_parts()["vae"], SHORT_EDGE))


def processor() -> Qwen3VLProcessor:
    """Its own init wants torchvision, for videos."""
    made = object.__new__(Qwen3VLProcessor)
    vars(made).update(image_processor=eye(), image_token_id=5, video_token_id=7, audio_token_id=None)
    return made


def by_blocks(plan: Plan, *shown: Shown) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frames and waveform of the whole pipeline."""
    tokenizer, encoder = conditioner()
    parts, pipeline = h3_parts(), MiniMaxH3Blocks().init_pipeline()
    pipeline.update_components(
        text_encoder=encoder,
        tokenizer=tokenizer,
        processor=processor(),
        transformer_ref=parts["transformer"],
        scheduler=MiniMaxH3Scheduler(shift=12.0),
        audio_scheduler=MiniMaxH3Scheduler(shift=3.0),
        reference_image_short_edge=SHORT_EDGE,
        **parts,
    )
    pipeline.set_progress_bar_config(disable=True)
    given: dict[str, Any] = {
        {FIRST: "image", LAST: "last_image"}[each.role]: Image.fromarray(each.frames[0])
        for each in shown
        if each.role != REFERENCE
    }
    pictures = [Image.fromarray(each.frames[0]) for each in shown if each.role == REFERENCE]
    if pictures:
        given["references"] = [MiniMaxH3ImageReference(image=picture) for picture in pictures]
    made = pipeline(
        prompt=plan.prompt,
        width=plan.spec.width,
        height=plan.spec.height,
        num_frames=plan.spec.frames,
        num_inference_steps=plan.sampling.steps + 1,  # it counts the end
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output_type="np",
        output=["videos", "audio"],
        **given,
    )
    return made["videos"][0], made["audio"][0].numpy()


def plan_of(prompt: str = "red ball", seed: int = 3, **more: Any) -> Plan:
    plan = make_plan(prompt, 4, seed=seed, guidance=1.0, spec=SPEC, shift=12.0)
    return replace(plan, sound=True, sampling=replace(plan.sampling, **more))


def begun(denoiser: FamilyDenoiser, plan: Plan, *shown: Shown) -> JobState:
    seen = denoiser.encode_inputs(shown, plan.spec) if shown else {}
    return denoiser.start(
        f"{plan.prompt} {[id(each) for each in shown]}", plan, replace(hear(denoiser, plan), picture=seen)
    )


def assert_as_by_blocks(denoiser: FamilyDenoiser, state: JobState, *shown: Shown) -> None:
    frames, waveform = by_blocks(state.plan, *shown)
    heard = denoiser.decode_sound(state)
    assert heard is not None
    assert np.ptp(frames) > 0.1, "flat pictures would prove nothing"
    assert np.ptp(waveform) > 0.001, "nor would silence"
    assert np.abs(denoiser.decode_float(state) - frames).max() <= WITHIN
    assert np.abs(heard.samples - waveform).max() <= WITHIN


def test_videos_of_keyframes_and_of_text_together_are_those_of_the_blocks() -> None:
    denoiser = keyframes()
    cases = [
        (plan_of("red", 1), (BEGINS,)),
        (plan_of("ball", 2), (ENDS,)),
        (plan_of("red ball", 3, deterministic=True), (BEGINS, ENDS)),
        (plan_of("red red ball", 4), ()),
    ]
    states = [begun(denoiser, plan, *shown) for plan, shown in cases]
    walk(denoiser, states[0], until=2)
    walk(denoiser, *states)
    for (_, shown), state in zip(cases, states, strict=True):
        assert_as_by_blocks(denoiser, state, *shown)
    without, _ = by_blocks(cases[2][0], ENDS)
    assert np.abs(denoiser.decode_float(states[2]) - without).max() > WITHIN, "each picture must count"


def test_pictures_are_found_among_the_words_as_by_the_models_own_processor() -> None:
    ids = [[2, 4, 5, 5, 6, 3], [2, 3]]
    found = vars(h3_text())["_processor"].create_mm_token_type_ids(ids)
    assert found == processor().create_mm_token_type_ids(ids) == [[0, 0, 1, 1, 0, 0], [0, 0]]


def test_keyframes_are_read_the_first_one_first_in_whatever_order_they_come() -> None:
    denoiser = keyframes()
    one, other = (denoiser.encode_inputs(shown, SPEC) for shown in ((BEGINS, ENDS), (ENDS, BEGINS)))
    assert one.keys() == other.keys() == {"0.first", "0.first.pixels", "1.last", "1.last.pixels"}
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_videos_that_refer_to_pictures_are_those_of_the_blocks_in_the_order_of_the_request() -> None:
    denoiser = references()
    assert denoiser.needs_image
    cases = [(plan_of("red", 1), (WHO,)), (plan_of("ball", 2), (WHO, WHERE)), (plan_of("ball", 2), (WHERE, WHO))]
    states = [begun(denoiser, plan, *shown) for plan, shown in cases]
    walk(denoiser, states[1], until=1)
    walk(denoiser, *states)
    for (_, shown), state in zip(cases, states, strict=True):
        assert_as_by_blocks(denoiser, state, *shown)
    assert not torch.allclose(states[1].latent, states[2].latent, atol=1e-3), "another order is another request"


@pytest.mark.parametrize("at", [1, 3])
@pytest.mark.parametrize(
    ("make", "shown"), [(keyframes, (BEGINS, ENDS)), (references, (WHO, WHERE))], ids=["keyframes", "references"]
)
def test_a_job_that_was_kept_goes_on_elsewhere_to_the_same_bits(make: Any, shown: tuple[Shown, ...], at: int) -> None:
    given = tuple(PlannedInput(each.role, "image", Artifact(f"inputs/{each.role}", "image/png", 1)) for each in shown)
    plan = replace(plan_of(deterministic=True, budget=3), references=given)
    denoiser = make()
    whole, parted = begun(denoiser, plan, *shown), begun(denoiser, plan, *shown)
    walk(denoiser, whole)
    walk(denoiser, parted, until=at)
    elsewhere = make()
    resumed = elsewhere.resume(plan, to_bytes(parted))
    walk(elsewhere, resumed)
    assert torch.equal(resumed.part(VIDEO), whole.part(VIDEO))
    assert torch.equal(resumed.part(AUDIO), whole.part(AUDIO))


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (keyframes, (BEGINS, BEGINS)),
        (keyframes, (WHO,)),
        (references, (BEGINS,)),
        (references, (WHO,) * 10),
        (references, (Shown(REFERENCE, a_picture(500, 100)),)),
        (references, (Shown(REFERENCE, np.concatenate([WHO.frames, WHO.frames])),)),
    ],
)
def test_what_the_blocks_do_not_take_is_refused(make: Any, shown: tuple[Shown, ...]) -> None:
    with pytest.raises(InvalidRequest, match="MiniMax-H3"):
        make().encode_inputs(shown, SPEC)


@pytest.mark.parametrize(
    ("half", "loader", "shown"),
    [
        ("transformer", "minimax_h3.load", (BEGINS,)),
        ("transformer_ref", "minimax_h3.references", (WHO,)),
    ],
)
def test_a_folder_of_either_half_makes_what_the_blocks_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: str, loader: str, shown: tuple[Shown, ...]
) -> None:
    tokenizer, encoder = conditioner()
    parts: dict[str, Any] = {**h3_parts(), "tokenizer": tokenizer, "text_encoder": encoder, "processor": eye()}
    parts[half] = parts.pop("transformer")
    for name, each in parts.items():
        each.save_pretrained(tmp_path / name)
    (tmp_path / "modular_model_index.json").write_text(json.dumps({"_class_name": "MiniMaxH3ModularPipeline"}))
    files = Files(str(tmp_path), torch.float32, torch.device("cpu"), local=True)
    denoiser = reader(loader).load(files)
    if half == "transformer_ref":
        seeing = vars(denoiser._family)["image"]
        seeing._setting_up.update_components(reference_image_short_edge=SHORT_EDGE)
        with pytest.raises(ValueError, match="cannot be shared"):
            reader(loader).load(files, Options(encode=h3_text()))
    state = begun(denoiser, plan_of("ball red"), *shown)
    walk(denoiser, state)
    assert_as_by_blocks(denoiser, state, *shown)


def test_a_text_encoder_that_is_elsewhere_hears_words_and_sees_nothing(tmp_path: Path) -> None:
    parts = {**h3_parts(), "processor": eye()}
    for name, each in parts.items():
        each.save_pretrained(tmp_path / name)
    files = Files(str(tmp_path), torch.float32, torch.device("cpu"), local=True)
    denoiser = reader("minimax_h3.load").load(files, Options(encode=h3_text()))
    with pytest.raises(InvalidRequest, match="takes no such inputs"):
        denoiser.encode_inputs((ENDS,), SPEC)
