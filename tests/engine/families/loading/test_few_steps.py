"""A few-step LoRA is a model's preview and makes its drafts, by configuration alone: a tiny Wan of the real classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.calibration.offline import begin, finish, made
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Options
from app.engine.families.registry import reader
from app.engine.loop import Engine
from app.line.batcher import Rules
from app.models.served import served
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.plan.speculative.speculative import draft_walk, kept_walk, plain_walk
from app.plan.work import evaluations
from app.settings import Settings
from app.types import ModelProfile, Plan, VideoRequest, VideoSpec
from tests.engine.families.loading.test_load import files
from tests.engine.families.loading.test_lora import SHAPES, save
from tests.engine.families.saved import save_t2v
from tests.engine.test_drafting import Watcher
from tests.models.test_served import found, given

SPEC = VideoSpec(32, 16, 5, 8)
WAN = {
    "id": "wan",
    "family": "wan2.1-t2v-1.3b",
    "source": "a/b",
    "loras": {"few": {"source": "x.safetensors"}},
    "tiers": {"preview": {"steps": 4, "guidance": 1, "lora": "few"}},
}


@pytest.fixture
def model() -> ModelProfile:
    return served(given(WAN), found).profiles[0]


@pytest.fixture
def denoiser(tmp_path: Path) -> FamilyDenoiser:
    save(tmp_path, "few", save_t2v(tmp_path), SHAPES["strong"])
    return reader("wan.load").load(files(tmp_path), Options(loras=[Lora("few", str(tmp_path), "few.safetensors")]))


def planned(model: ModelProfile, tier: str, speculative: bool = False) -> Plan:
    request = VideoRequest("red ball", tier=tier, seed=1, speculative=speculative)
    plan = make_plan(request, Catalogue([model], "wan"), Settings(), UNKNOWN, lambda: 1)
    return replace(plan, spec=SPEC)


def test_the_preview_of_an_entry_with_a_few_step_lora_is_made_in_its_steps_under_it(
    model: ModelProfile, denoiser: FamilyDenoiser
) -> None:
    plan = planned(model, "preview")
    assert (plan.sampling.steps, plan.sampling.budget, plan.sampling.guidance) == (4, 4, 1.0)
    assert (plan.adapters, plan.student, evaluations(plan)) == ((("few", 1.0),), None, 2.0)
    with_it, without = (made(denoiser, [each])[0] for each in (plan, replace(plan, adapters=())))
    assert not np.array_equal(with_it, without)


def test_it_makes_the_drafts_too_and_the_plan_goes_on_from_them_without_it(
    model: ModelProfile, denoiser: FamilyDenoiser
) -> None:
    plan = planned(model, "preview", speculative=True)
    assert plan.draft is None, "the preview is made whole as drafts are"
    plan = planned(model, "standard", speculative=True)
    assert plan.draft is not None
    draft = replace(plan.draft, step=plan.sampling.steps - 5, level=0.5, most_residual=1e9)
    plan = replace(plan, draft=draft)
    few = begin(denoiser, [draft_walk(plan)])
    finish(denoiser, few)
    kept = begin(denoiser, [kept_walk(plan)], [few[0].latent])
    finish(denoiser, kept)
    engine, sink = Engine(denoiser, Rules(max_batch=2, slots=2)), Watcher()
    try:
        engine.submit("a", plan, sink)
        sink.wait()
    finally:
        engine.close(20)
    assert sink.error is None
    assert [each.verdict for each in sink.verdicts] == ["kept"]
    assert sink.measured.evaluations == 4 + 5
    assert np.array_equal(sink.shown[0], denoiser.decode(few[0]))
    assert np.array_equal(sink.frames, denoiser.decode(kept[0]))
    assert (draft_walk(plan).adapters, kept_walk(plan).adapters) == ((("few", 1.0),), ())
    assert few[0].group != kept[0].group
    assert plain_walk(plan).adapters == ()
