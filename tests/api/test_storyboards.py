"""The routes of storyboards: asked for, planned, made, listed, changed, tried again, stopped, fetched and deleted."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import asdict, replace
from typing import Any

import httpx
import orjson
import pytest

from app.storyboards.creating import named_story
from app.types import Failure
from app.types.storyboard import SceneWish, Storyboard, StoryWish
from tests.api.films import FILM, UNSPEAKABLE
from tests.api.house import MODEL, VIDEO, House

pytestmark = pytest.mark.anyio

BOARDS = "/v1/storyboards"
BALL = {"prompt": "a red ball bounces", "narration": "Once there was a ball.", "title": "The ball"}
SQUARE = {"prompt": "a blue square spins", "narration": "It met a square."}
STAR = {"prompt": "a white star", "seconds": 2, "caption": "The <b>end</b>"}
FILM_OF_THREE = {"title": "Three", "scenes": [BALL, SQUARE, STAR]}
NOBODY = "story_" + "0" * 32


@pytest.fixture
def house() -> House:
    return House(clock=time.time)


async def asked(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post(BOARDS, json=FILM_OF_THREE | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def looked_at(client: httpx.AsyncClient, story_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"{BOARDS}/{story_id}")).json()
    return found


async def make(house: House, story_id: str, *numbers: int) -> Storyboard:
    """Make the clips of these scenes, or of all, and go on with the film."""
    story = await house.storyboards.get(story_id)
    for number, scene in enumerate(story.scenes, 1):
        job = await house.jobs.get(scene.job_ids[-1])
        if not job.phase.ended and (not numbers or number in numbers):
            await house.complete(job.id)
    await house.go_on(story_id)
    return await house.storyboards.get(story_id)


async def break_scene(house: House, story_id: str, number: int) -> None:
    """Have a scene's job fail."""
    story = await house.storyboards.get(story_id)
    job_id = story.scenes[number - 1].job_ids[-1]
    fence = await house.run(job_id)
    failure = Failure("generation_failed", "It went wrong.")
    await house.jobs.fail(job_id, fence, failure, time.time())


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_storyboard_is_asked_for_and_its_scenes_are_under_way(house: House, client: httpx.AsyncClient) -> None:
    told = await asked(client, captions="burnt", speed=1.5)
    assert (told["object"], told["status"], told["title"], told["revision"]) == (
        "storyboard",
        "in_progress",
        "Three",
        1,
    )
    assert (told["captions"], told["speed"], told["size"], told["url"]) == ("burnt", 1.5, "64x64", None)
    assert [scene["number"] for scene in told["scenes"]] == [1, 2, 3]
    assert [scene["stage"] for scene in told["scenes"]] == ["queued"] * 3
    assert told["scenes"][2]["caption"] == "The <b>end</b>"
    assert all(scene["video_id"].startswith("video_") for scene in told["scenes"])
    assert await house.count() == 3


async def test_an_answer_says_when_to_look_again_and_at_which_revision_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.post(BOARDS, json=FILM_OF_THREE)
    assert (answer.headers["etag"], int(answer.headers["openai-poll-after-ms"]) > 0) == ('"1"', True)


async def test_the_film_is_made_and_fetched(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await make(house, story_id)
    told = await looked_at(client, story_id)
    assert (told["status"], told["phase"], told["progress"], told["eta_seconds"]) == (
        "completed",
        "completed",
        100,
        0.0,
    )
    assert told["url"] == f"http://kinoray{BOARDS}/{story_id}/content"
    assert [scene["status"] for scene in told["scenes"]] == ["completed"] * 3
    assert told["scenes"][0]["narration_seconds"] == pytest.approx(2.2)
    assert told["scenes"][1]["starts_at_seconds"] == pytest.approx(told["scenes"][0]["duration_seconds"])
    assert told["usage"]["device_seconds"] == pytest.approx(6.0)
    assert (await client.get(f"{BOARDS}/{story_id}/content")).content == FILM


async def test_the_same_film_again_is_there_at_once(house: House, client: httpx.AsyncClient) -> None:
    await make(house, (await asked(client))["id"])
    again = await asked(client)
    assert (again["status"], again["cached"], again["usage"]["generations"]) == ("completed", True, 0)
    assert again["usage"]["scenes_cached"] == 3
    assert len(house.films.assembled) == 1


async def test_files_come_in_variants_and_in_parts(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await make(house, story_id)
    place = f"{BOARDS}/{story_id}/content"
    kinds = {
        "video": ("video/mp4", ".mp4"),
        "thumbnail": ("image/webp", ".webp"),
        "srt": ("application/x-subrip", ".srt"),
        "vtt": ("text/vtt", ".vtt"),
        "audio": ("audio/mp4", ".m4a"),
    }
    for variant, (kind, ending) in kinds.items():
        whole = await client.get(place, params={"variant": variant})
        assert (whole.status_code, whole.headers["content-type"].partition(";")[0]) == (200, kind)
        assert f'{ending}"' in whole.headers["content-disposition"]
        head = await client.head(place, params={"variant": variant})
        assert (head.headers["content-length"], head.content) == (str(len(whole.content)), b"")
        known = await client.get(place, params={"variant": variant}, headers={"if-none-match": whole.headers["etag"]})
        assert known.status_code == 304
    part = await client.get(place, headers={"range": "bytes=2-6"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, FILM[2:7], f"bytes 2-6/{len(FILM)}")
    assert (await client.get(place, headers={"range": f"bytes={len(FILM)}-"})).status_code == 416
    assert code_of(await client.get(place, params={"variant": "gif"})) == (400, "invalid_request")


async def test_a_scene_is_there_before_the_film(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await make(house, story_id, 2)
    place = f"{BOARDS}/{story_id}/content"
    assert (await client.get(place, params={"scene": 2})).content == VIDEO
    assert (await client.get(place, params={"scene": 2, "variant": "audio"})).headers["content-type"] == "audio/flac"
    assert code_of(await client.get(place)) == (404, "content_not_ready")
    assert code_of(await client.get(place, params={"scene": 1})) == (404, "content_not_ready")
    for number in (4, 61):
        assert code_of(await client.get(place, params={"scene": number})) == (404, "scene_not_found")
    for wrong in ("0", "-1", "two", "99999"):
        assert code_of(await client.get(place, params={"scene": wrong})) == (400, "invalid_request")


async def test_a_change_makes_that_scene_again_and_the_film(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await make(house, story_id)
    before = await looked_at(client, story_id)
    answer = await client.patch(f"{BOARDS}/{story_id}/scenes/2", json={"prompt": "a green ring", "revision": 1})
    assert (answer.status_code, answer.json()["revision"], answer.headers["etag"]) == (200, 2, '"2"')
    assert answer.json()["status"] == "in_progress"
    await house.go_on(story_id)
    await make(house, story_id)
    told = await looked_at(client, story_id)
    assert (told["status"], told["scenes"][1]["prompt"], told["scenes"][1]["revision"]) == (
        "completed",
        "a green ring",
        2,
    )
    for number in (0, 2):
        assert told["scenes"][number]["video_id"] == before["scenes"][number]["video_id"]
    assert len(house.films.assembled) == 2
    assert len(house.films.spoken) == 2


@pytest.mark.parametrize("tag", ['"7"', 'W/"7"', "7"])
async def test_a_change_of_what_has_changed_is_told_which_revision_stands(tag: str, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    place = f"{BOARDS}/{story_id}/scenes/1"
    for stale in (
        await client.patch(place, json={"title": "a"}, headers={"if-match": tag}),
        await client.patch(place, json={"title": "a", "revision": 7}),
    ):
        assert code_of(stale) == (409, "revision_conflict")
        assert (stale.json()["error"]["revision"], stale.headers["x-should-retry"]) == (1, "false")
    for fresh in ('"1"', 'W/"2"', "*"):
        assert (await client.patch(place, json={"title": fresh}, headers={"if-match": fresh})).status_code == 200


async def test_of_two_changes_of_one_revision_one_is_told_of_the_other(client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    both = await asyncio.gather(
        *(client.patch(f"{BOARDS}/{story_id}/scenes/{number}", json={"title": "x", "revision": 1}) for number in (1, 2))
    )
    lost = next(answer for answer in both if answer.status_code != 200)
    assert sorted(answer.status_code for answer in both) == [200, 409]
    assert lost.json()["error"]["revision"] == 2


async def test_a_narration_can_be_taken_away(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    told = (await client.patch(f"{BOARDS}/{story_id}/scenes/1", json={"narration": None})).json()
    assert (told["scenes"][0]["narration"], told["scenes"][0]["narration_seconds"]) == (None, None)


@pytest.mark.parametrize("number", [4, 60, 61, 999_999_999])
async def test_there_is_no_scene_beyond_the_last(number: int, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    place = f"{BOARDS}/{story_id}/scenes/{number}"
    assert code_of(await client.patch(place, json={"title": "a"})) == (404, "scene_not_found")
    assert code_of(await client.post(f"{place}/retry")) == (404, "scene_not_found")


async def test_a_failed_scene_is_named_and_tried_again_alone(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await break_scene(house, story_id, 2)
    await make(house, story_id)
    told = await looked_at(client, story_id)
    assert (told["status"], told["error"]["scene"], told["scenes"][1]["status"]) == ("failed", 2, "failed")
    assert (told["scenes"][1]["error"]["code"], told["scenes"][0]["status"]) == ("generation_failed", "completed")
    again = (await client.post(f"{BOARDS}/{story_id}/scenes/2/retry")).json()
    assert (again["status"], again["error"], again["scenes"][0]["video_id"]) == (
        "in_progress",
        None,
        told["scenes"][0]["video_id"],
    )
    await house.go_on(story_id)
    await make(house, story_id)
    done = await looked_at(client, story_id)
    assert (done["status"], done["scenes"][1]["video_id"] != told["scenes"][1]["video_id"]) == ("completed", True)


async def test_a_storyboard_is_stopped_with_its_scenes(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    told = (await client.post(f"{BOARDS}/{story_id}/cancel")).json()
    assert (told["status"], told["error"]["code"]) == ("failed", "cancelled")
    for scene in told["scenes"]:
        assert (await house.jobs.get(scene["video_id"])).phase.ended


async def test_a_deleted_storyboard_is_gone_with_its_videos(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await make(house, story_id, 1)
    answer = await client.delete(f"{BOARDS}/{story_id}")
    assert answer.json() == {"id": story_id, "object": "storyboard.deleted", "deleted": True}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/content"), ("GET", "/events")):
        assert code_of(await client.request(method, f"{BOARDS}/{story_id}{path}")) == (404, "storyboard_not_found")
    assert await house.count() == 0


async def test_storyboards_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    ids = [(await asked(client, title=str(number), seed=number))["id"] for number in range(3)]
    page = (await client.get(BOARDS, params={"limit": 2})).json()
    assert ([each["id"] for each in page["data"]], page["has_more"]) == (ids[:0:-1], True)
    rest = (await client.get(BOARDS, params={"limit": 2, "after": page["last_id"]})).json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (ids[:1], False)
    assert [each["id"] for each in (await client.get(BOARDS, params={"order": "asc"})).json()["data"]] == ids
    for after in (NOBODY, "x"):
        assert code_of(await client.get(BOARDS, params={"after": after})) == (404, "storyboard_not_found")
    for limit in ("0", "101", "x"):
        assert code_of(await client.get(BOARDS, params={"limit": limit})) == (400, "invalid_request")


async def test_the_same_request_under_one_key_makes_one_storyboard(house: House, client: httpx.AsyncClient) -> None:
    keyed = {"idempotency-key": "a-film"}
    first = await client.post(BOARDS, json=FILM_OF_THREE, headers=keyed)
    again = await client.post(BOARDS, json=FILM_OF_THREE, headers=keyed)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")
    assert "idempotent-replayed" not in first.headers
    other = await client.post(BOARDS, json=FILM_OF_THREE | {"title": "Other"}, headers=keyed)
    assert code_of(other) == (409, "idempotency_key_reused")
    assert await house.count() == 3


async def test_what_a_voice_cannot_say_is_refused_by_its_scene(client: httpx.AsyncClient) -> None:
    for route in (BOARDS, f"{BOARDS}/analyze"):
        answer = await client.post(route, json={"scenes": [BALL, {**SQUARE, "narration": UNSPEAKABLE}]})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "scenes[1].narration")
        answer = await client.post(route, json=FILM_OF_THREE | {"language": "xx"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "language")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("tier", "ultimate", "unknown_tier"), ("style", "nobody", "unknown_style"), ("seconds", 1000, "invalid_request")],
)
async def test_what_the_planner_refuses_of_a_scene_is_named(
    field: str, value: object, code: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(f"{BOARDS}/analyze", json={"scenes": [BALL, {**SQUARE, field: value}]})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, f"scenes[1].{field}")
    assert error["code"] in (code, "unsupported_length", "film_too_long")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/a.png", "http://169.254.169.254/latest", "http://[::1]/", "ftp://a.example/a.png"]
)
async def test_a_picture_in_a_private_network_is_refused_by_its_scene(address: str) -> None:
    house = House(models=(replace(MODEL, takes_image=True),), clock=time.time)
    async with house.client() as client:
        answer = await client.post(BOARDS, json={"scenes": [BALL, {**SQUARE, "image": address}]})
    assert (*code_of(answer), answer.json()["error"]["param"]) == (400, "address_refused", "scenes[1].image")
    assert not (await house.storyboards.list("public", None, 10, True)).stories


async def test_a_picture_for_a_model_that_takes_none_is_refused_by_its_scene(client: httpx.AsyncClient) -> None:
    answer = await client.post(BOARDS, json={"scenes": [{**BALL, "image": "data:image/png;base64,AA"}]})
    assert (*code_of(answer), answer.json()["error"]["param"]) == (400, "image_not_taken", "scenes[0].image")


async def test_the_plan_of_the_whole_is_known_before_it_starts(house: House, client: httpx.AsyncClient) -> None:
    plan = (await client.post(f"{BOARDS}/analyze", json=FILM_OF_THREE)).json()
    assert (plan["object"], plan["model"], plan["size"], len(plan["scenes"])) == (
        "storyboard.plan",
        "shapes",
        "64x64",
        3,
    )
    assert plan["seconds"] == pytest.approx(sum(scene["seconds"] for scene in plan["scenes"]))
    assert plan["scenes"][2]["narration_seconds"] is None
    assert await house.count() == 0


async def test_a_text_becomes_scenes_that_can_be_sent_as_they_are(house: House, client: httpx.AsyncClient) -> None:
    text = "A red ball bounces on sand. It meets a blue square! Together they spin."
    drafted = await client.post(f"{BOARDS}/draft", json={"text": text, "by": "rules", "scenes": 3})
    told = drafted.json()
    assert (drafted.status_code, told["object"], told["by"]) == (200, "storyboard.draft", "rules")
    assert len(told["storyboard"]["scenes"]) == 3
    assert await house.count() == 0
    assert (await client.post(BOARDS, json=told["storyboard"])).status_code == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n "}, "text"),
        ({"text": 7}, "text"),
        ({"text": "a ball", "scenes": 61}, "scenes"),
        ({"text": "a ball", "scenes": 0}, "scenes"),
        ({"text": "a ball", "speed": 9}, "speed"),
        ({"text": "a ball", "seconds": 1e9}, "seconds"),
        ({"text": "a ball", "language": "<x>"}, "language"),
        ({"text": "a ball", "by": "magic"}, "by"),
        ({"text": "a ball", "txt": "b"}, "txt"),
    ],
)
async def test_a_draft_of_nothing_is_refused(body: dict[str, Any], param: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{BOARDS}/draft", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_text_beyond_all_bounds_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{BOARDS}/draft", json={"text": "word " * 50_000})
    assert code_of(answer) == (400, "text_too_long")


async def test_a_tenant_has_so_many_under_way_at_the_most() -> None:
    house = House(clock=time.time, storyboard_max_open=2)
    async with house.client() as client:
        for number in range(2):
            await asked(client, seed=number)
        answer = await client.post(BOARDS, json=FILM_OF_THREE | {"seed": 9})
    assert code_of(answer) == (429, "concurrency_exceeded")
    assert "retry-after" in answer.headers


async def test_tenants_see_nothing_of_each_other() -> None:
    house = House(clock=time.time, api_keys={"ann": "key-a", "ben": "key-b"})
    ann, ben = ({"authorization": f"Bearer key-{name}"} for name in "ab")
    async with house.client() as client:
        story_id = (await client.post(BOARDS, json=FILM_OF_THREE, headers=ann)).json()["id"]
        place = f"{BOARDS}/{story_id}"
        for method, path in (
            *(("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/content"), ("GET", "/events")),
            *(("PATCH", "/scenes/1"), ("POST", "/scenes/1/retry"), ("GET", "/content?scene=1")),
        ):
            body = {"title": "mine"} if method == "PATCH" else None
            answer = await client.request(method, f"{place}{path}", headers=ben, json=body)
            assert code_of(answer) == (404, "storyboard_not_found"), path
        assert (await client.get(BOARDS, headers=ben)).json()["data"] == []
        assert (await client.get(place, headers=ann)).json()["title"] == "Three"
        assert (await client.get(place)).status_code == 401


async def test_every_verb_of_get_is_one_of_head_too(client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    for path in ("", f"/{story_id}", f"/{story_id}/events"):
        answer = await client.head(f"{BOARDS}{path}")
        assert (answer.status_code, answer.content) == (200, b"")
    allowed = (await client.options(f"{BOARDS}/{story_id}/scenes/1")).headers["allow"]
    assert allowed == "OPTIONS, PATCH"


async def test_its_end_is_told_to_who_asked_for_it() -> None:
    house = House(clock=time.time, webhook_secret="whsec_" + "a" * 43 + "=")
    hook = {"url": "https://hooks.example/a", "events": ["storyboard.failed"]}
    async with house.client() as client:
        told = await asked(client, webhook=hook)
        assert (told["webhook"]["events"], told["webhook"]["state"]) == (["storyboard.failed"], "waiting")
        await make(house, told["id"])
        assert (await looked_at(client, told["id"]))["webhook"]["state"] == "not_wanted"


@pytest.mark.parametrize("url", ["http://hooks.example", "https://127.0.0.1/", "ftp://a.example", "nowhere"])
async def test_a_webhook_that_will_never_be_sent_is_refused(url: str) -> None:
    house = House(clock=time.time, webhook_secret="whsec_" + "a" * 43 + "=")
    async with house.client() as client:
        answer = await client.post(BOARDS, json=FILM_OF_THREE | {"webhook": {"url": url}})
    status, code = code_of(answer)
    assert (status, answer.json()["error"]["param"]) == (400, "webhook.url")
    for route in (BOARDS, "/v1/videos"):
        assert f"`{code}`" in house.app.openapi()["paths"][route]["post"]["responses"]["400"]["description"]


async def test_changes_are_in_the_audit_log_by_the_storyboard(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await client.patch(f"{BOARDS}/{story_id}/scenes/1", json={"title": "a"})
    await client.post(f"{BOARDS}/analyze", json=FILM_OF_THREE)
    await client.delete(f"{BOARDS}/{story_id}")
    await house.access.writer.flush()
    found = (await client.get("/v1/audit")).json()["data"]
    assert [(each["action"], each["resource"]) for each in reversed(found)] == [
        (f"POST {BOARDS}", story_id),
        (f"PATCH {BOARDS}/{{story_id}}/scenes/{{n}}", story_id),
        (f"DELETE {BOARDS}/{{story_id}}", story_id),
    ]


async def test_previews_are_of_all_scenes_and_asked_for(house: House, client: httpx.AsyncClient) -> None:
    for wanted in (True, False):
        story = await house.storyboards.get((await asked(client, preview=wanted, seed=int(wanted)))["id"])
        jobs = [await house.jobs.get(scene.job_ids[-1]) for scene in story.scenes]
        assert {job.wishes.preview for job in jobs} == {wanted}


async def test_a_key_that_was_kept_before_there_were_previews_is_of_the_same_request() -> None:
    wish = StoryWish((SceneWish("a red ball"),))
    before = {name: value for name, value in asdict(wish).items() if name != "preview"}
    for scene in before["scenes"]:
        del scene["references"]  # nor were there these
    digest = hashlib.sha256(orjson.dumps({"wish": before, "pictures": {}}, option=orjson.OPT_SORT_KEYS)).hexdigest()
    named = named_story(wish, {}, "key", 60.0)
    assert named is not None
    assert named.digest == digest
    assert named_story(replace(wish, preview=True), {}, "key", 60.0) != named
