from __future__ import annotations

from dataclasses import replace

import pytest

from app.cache.keys import plan_digest
from app.errors import UnsupportedParameter
from app.jobs.record import job_from_json, job_to_json
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.explain import describe
from app.plan.planner import make_plan
from app.service.admission import named
from app.types import OFF, ON, Plan, VideoRequest
from tests.jobs.make import a_job
from tests.plan.conftest import SHAPES, Bounds, plan_for

LOUD = replace(SHAPES, id="loud", makes_sound=True)


def loud(audio: str | None = None) -> Plan:
    catalogue = Catalogue([LOUD], "loud")
    return make_plan(VideoRequest("a red ball", audio=audio), catalogue, Bounds(), UNKNOWN, draw_seed=lambda: 77)


@pytest.mark.parametrize(("audio", "sound"), [(None, True), (ON, True), (OFF, False)])
def test_a_video_has_the_sound_that_its_model_makes_unless_it_is_not_wanted(audio: str | None, sound: bool) -> None:
    assert loud(audio).sound is sound
    assert describe(loud(audio))["sound"] is sound


def test_a_silent_model_is_asked_for_no_sound() -> None:
    assert not plan_for("a red ball").sound
    assert not plan_for("a red ball", audio=OFF).sound
    with pytest.raises(UnsupportedParameter) as refused:
        plan_for("a red ball", audio=ON)
    assert refused.value.param == "audio"


def test_a_video_with_sound_is_another_result_than_a_silent_one_and_silent_keys_are_as_they_were() -> None:
    assert plan_digest(loud(), "me") != plan_digest(loud(OFF), "me")
    assert plan_digest(loud(), "me") == plan_digest(loud(ON), "me")
    silent = plan_for("a red ball")
    assert plan_digest(silent, "me") == plan_digest(replace(silent, sound=False), "me")


def test_a_record_says_of_sound_what_an_older_kinoray_would_leave_out() -> None:
    job = a_job(plan=loud())
    assert job_from_json(job_to_json(job)).plan == job.plan
    assert b'"version":6' in job_to_json(job)
    assert b"sound" not in job_to_json(a_job(plan=plan_for("a red ball")))


def test_a_key_is_for_one_wish_about_sound() -> None:
    digests = {named(VideoRequest("a", audio=audio), "key", 60.0) for audio in (None, ON, OFF)}
    assert len(digests) == 3
