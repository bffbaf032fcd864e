"""Whoever asks for another one like a video, with its own prompt and seed, asks for the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.cache.keys import plan_digest
from app.embedded.profile import profile
from app.errors import InvalidRequest
from app.models.served import profile_of
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.families import FAMILIES
from app.plan.likeness import request_like
from app.plan.planner import make_plan
from app.plan.tables import Tables, load_tables
from app.plan.tiers import AUTO, TIERS
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import FIRST, IMAGE, Artifact, ModelProfile, Plan, VideoRequest, WishedInput

PICTURE = Artifact("inputs/t/1.png", "image/png", 1)
BUILT_IN = profile()
TABLES = load_tables(Settings().calibration_folder)
MODELS = {"built-in": BUILT_IN} | {
    name: profile_of(ModelEntry(id=name, family=name, source="a/b"), row, "1") for name, row in FAMILIES.items()
}
WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"steps": 6},
    {"steps": 20, "budget": 12},
    {"guidance": 4.5},
    {"sampler": "euler"},
    {"sampler": "unipc"},
    {"deterministic": True},
    {"step_cache": "first_block"},
    {"step_cache": "taylorseer", "steps": 12},
    {"negative_prompt": "blur"},
    {"shift": 4.0},
    {"guidance_stop": 0.5},
    {"cfg_zero_star": True},
    {"speculative": True},
    {"fps": 16, "interpolate": "flow"},
    {"upscale": 2},
    {"image": PICTURE},
    {"seconds": 8.0, "steps": 6},
    {"seconds": 8.0, "steps": 20, "budget": 12},
    {"seconds": 8.0, "steps": 12, "ar_step": 2},
)


def planned(request: VideoRequest, model: ModelProfile, tables: Tables) -> Plan:
    return make_plan(request, Catalogue((model,), model.id), Settings(), UNKNOWN, lambda: 1, tables)


def asked(model: ModelProfile, row_inputs: tuple[WishedInput, ...], **wishes: Any) -> VideoRequest:
    needed: dict[str, Any] = {"frames": 1} if model.pictures_only else {}
    if model.needs_image:
        needed["image"] = PICTURE
    return replace(VideoRequest("a red ball rolls", seed=5, references=row_inputs), **(needed | wishes))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_another_one_with_the_same_prompt_has_the_same_bits(name: str) -> None:
    model, met = MODELS[name], 0
    roles = FAMILIES[name].inputs if name in FAMILIES else ()
    given = tuple(
        WishedInput(role.role, IMAGE, PICTURE, "input_references[0]")
        for role in roles
        if role.needed and role.role != FIRST
    )
    for tier in (AUTO, *TIERS):
        for wishes in WISHES:
            try:
                first = planned(asked(model, given, tier=tier, **wishes), model, TABLES)
            except InvalidRequest:  # not of this model
                continue
            met += 1
            like = planned(request_like(first, model, first.prompt), model, TABLES)
            assert plan_digest(like, None) == plan_digest(first, None), (tier, wishes)
            assert (like.draft, like.asked_tier, like.masks) == (first.draft, first.asked_tier, first.masks)
    assert met > len(TIERS)
