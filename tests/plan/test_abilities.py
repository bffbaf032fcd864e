from __future__ import annotations

from dataclasses import replace

import pytest

from app.models.served import profile_of
from app.plan.abilities import asked_of_replica, offered_by
from app.plan.families import FAMILIES, FamilyRow
from app.plan.tiers import TIERS
from app.settings.model_entry import LoraEntry, ModelEntry
from app.types import FIRST, Artifact, Plan, PlannedInput, UploadedLora, WishedInput
from tests.jobs.make import PLAN
from tests.plan.test_families import planned

PICTURE = Artifact("inputs/0", "image/png", 9)


def text_alone(row: FamilyRow) -> FamilyRow:
    """The family as it was before it took anything but words."""
    return replace(row, takes_image=False, needs_image=False, inputs=(), makes_sound=False, refined=None)


def profile_as(row: FamilyRow) -> frozenset[str]:
    return offered_by(profile_of(ModelEntry(id="it", family=row.name, source="a/b"), row, "1"))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_replica_offers_whatever_is_planned_for_its_family(family: str) -> None:
    row = FAMILIES[family]
    wanted = tuple(WishedInput(role.role, kind) for role in row.inputs if role.role != FIRST for kind in role.kinds[:1])
    for tier in TIERS:
        asks = {"image": PICTURE} if row.takes_image else {}
        plan = planned(family, tier=tier, references=_placed(wanted, row), **asks)
        assert asked_of_replica(plan) <= profile_as(row)
        beside = {name for name in asked_of_replica(plan) if not name.startswith("sampler")}
        assert bool(beside) == bool(wanted or asks or row.makes_sound)
        assert beside.isdisjoint(profile_as(text_alone(row)))


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (PLAN, {"sampler euler"}),
        (replace(PLAN, image=PICTURE), {"sampler euler", "image as first"}),
        (replace(PLAN, references=(PlannedInput("mask", "video"),)), {"sampler euler", "video as mask"}),
        (replace(PLAN, sound=True), {"sampler euler", "sound"}),
        (replace(PLAN, sampling=replace(PLAN.sampling, sampler="lcm")), {"sampler lcm"}),
        (replace(PLAN, adapters=(("few", 1.0),)), {"sampler euler", "lora few"}),
    ],
)
def test_what_a_plan_asks_has_names(plan: Plan, named: set[str]) -> None:
    assert asked_of_replica(plan) == named


def test_an_uploaded_lora_is_asked_for_as_such_and_not_by_its_name() -> None:
    upload = UploadedLora("lora_1", "mine", "m", "ab" * 32, PICTURE)
    plan = replace(PLAN, adapters=(("few", 1.0), (upload.mark, 1.0)), uploads=(upload,))
    assert asked_of_replica(plan) == {"sampler euler", "lora few", "uploaded loras"}


def test_loras_of_an_entry_are_offered() -> None:
    entry = ModelEntry(id="it", family="wan2.1-t2v-1.3b", source="a/b", loras={"few": LoraEntry(source="c/d")})
    assert "lora few" in offered_by(profile_of(entry, FAMILIES["wan2.1-t2v-1.3b"], "1"))


def _placed(wanted: tuple[WishedInput, ...], row: FamilyRow) -> tuple[WishedInput, ...]:
    framed = {role.role for role in row.inputs if role.framed}
    return tuple(replace(each, frame=8) if each.role in framed else each for each in wanted)
