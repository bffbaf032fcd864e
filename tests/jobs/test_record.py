from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import pytest

from app.errors import JobNotFound, RecordTooNew, StoreUnavailable
from app.jobs.record import (
    VERSION,
    check_id,
    job_from_fields,
    job_from_json,
    job_to_fields,
    job_to_json,
    parse_event_id,
    replica_from_json,
    replica_to_json,
)
from app.plan.masks.mask import masks_of
from app.plan.masks.table import MaskRow, MaskTable, with_masks
from app.types import (
    FLOW,
    Artifact,
    CacheMode,
    CacheUse,
    DraftUse,
    Extension,
    Failure,
    FirstDraft,
    GuidanceRule,
    Job,
    Masks,
    Measured,
    Phase,
    PlannedInput,
    Postprocessing,
    StudentOfModel,
    UploadedLora,
    Webhook,
    Wishes,
)
from app.types.masks import unbits
from tests.jobs.make import PLAN, VIDEO, a_job, a_replica

FULL = a_job(
    phase=Phase.COMPLETED,
    fence=3,
    attempts=2,
    step=20,
    eta_s=0.5,
    started_at=101.25,
    completed_at=104.0,
    expires_at=1e9 + 1 / 3,
    failure=Failure("none", 'with "quotes" and 球'),
    artifacts={"video": VIDEO},
    measured=Measured({"encode": 0.25}, 1.5, 2**40, 12),
    cache=CacheUse("result", True, 1.5, False),
    wishes=Wishes(CacheMode.READ, 60.0, user="me", storyboard=("story_0123456789", 2)),
)


UNMASKED = b"""{"version":1,"id":"video_b70c5d937f134f4ab6e5f8989bb7e6ce","tenant":"public","plan":{
"model":"kinoray-shapes","revision":"1","prompt":"a red ball","negative_prompt":"",
"spec":{"width":64,"height":64,"frames":17,"fps":8},
"sampling":{"steps":10,"budget":4,"guidance":3.0,"seed":7,"sampler":"euler","shift":3.0,"deterministic":true,
"step_cache":"","guidance_2":null},"tier":"standard","asked_tier":"auto","pool":"main","estimate":{"step_seconds":1.5,
"seconds":2.0,"cost":null,"device_seconds":0.0,"energy_wh":null},"why":{"score":40,"complexity":"simple","factors":[],
"reasons":[]},"written":null,"style":null,"enhanced":false,"calibrated":true,"by_planner":true,
"masks":"1e1bd10a1d0cmag-0","start":{"entry":"e","step":3,"similarity":0.9,"spared":1.0,"step_seconds":0.1},
"image":null,"adapter":""},"phase":"queued","created_at":100.0}"""
"""As it was written before plans carried their masks: `masks` is a digest."""
MASKED = replace(PLAN, masks=Masks(unbits("1" * 12 + "0" * 8), unbits("1" * 9 + "0" * 11), order=0), mark="mag-1")


STYLED = replace(PLAN, adapters=(("film", 0.5), ("ink", 1.0)))
FEW = replace(PLAN, adapters=(("few", 1.0),))
LONGER = replace(PLAN, extends=Extension("video_0", VIDEO, 9))


@pytest.mark.parametrize(
    "job", [a_job(), FULL, a_job(plan=MASKED), a_job(plan=STYLED), a_job(plan=FEW), a_job(plan=LONGER)]
)
def test_a_record_comes_back_as_it_was(job: Job) -> None:
    assert job_from_json(job_to_json(job)) == job
    fields = {name.encode(): value for name, value in job_to_fields(job).items()}
    assert job_from_fields(fields) == job


def test_an_adapter_at_full_strength_is_kept_as_an_older_kinoray_reads_it_and_several_are_not_for_it() -> None:
    older = orjson.loads(job_to_json(a_job(plan=FEW)))
    assert (older["version"], older["plan"]["adapter"]) == (1, "few")
    assert "adapters" not in older["plan"]
    assert orjson.loads(job_to_json(a_job(plan=LONGER)))["version"] == 2
    newer = orjson.loads(job_to_json(a_job(plan=STYLED)))
    assert (newer["version"], newer["plan"]["adapters"]) == (2, [["film", 0.5], ["ink", 1.0]])


def test_a_record_of_before_adapters_were_several_is_read() -> None:
    worn = UNMASKED.replace(b'"adapter":""', b'"adapter":"few"')
    assert job_from_json(worn).plan.adapters == (("few", 1.0),)
    assert job_from_json(UNMASKED).plan.adapters == ()


def test_masks_are_kept_as_ones_and_zeros_beside_the_digest_that_an_older_kinoray_reads() -> None:
    assert MASKED.masks is not None
    kept = orjson.loads(job_to_json(a_job(plan=MASKED)))["plan"]
    assert kept["masks"] == f"{MASKED.masks.digest}mag-1"
    assert kept["mask_bits"] == {"run": "11111111111100000000", "unconditional": "11111111100000000000", "order": 0}
    assert "mark" not in kept


@pytest.mark.parametrize(
    "bits",
    [
        {"run": "1" * 20, "unconditional": "1" * 20, "order": 1},
        {"run": "1" * 12, "unconditional": "1" * 12, "order": 1},
        {"run": "0" + "1" * 12 + "0" * 7, "unconditional": "0" * 20, "order": 1},
        {"run": "1" * 12 + "0" * 8, "unconditional": "2" * 20, "order": 1},
        {"run": "1" * 12 + "0" * 8, "unconditional": "0" * 20, "order": 7},
        {"run": 3, "unconditional": "0" * 20, "order": 1},
        {"run": "1" * 12 + "0" * 8},
        "1" * 20,
    ],
)
def test_masks_that_cannot_be_of_the_plan_are_a_damaged_record(bits: object) -> None:
    kept = orjson.loads(job_to_json(a_job(plan=MASKED)))
    kept["plan"]["mask_bits"] = bits
    with pytest.raises(StoreUnavailable, match="damaged"):
        job_from_json(orjson.dumps(kept))


def test_a_record_of_before_plans_carried_their_masks_gets_those_of_the_tables() -> None:
    found = Masks(unbits("1010010100"), unbits("1010000000"))
    tables = {"kinoray-shapes": MaskTable("kinoray-shapes", "1", (MaskRow(found, 0.1, 0.2),))}
    plan = job_from_fields({b"record": UNMASKED}, partial(with_masks, tables=tables)).plan
    assert plan.masks == found
    assert plan.start is not None
    assert masks_of(plan).run == unbits("0001010100")
    without = job_from_fields({b"record": UNMASKED}).plan
    assert (without.masks, without.mark, without.bits_mark) == (None, "1e1bd10a1d0cmag-0", "1e1bd10a1d0cmag-0")
    assert masks_of(without).run == unbits("0001001001")


OLD = b"""{"version":1,"id":"video_0123456789","tenant":"ann","plan":{"model":"m","revision":"1","prompt":"a red ball",
"negative_prompt":"","spec":{"width":64,"height":64,"frames":17,"fps":8},"sampling":{"steps":20,"budget":12,
"guidance":3.0,"seed":7},"tier":"standard","asked_tier":"auto","pool":"main","estimate":{"step_seconds":1.5,
"seconds":2.0},"why":{"score":40,"complexity":"simple"}},"phase":"queued","created_at":100.0,
"cache":{"kind":"none"},"remixed_from":"video_9876543210","cache_mode":"read","cache_ttl_s":60.0,"similar":true,
"priority":"high","deadline":130.5,"preview":true,"user":"me",
"webhook":{"url":"https://example.com/hook","events":["video.failed"]},"after":["video_abcdefghij"]}"""


def test_a_record_from_before_the_wishes_were_one_is_read_whole_and_keeps_its_names() -> None:
    job = job_from_json(OLD)
    hook = Webhook("https://example.com/hook", ("video.failed",))
    assert job.wishes == Wishes(
        cache=CacheMode.READ,
        cache_ttl_s=60.0,
        similar=True,
        priority="high",
        preview=True,
        user="me",
        remixed_from="video_9876543210",
        webhook=hook,
        after=("video_abcdefghij",),
    )
    assert (job.deadline, job.cache.kind) == (130.5, "none")
    kept, before = orjson.loads(job_to_json(job)), orjson.loads(OLD)
    assert all(kept[name] == before[name] for name in before.keys() - {"plan", "cache"})


def test_a_newer_record_is_refused_in_plain_words() -> None:
    newer = orjson.dumps({**orjson.loads(job_to_json(FULL)), "version": VERSION + 1, "unknown": 1})
    with pytest.raises(RecordTooNew, match=f"version {VERSION + 1}; this Kinoray reads up to {VERSION}"):
        job_from_json(newer)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"version":1}', b'{"version":"x"}', b"\x80\x04K\x01."])
def test_a_damaged_record_is_an_error_of_the_store(data: bytes) -> None:
    with pytest.raises(StoreUnavailable):
        job_from_json(data)


@pytest.mark.parametrize("job_id", ["", "..", "../../etc/passwd", "video_", "video_../x", "video_ab:line", "a" * 99])
def test_what_cannot_be_an_id_is_not_found(job_id: str) -> None:
    with pytest.raises(JobNotFound):
        check_id(job_id)


def test_replicas_survive_and_nonsense_about_them_is_ignored() -> None:
    assert replica_from_json(replica_to_json(a_replica())) == a_replica()
    assert replica_from_json(b"nonsense") is None


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("12-3", (12, 3)), ("12", (12, 0)), (None, (0, 0)), ("x", (0, 0)), ("$", (0, 0)), ("1-x", (0, 0)), ("²", (0, 0))],
)
def test_event_ids_from_clients_do_no_harm(text: str | None, parsed: tuple[int, int]) -> None:
    assert parse_event_id(text) == parsed


def test_a_record_with_an_uploaded_adapter_is_one_that_an_older_kinoray_refuses_to_read_without_it() -> None:
    upload = UploadedLora("lora_1", "ink", "shapes", "ab" * 32, VIDEO)
    job = a_job(plan=replace(PLAN, adapters=((upload.mark, 1.0),), uploads=(upload,)))
    written = orjson.loads(job_to_json(job))
    assert written["version"] == 3
    assert job_from_json(job_to_json(job)) == job
    assert "uploads" not in orjson.loads(job_to_json(a_job()))["plan"]


def test_a_record_of_the_students_is_one_that_an_older_kinoray_refuses_to_make_with_other_weights() -> None:
    job = a_job(plan=replace(PLAN, student=StudentOfModel("one", (1.0, 0.9, 0.7, 0.4)), mark="student-one"))
    assert orjson.loads(job_to_json(job))["version"] == 4
    assert job_from_json(job_to_json(job)) == job
    assert "student" not in orjson.loads(job_to_json(a_job()))["plan"]


def test_a_record_with_a_draft_is_one_that_an_older_kinoray_refuses_to_make_without_it() -> None:
    few = replace(PLAN.sampling, steps=4, budget=4, guidance=1.0)
    draft = FirstDraft(few, StudentOfModel("one", (1.0, 0.9, 0.7, 0.4)), step=9, level=0.8, most_residual=0.25)
    use = DraftUse("kept", VIDEO, "0" * 64, 101.5, 0.125, 9)
    job = a_job(plan=replace(PLAN, draft=draft), draft=use)
    assert orjson.loads(job_to_json(job))["version"] == 5
    assert job_from_json(job_to_json(job)) == job
    plain = orjson.loads(job_to_json(a_job()))
    assert "draft" not in plain | plain["plan"]


def test_a_record_with_inputs_is_one_that_an_older_kinoray_refuses_to_make_without_them() -> None:
    picture = PlannedInput("last", "image", Artifact("inputs/a/b.png", "image/png", 9), strength=0.5)
    job = a_job(plan=replace(PLAN, references=(picture, replace(picture, role="reference", frame=8))))
    assert orjson.loads(job_to_json(job))["version"] == 6
    assert job_from_json(job_to_json(job)) == job
    assert "references" not in orjson.loads(job_to_json(a_job()))["plan"]


def test_a_record_of_more_frames_is_one_that_an_older_kinoray_refuses_to_read_without_them() -> None:
    job = a_job(plan=replace(PLAN, postprocessing=Postprocessing(65, 32, FLOW, 2, "", "a digest", 3.5)))
    assert orjson.loads(job_to_json(job))["version"] == 3
    assert job_from_json(job_to_json(job)) == job
    assert "postprocessing" not in orjson.loads(job_to_json(a_job()))["plan"]


def test_a_scene_of_a_storyboard_is_a_video_that_an_older_kinoray_can_make() -> None:
    written = orjson.loads(job_to_json(a_job(storyboard=("story_0123456789", 2))))
    assert (written["version"], written["storyboard"]) == (1, ["story_0123456789", 2])
    assert "storyboard" not in orjson.loads(OLD)
    assert job_from_json(OLD).wishes.storyboard is None


@pytest.mark.parametrize("more", [{"rule": GuidanceRule(0.2, 0.8, True, 1)}, {"levels": (1.0, 0.75, 0.5, 0.25)}])
def test_a_walk_that_an_older_kinoray_would_walk_otherwise_is_one_that_it_refuses(more: dict[str, Any]) -> None:
    sampling = replace(PLAN.sampling, steps=4, budget=4, **more)
    job = a_job(plan=with_masks(replace(PLAN, sampling=sampling, masks=None), {}))
    assert orjson.loads(job_to_json(job))["version"] == 7
    assert job_from_json(job_to_json(job)).plan == job.plan


def test_what_a_plan_counts_for_its_inputs_is_kept_and_does_not_trouble_an_older_kinoray() -> None:
    job = a_job(plan=replace(PLAN, image=VIDEO, shown=7))
    written = orjson.loads(job_to_json(job))
    assert (written["version"], written["plan"]["shown"]) == (1, 7)
    assert job_from_json(job_to_json(job)) == job
    assert "shown" not in orjson.loads(job_to_json(a_job()))["plan"]
    later = {**written, "plan": {**written["plan"], "of a later release": 1}}
    assert job_from_json(orjson.dumps(later)) == job
