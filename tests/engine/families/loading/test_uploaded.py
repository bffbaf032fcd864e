"""Adapters that jobs bring: loaded when first needed, equal to diffusers' own loading, the longest unused unloaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.reader import Options
from app.engine.families.loading.uploaded import Room, UploadedAdapters
from app.engine.families.registry import reader
from app.errors import AdapterUnusable
from app.types import Artifact, Plan, UploadedLora
from tests.engine.families.loading.test_load import by_ours, by_theirs, files
from tests.engine.families.loading.test_lora import SHAPES, SPEC, save
from tests.engine.families.saved import save_t2v
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:Already found a `peft_config`:UserWarning"
)
ASKS = {"num_frames": 5, "guidance_scale": 3.0, "negative_prompt": ""}
NAMES = ("strong", "mixed", "dora")


def mark(name: str) -> str:
    return UploadedLora("lora_1", name, "wan", name.encode().hex().ljust(64, "0"), Artifact("k", "t", 1)).mark


def wearing(*worn: tuple[str, float]) -> Plan:
    return replace(
        make_plan("red ball", 3, spec=SPEC, shift=3.0), adapters=tuple((mark(name), each) for name, each in worn)
    )


def brought(denoiser: FamilyDenoiser) -> UploadedAdapters:
    found = denoiser._brought
    assert isinstance(found, UploadedAdapters)
    return found


def test_brought_adapters_act_as_in_diffusers_come_when_needed_and_leave_for_others(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path)
    plain = by_theirs(pipeline, SPEC, ASKS)
    wanted = {}
    for name in NAMES:
        save(tmp_path, name, pipeline, SHAPES[name])
    for name in NAMES:
        pipeline.load_lora_weights(tmp_path, weight_name=f"{name}.safetensors", adapter_name=name)
        pipeline.set_adapters([name], [0.7])
        wanted[name] = by_theirs(pipeline, SPEC, ASKS)
        assert np.abs(wanted[name] - plain).max() > 1e-3, f"{name} would prove nothing"
    denoiser = reader("wan.load").load(files(tmp_path), Options(uploads=Room(2, 2**30)))
    before = by_ours(denoiser, wearing())
    assert np.abs(before - plain).max() <= 1e-4
    denoiser.offer_adapters({mark(name): tmp_path / f"{name}.safetensors" for name in NAMES})
    for name in (*NAMES, *NAMES):
        assert np.abs(by_ours(denoiser, wearing((name, 0.7))) - wanted[name]).max() <= 1e-4, name
        assert brought(denoiser).loaded[-1] == mark(name)
        assert len(brought(denoiser).loaded) <= 2
    assert np.array_equal(by_ours(denoiser, wearing()), before), "without one it is the model as it was"


def test_jobs_whose_adapters_do_not_fit_together_take_turns_and_each_gets_its_own(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path)
    for name in ("strong", "mixed"):
        save(tmp_path, name, pipeline, SHAPES[name])
    denoiser = reader("wan.load").load(files(tmp_path), Options(uploads=Room(1, 2**30)))
    denoiser.offer_adapters({mark(name): tmp_path / f"{name}.safetensors" for name in NAMES})
    plans = [wearing(("strong", 0.5)), wearing(("mixed", 0.5)), wearing()]
    states = [denoiser.start(str(place), each, hear(denoiser, each)) for place, each in enumerate(plans)]
    assert len({state.group for state in states}) == 3
    walk(denoiser, *states)
    for state, each in zip(states, plans, strict=True):
        assert np.abs(denoiser.decode_float(state) - by_ours(denoiser, each)).max() <= 1e-4


def test_an_adapter_that_cannot_be_loaded_ends_its_job_and_no_other(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path)
    save(tmp_path, "strong", pipeline, SHAPES["strong"])
    (tmp_path / "mixed.safetensors").write_bytes((tmp_path / "strong.safetensors").read_bytes()[:-8])
    denoiser = reader("wan.load").load(files(tmp_path), Options(uploads=Room(2, 2**30)))
    denoiser.offer_adapters({mark(name): tmp_path / f"{name}.safetensors" for name in NAMES})
    good = by_ours(denoiser, wearing(("strong", 1.0)))
    for name, why in (("mixed", "cannot be loaded"), ("dora", "is not on the machine")):
        with pytest.raises(AdapterUnusable, match=why):
            denoiser.start("a", wearing((name, 1.0)), hear(denoiser, wearing()))
    assert np.array_equal(by_ours(denoiser, wearing(("strong", 1.0))), good)


def test_a_model_that_takes_none_says_so(tmp_path: Path) -> None:
    save_t2v(tmp_path)
    with pytest.raises(AdapterUnusable, match="takes no LoRAs"):
        reader("wan.load").load(files(tmp_path)).offer_adapters({mark("strong"): tmp_path})
