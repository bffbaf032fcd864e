from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cache.keys import embedding_key, inputs_key, picture_key, plan_digest, pool_of
from app.cache.similar import scope_of
from app.engine.checkpoint import fingerprint
from app.plan.masks.mask import evenly
from app.types import (
    FLOW,
    MODEL,
    Analysis,
    Artifact,
    Estimate,
    Extension,
    GuidanceRule,
    Plan,
    PlannedInput,
    Postprocessing,
    Sampling,
    Start,
    VideoSpec,
)
from tests.engine.plans import make_plan
from tests.jobs.make import PLAN

words = st.text(max_size=20)
sizes = st.integers(1, 4096)
plans = st.builds(
    Plan,
    model=words,
    revision=words,
    prompt=words,
    negative_prompt=words,
    spec=st.builds(VideoSpec, sizes, sizes, sizes, st.integers(1, 60)),
    sampling=st.builds(
        Sampling,
        steps=st.integers(1, 100),
        budget=st.integers(1, 100),
        guidance=st.floats(0, 20),
        seed=st.integers(0, 2**32),
        sampler=words,
        shift=st.floats(0, 10),
        guidance_2=st.none() | st.floats(0, 20),
    ),
    tier=words,
    asked_tier=words,
    pool=words,
    estimate=st.just(Estimate(1.0, 2.0)),
    why=st.just(Analysis(1, "simple")),
    mark=words,
)
LATER = {"rule": GuidanceRule(0.2, 0.8), "levels": (1.0, 0.5)}
BITS = {"model", "revision", "prompt", "negative_prompt", "mark", "adapters"}


def other(value: Any) -> Any:
    if value is None:
        return 1.0
    if isinstance(value, tuple):
        return (*value, ("ink", 0.5))
    return value + "x" if isinstance(value, str) else value + 1


@given(plans, words)
@settings(max_examples=25, deadline=None)
def test_equal_plans_have_equal_keys_whatever_they_cost(plan: Plan, tenant: str) -> None:
    explained = replace(
        plan, estimate=Estimate(9.0, 9.0, 1.0), why=Analysis(9, "x"), tier="t", asked_tier="a", pool="p"
    )
    assert plan_digest(replace(explained), tenant) == plan_digest(plan, tenant)


@given(plans, words)
@settings(max_examples=25, deadline=None)
def test_whatever_changes_the_bits_changes_the_key(plan: Plan, tenant: str) -> None:
    changed = [replace(plan, **{name: other(getattr(plan, name))}) for name in BITS]
    for part in ("spec", "sampling"):
        record = getattr(plan, part)
        for field in fields(record):
            now = getattr(record, field.name)
            moved = replace(record, **{field.name: LATER[field.name] if field.name in LATER else other(now)})
            changed.append(replace(plan, **{part: moved}))
    keys = {plan_digest(each, tenant) for each in changed} | {
        plan_digest(plan, tenant),
        plan_digest(plan, tenant + "x"),
    }
    assert len(keys) == len(changed) + 2


def test_other_masks_are_another_key_and_an_older_record_has_the_same_one() -> None:
    plan = make_plan(steps=10, budget=5)
    even, reused = evenly(10, 5), replace(evenly(10, 5), order=0)
    made, other = replace(plan, masks=even, mark="mag-1"), replace(plan, masks=reused, mark="mag-1")
    older = replace(plan, mark=f"{even.digest}mag-1")
    assert plan_digest(made, "a") == plan_digest(older, "a") != plan_digest(other, "a")


def test_whatever_video_a_plan_begins_with_it_has_the_key_of_similar_ones() -> None:
    plan = replace(make_plan(steps=10, budget=5), masks=evenly(10, 5))
    begun = [replace(plan, start=Start("e", step, 0.9)) for step in (3, 7)]
    assert {plan_digest(each, "a") for each in begun} == {plan_digest(plan, "a", similar=True)}
    assert plan_digest(plan, "a") != plan_digest(plan, "a", similar=True)


def test_what_is_shown_otherwise_is_another_key_and_how_long_that_takes_is_not() -> None:
    plan = make_plan(steps=10, budget=5)
    more = Postprocessing(65, 32, FLOW)
    others = [
        *(replace(more, frames=64), replace(more, fps=31), replace(more, interpolate=MODEL), replace(more, upscale=2)),
        *(replace(more, interpolate_mark="a"), replace(more, upscale_mark="a")),
    ]
    keys = {plan_digest(replace(plan, postprocessing=each), "a") for each in (None, more, *others)}
    assert len(keys) == len(others) + 2
    slower = replace(plan, postprocessing=replace(more, seconds=9.0))
    assert plan_digest(slower, "a") == plan_digest(replace(plan, postprocessing=more), "a")


def test_a_key_never_changes_between_releases() -> None:
    plan = replace(make_plan(steps=10, budget=5), masks=evenly(10, 5))
    assert plan_digest(plan, "a") == "b8e19c8a98f7d32b5889d65b35b8a110d5f53ca59a9dde6694fddfaeb79a0260"


@given(plans, words)
@settings(max_examples=25, deadline=None)
def test_another_picture_is_another_key_and_the_same_one_the_same_wherever_it_is_kept(plan: Plan, pool: str) -> None:
    keys = ("inputs/a/11.png", "inputs/b/11.png", "inputs/a/22.png")
    first, moved, another = (plan_digest(replace(plan, image=Artifact(key, "image/png", 9)), pool) for key in keys)
    assert first == moved
    assert len({plan_digest(plan, pool), first, another}) == 3


@given(words, words)
@settings(max_examples=25, deadline=None)
def test_field_borders_cannot_be_moved(left: str, right: str) -> None:
    if left:
        assert embedding_key(left, right, None) != embedding_key("", left + right, None)


@pytest.mark.parametrize("text", ["a  red ball", " a red ball\n", "a\tred ball"])
def test_spacing_does_not_matter_to_an_embedding(text: str) -> None:
    assert embedding_key("1", text, None) == embedding_key("1", "a red ball", None)


def test_composed_and_decomposed_letters_are_the_same_text() -> None:
    assert embedding_key("1", "u\u0308ber", None) == embedding_key("1", "über", None)
    assert embedding_key("1", "Über", None) != embedding_key("1", "über", None)
    assert embedding_key("1", "über", None) != embedding_key("2", "über", None)


def test_a_lone_surrogate_is_only_another_text() -> None:
    assert embedding_key("1", "\ud800", None) != embedding_key("1", "\ud801", None)


@given(plans)
@settings(max_examples=25, deadline=None)
def test_tenants_share_nothing_unless_a_setting_makes_the_pool_public(plan: Plan) -> None:
    apart = {plan_digest(plan, pool_of(tenant, False)) for tenant in ("ann", "bob", "", "None", "null")}
    assert len(apart) == 5
    public = {plan_digest(plan, pool_of(tenant, True)) for tenant in ("ann", "bob")}
    assert len(public) == 1
    assert not public & apart
    assert embedding_key("1", "a", pool_of("ann", False)) != embedding_key("1", "a", pool_of("bob", False))
    assert embedding_key("1", "a", pool_of("ann", True)) == embedding_key("1", "a", pool_of("bob", True))


def test_plans_of_before_requests_named_adapters_have_the_keys_that_they_had() -> None:
    few = replace(PLAN, adapters=(("few", 1.0),))
    assert plan_digest(PLAN, "public") == "eaede65cfda1ead2cac0adb81af7ca6625c16e8a0da223c7b29927b3033eca74"
    assert plan_digest(few, "public") == "fd48a73c4019e410055c0567e7becfee340ddccd11e10b7e23a074ff99c5bb26"
    assert fingerprint(PLAN) == "72a705dcc4024bd0750165f1621182f6e1602997cbc11e80051ee526e5525bc9"
    assert fingerprint(few) == "9c657f2bcb81f4a8efff248301e33e1a9962e16bec1749f75eb0aebe3f6a3788"
    assert scope_of(PLAN, "public") == "81a4000570804b9fd46db851507f9b72d93ff1a78a42359b22d9b7ffe3f26c00"


def test_inputs_with_their_roles_places_and_strengths_are_part_of_every_key() -> None:
    image = Artifact(f"inputs/ann/{'a' * 64}.png", "image/png", 9)
    last = PlannedInput("last", "image", image)
    plans = [
        PLAN,
        replace(PLAN, image=image),
        replace(PLAN, references=(last,)),
        replace(PLAN, references=(replace(last, role="reference"),)),
        replace(PLAN, references=(replace(last, frame=8),)),
        replace(PLAN, references=(replace(last, strength=0.5),)),
        replace(PLAN, references=(replace(last, artifact=replace(image, key=f"inputs/ann/{'b' * 64}.png")),)),
        replace(PLAN, references=(last, last)),
    ]
    for key in (plan_digest, inputs_key):
        assert len({key(plan, "a") for plan in plans}) == len(plans)
    assert len({fingerprint(plan) for plan in plans}) == len(plans)
    elsewhere = replace(last, artifact=replace(image, key=f"inputs/bob/{'a' * 64}.png"))
    assert plan_digest(replace(PLAN, references=(elsewhere,)), "a") == plan_digest(plans[2], "a")
    assert inputs_key(plans[1], "a") == picture_key(PLAN.revision, image, PLAN.spec, "a")


def test_adapters_and_what_is_extended_are_part_of_every_key() -> None:
    video = Artifact("video_1/1/video.mp4", "video/mp4", 10)
    plans = [
        PLAN,
        replace(PLAN, adapters=(("few", 1.0),)),
        replace(PLAN, adapters=(("few", 0.5),)),
        replace(PLAN, adapters=(("few", 0.5), ("ink", 1.0))),
        replace(PLAN, extends=Extension("video_1", video, 9)),
        replace(PLAN, extends=Extension("video_2", replace(video, key="video_2/1/video.mp4"), 9)),
    ]
    assert len({plan_digest(plan, "a") for plan in plans}) == len(plans)
    assert len({fingerprint(plan) for plan in plans[:4]}) == len({scope_of(plan, "a") for plan in plans[:4]}) == 4
