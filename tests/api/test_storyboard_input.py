"""What a client may get wrong in a storyboard: each is refused in the one shape, names the field, and makes nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from app.api.requests.fields import Fields
from app.api.requests.storyboard import scene_change, story_request
from app.errors import InvalidRequest
from app.settings import Settings
from app.types.storyboard import CaptionMode, Fit, SceneWish, Transition
from tests.api.house import House

pytestmark = pytest.mark.anyio

BOARDS = "/v1/storyboards"
RED = {"prompt": "a red ball"}
SETTINGS = Settings()
STORY = "story_" + "0" * 32
PAGE: dict[str, Any] = House().app.openapi()


def of(*scenes: Any, **more: Any) -> dict[str, Any]:
    return {"scenes": list(scenes or (RED,)), **more}


def scene(**more: Any) -> dict[str, Any]:
    """The third of three scenes is wrong."""
    return of(RED, RED, {**RED, **more})


# body, code, param
BODIES: dict[str, tuple[Any, str, str | None]] = {
    "no scenes": ({}, "invalid_request", "scenes"),
    "null for scenes": ({"scenes": None}, "invalid_request", "scenes"),
    "a list of none": ({"scenes": []}, "invalid_request", "scenes"),
    "scenes that are no list": ({"scenes": {"0": RED}}, "invalid_request", "scenes"),
    "scenes in a text": ({"scenes": json.dumps([RED])}, "invalid_request", "scenes"),
    "a scene of text": (of(RED, "a red ball"), "invalid_request", "scenes[1]"),
    "a scene of null": (of(None), "invalid_request", "scenes[0]"),
    "a list for a scene": (of([RED]), "invalid_request", "scenes[0]"),
    "an empty scene": (of(RED, {}), "invalid_request", "scenes[1].prompt"),
    "61 scenes": (of(*[RED] * 61), "too_many_scenes", "scenes"),
    "a million scenes": (of(*[{}] * 10**6), "too_many_scenes", "scenes"),
    "a scene with a thousand fields": (of({str(n): n for n in range(1000)}), "unknown_parameter", "scenes[0].0"),
    "no prompt": (scene(prompt=None), "invalid_request", "scenes[2].prompt"),
    "an empty prompt": (scene(prompt=""), "invalid_request", "scenes[2].prompt"),
    "a blank prompt": (scene(prompt=" \n\t"), "invalid_request", "scenes[2].prompt"),
    "a number for a prompt": (scene(prompt=7), "invalid_request", "scenes[2].prompt"),
    "an over-long prompt": (scene(prompt="a" * 4001), "prompt_too_long", "scenes[2].prompt"),
    "100 kB of narration": (scene(narration="word " * 20_000), "narration_too_long", "scenes[2].narration"),
    "a NUL in narration": (scene(narration="one\x00two"), "invalid_request", "scenes[2].narration"),
    "an escape in narration": (scene(narration="\x1b[31mred"), "invalid_request", "scenes[2].narration"),
    "a C1 control in narration": (scene(narration="a\x9bb"), "invalid_request", "scenes[2].narration"),
    "a bell in a caption": (scene(caption="ding\x07"), "invalid_request", "scenes[2].caption"),
    "a control in a title": (scene(title="a\x01"), "invalid_request", "scenes[2].title"),
    "an over-long caption": (scene(caption="c" * 501), "invalid_request", "scenes[2].caption"),
    "an over-long title": (scene(title="t" * 201), "invalid_request", "scenes[2].title"),
    "a list for narration": (scene(narration=["a"]), "invalid_request", "scenes[2].narration"),
    "zero seconds": (scene(seconds=0), "invalid_request", "scenes[2].seconds"),
    "negative seconds": (scene(seconds=-1.5), "invalid_request", "scenes[2].seconds"),
    "seconds that are no number": (scene(seconds="nan"), "invalid_request", "scenes[2].seconds"),
    "endless seconds": (scene(seconds="inf"), "invalid_request", "scenes[2].seconds"),
    "seconds beyond all": (scene(seconds=1e300), "invalid_request", "scenes[2].seconds"),
    "hours": (scene(seconds=7200), "invalid_request", "scenes[2].seconds"),
    "true for seconds": (scene(seconds=True), "invalid_request", "scenes[2].seconds"),
    "a seed beyond 64 bits": (scene(seed=2**63), "invalid_request", "scenes[2].seed"),
    "a seed of words": (scene(seed="seven"), "invalid_request", "scenes[2].seed"),
    "a wipe": (scene(transition="wipe"), "invalid_request", "scenes[2].transition"),
    "a fit that is none": (scene(fit="stretch"), "invalid_request", "scenes[2].fit"),
    "a number for a picture": (scene(image=7), "invalid_image", "scenes[2].image"),
    "a picture of nothing": (scene(image={"image_url": ""}), "invalid_image", "scenes[2].image"),
    "a stored file": (scene(image={"file_id": "f"}), "unsupported_parameter", "scenes[2].image"),
    "a misspelt narration": (scene(naration="Once"), "unknown_parameter", "scenes[2].naration"),
    "another word for it": (scene(voiceover="Once"), "unknown_parameter", "scenes[2].voiceover"),
    "a field of a video": (scene(size="64x64"), "unknown_parameter", "scenes[2].size"),
    "a misspelt field": (of(captons="off"), "unknown_parameter", "captons"),
    "a name with a tag": (of(**{"<b>": 1}), "unknown_parameter", "<b>"),
    "a size that is none": (of(size="big"), "invalid_request", "size"),
    "a size of zero": (of(size="0x0"), "invalid_request", "size"),
    "zero fps": (of(fps=0), "invalid_request", "fps"),
    "half a frame": (of(fps=2.5), "invalid_request", "fps"),
    "captions of true": (of(captions=True), "invalid_request", "captions"),
    "captions on": (of(captions="on"), "invalid_request", "captions"),
    "a language of markup": (of(language="<en>"), "invalid_request", "language"),
    "an empty language": (of(language=""), "invalid_request", "language"),
    "an endless language": (of(language="en" + "-a" * 50), "invalid_request", "language"),
    "a voice of control characters": (of(voice="a\x00b"), "invalid_request", "voice"),
    "an endless voice": (of(voice="v" * 101), "invalid_request", "voice"),
    "far too fast": (of(speed=10), "invalid_request", "speed"),
    "a speed of text": (of(speed="1"), "invalid_request", "speed"),
    "music beyond all": (of(music_level=1.5), "invalid_request", "music_level"),
    "negative music": (of(music_level=-0.1), "invalid_request", "music_level"),
    "a transition of no time": (of(transition_seconds=0), "invalid_request", "transition_seconds"),
    "a transition of a minute": (of(transition_seconds=60), "invalid_request", "transition_seconds"),
    "a priority that is none": (of(priority="urgent"), "invalid_request", "priority"),
    "a deadline of nothing": (of(deadline_s=0), "invalid_request", "deadline_s"),
    "a webhook of text": (of(webhook="https://a.example"), "invalid_request", "webhook"),
    "a webhook of videos": (
        of(webhook={"url": "https://a.example", "events": ["video.completed"]}),
        "invalid_request",
        "webhook.events[0]",
    ),
    "a webhook with a header": (of(webhook={"url": "https://a.example", "heders": {}}), "unknown_parameter", None),
    "an endless user": (of(user="u" * 257), "invalid_request", "user"),
}
RAW: dict[str, tuple[str, bytes, int, str]] = {
    "no body": ("application/json", b"", 400, "invalid_json"),
    "a list": ("application/json", b"[]", 400, "invalid_request"),
    "NaN": ("application/json", b'{"scenes": [{"prompt": "a", "seconds": NaN}]}', 400, "invalid_json"),
    "infinity": ("application/json", b'{"scenes": [{"prompt": "a", "seconds": 1e999}]}', 400, "invalid_json"),
    "a tower of brackets": ("application/json", b'{"scenes":' + b"[" * 10**5, 400, "invalid_json"),
    "half a character": ("application/json", b'{"scenes": [{"prompt": "\\ud800"}]}', 400, "invalid_json"),
    "a key twice": ("application/json", b'{"title": "a", "title": "b", "scenes": []}', 400, "duplicate_parameter"),
    "a scene's key twice": (
        "application/json",
        b'{"scenes": [{"prompt": "a", "prompt": "b"}]}',
        400,
        "duplicate_parameter",
    ),
    "a form": ("application/x-www-form-urlencoded", b"title=a", 415, "unsupported_media_type"),
    "a form of parts": ("multipart/form-data; boundary=x", b"--x--\r\n", 415, "unsupported_media_type"),
    "YAML": ("application/yaml", b"scenes: []", 415, "unsupported_media_type"),
}
# of a PATCH: body, code, param
CHANGES: dict[str, tuple[Any, str, str | None]] = {
    "nothing": ({}, "invalid_request", None),
    "a revision alone": ({"revision": 3}, "invalid_request", None),
    "no prompt any more": ({"prompt": None}, "invalid_request", "prompt"),
    "an empty prompt": ({"prompt": " "}, "invalid_request", "prompt"),
    "a revision of text": ({"revision": "1", "title": "a"}, "invalid_request", "revision"),
    "revision 0": ({"revision": 0, "title": "a"}, "invalid_request", "revision"),
    "a control character": ({"narration": "a\x02"}, "invalid_request", "narration"),
    "hours": ({"seconds": 10_000}, "invalid_request", "seconds"),
    "a field of the whole": ({"voice": "bob"}, "unknown_parameter", "voice"),
    "a misspelt field": ({"narrations": "a"}, "unknown_parameter", "narrations"),
    "a picture of a number": ({"image": 7}, "invalid_image", "image"),
}


def error_of(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


@pytest.mark.parametrize("case", BODIES)
async def test_a_storyboard_that_cannot_be_is_refused_by_its_field(case: str, client: httpx.AsyncClient) -> None:
    body, code, param = BODIES[case]
    for route in (BOARDS, f"{BOARDS}/analyze"):
        answer = await client.post(route, json=body)
        error = error_of(answer)
        assert (answer.status_code, error["code"]) == (400, code)
        assert param is None or error["param"] == param
        assert param is None or code != "invalid_request" or param in error["message"]
        assert f"`{code}`" in PAGE["paths"][route]["post"]["responses"]["400"]["description"]


@pytest.mark.parametrize("case", RAW)
async def test_a_body_that_is_none_is_refused(case: str, client: httpx.AsyncClient) -> None:
    kind, body, status, code = RAW[case]
    for route in (BOARDS, f"{BOARDS}/analyze", f"{BOARDS}/draft"):
        answer = await client.post(route, content=body, headers={"content-type": kind})
        assert (answer.status_code, error_of(answer)["code"]) == (status, code)


@pytest.mark.parametrize("case", CHANGES)
async def test_a_change_that_cannot_be_is_refused_by_its_field(case: str, client: httpx.AsyncClient) -> None:
    body, code, param = CHANGES[case]
    answer = await client.patch(f"{BOARDS}/{STORY}/scenes/1", json=body)
    assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (400, code, param)


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [("0", 404, "scene_not_found"), ("00", 404, "scene_not_found"), ("two", 400, "invalid_request")]
    + [(each, 400, "invalid_request") for each in ("-1", "1.0", "1e1", "٣", "9" * 10, "%20", "scene")],
)
async def test_a_scene_is_named_by_a_number_from_one(
    number: str, status: int, code: str, client: httpx.AsyncClient
) -> None:
    for answer in (
        await client.patch(f"{BOARDS}/{STORY}/scenes/{number}", json={"title": "a"}),
        await client.post(f"{BOARDS}/{STORY}/scenes/{number}/retry"),
    ):
        assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (status, code, "n")


@pytest.mark.parametrize("story", ["x", "video_" + "0" * 32, "story_" + "A" * 32, "story_..%2f..", "story_" + "0" * 33])
async def test_what_is_no_id_names_no_storyboard(story: str, client: httpx.AsyncClient) -> None:
    for method, path in (
        *(("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/content"), ("GET", "/events")),
        *(("PATCH", "/scenes/1"), ("POST", "/scenes/1/retry")),
    ):
        body = {"title": "a"} if method == "PATCH" else None
        answer = await client.request(method, f"{BOARDS}/{story}{path}", json=body)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "storyboard_not_found"), (method, path)


@pytest.mark.parametrize("tag", ["x", '"a"', "1.5", "", '"1", "2"', "9" * 16])
async def test_what_is_no_revision_is_refused(tag: str, client: httpx.AsyncClient) -> None:
    headers = {"if-match": tag}
    answer = await client.patch(f"{BOARDS}/{STORY}/scenes/1", json={"title": "a"}, headers=headers)
    assert (answer.status_code, error_of(answer)["param"]) == (400, "If-Match")


async def test_two_revisions_in_one_request_are_refused(client: httpx.AsyncClient) -> None:
    body, headers = {"title": "a", "revision": 1}, {"if-match": '"2"'}
    answer = await client.patch(f"{BOARDS}/{STORY}/scenes/1", json=body, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "conflicting_parameters")


async def test_a_million_scenes_are_refused_before_their_names_are_counted(client: httpx.AsyncClient) -> None:
    rows = b",".join([b'{"prompt":"a","prompt":"b"}'] * 10**6)
    answer = await client.post(
        f"{BOARDS}/analyze", content=b'{"scenes":[%s]}' % rows[: 15 * 2**20 - 15 * 2**20 % 28 - 1]
    )
    assert error_of(answer)["code"] == "too_many_scenes"


def test_what_is_said_nowhere_is_as_usual() -> None:
    asked = story_request(Fields(of({**RED, "narration": " ", "caption": "", "seed": None})), SETTINGS)
    (only,), wish = asked.wish.scenes, asked.wish
    assert only == SceneWish("a red ball")
    assert (wish.tier, wish.captions, wish.transition, wish.fit) == (
        "auto",
        CaptionMode.TRACK,
        Transition.CUT,
        Fit.HOLD,
    )
    assert (wish.narrator.language, wish.narrator.speed, wish.music_level, asked.pictures) == ("en", 1.0, 0.0, {})


def test_markup_is_text() -> None:
    said = '<speak><break time="10s"/>Hello & {{name}} </speak>\n<script>alert(1)</script>'
    asked = story_request(Fields(scene(narration=said, caption=said, title="  A <b>\n title ")), SETTINGS)
    wish = asked.wish.scenes[2]
    assert (wish.narration, wish.caption, wish.title) == (said, said, "A <b> title")


def test_every_way_of_writing_a_picture_is_read() -> None:
    ways: list[Any] = ["https://a.example/b.png", {"image_url": "data:image/png;base64,AA"}, {"b64_json": "AA"}, None]
    ways += [{"type": "image_url", "image_url": {"url": "https://a.example"}}, ["AA"], ""]
    asked = story_request(Fields(of(*({**RED, "image": way} for way in ways))), SETTINGS)
    assert asked.pictures == {
        1: "https://a.example/b.png",
        2: "data:image/png;base64,AA",
        3: "AA",
        5: "https://a.example",
        6: "AA",
    }


def test_all_that_can_be_wished_arrives() -> None:
    first = {
        **RED,
        "title": "One",
        "seconds": "2.5s",
        "narration": "Once.",
        "caption": "One!",
        "style": "night",
        "tier": "preview",
        "seed": "7",
        "transition": "fade",
        "fit": "slow",
    }
    more = {"size": "96x64", "fps": 8, "voice": "bob", "language": "pt-BR", "speed": 1.5, "captions": "burnt"}
    hook = {"url": "https://a.example", "events": ["storyboard.failed"]}
    story = of(first, **more, transition="crossfade", transition_seconds=1, fit="loop", music_level=0.3, webhook=hook)
    wish = story_request(Fields(story), SETTINGS).wish
    assert wish.scenes[0] == SceneWish(
        "a red ball", "One", 2.5, "Once.", "One!", None, "night", "preview", 7, Transition.FADE, Fit.SLOW
    )
    assert (wish.width, wish.height, wish.fps, wish.narrator.voice) == (96, 64, 8, "bob")
    assert (wish.transition_s, wish.fit, wish.music_level) == (1.0, Fit.LOOP, 0.3)
    assert wish.webhook is not None
    assert (wish.webhook.url, wish.webhook.events) == ("https://a.example", ("storyboard.failed",))


def test_a_change_changes_what_it_names_and_null_takes_it_away() -> None:
    before = SceneWish("a red ball", "One", 2.0, "Once.", "One!", seed=3)
    change = scene_change(Fields({"narration": None, "seconds": 4, "revision": 2}), None, SETTINGS)
    after = change(before)
    assert (after.narration, after.seconds, after.seed, after.caption, change.revision) == (None, 4.0, 3, "One!", 2)


def test_a_picture_can_be_taken_away_or_be_another() -> None:
    gone = scene_change(Fields({"image": None}), 5, SETTINGS)
    assert (gone.values, gone.picture, gone.revision) == ({"image": None}, None, 5)
    other = scene_change(Fields({"image": "AA"}), None, SETTINGS)
    assert (other.values, other.picture) == ({}, "AA")


def test_pictures_of_a_scene_have_roles_and_their_places() -> None:
    listed = [{"upload": "upload_1", "role": "first"}, {"image": "AA", "role": "last"}]
    asked = story_request(Fields(of(RED, {**RED, "input_references": listed})), SETTINGS)
    assert [(each.role, each.place) for each in asked.references[2]] == [
        ("first", "input_references[0]"),
        ("last", "input_references[1]"),
    ]
    assert set(asked.references) == {2}
    change = scene_change(Fields({"input_references": listed}), None, SETTINGS)
    assert (change.values, [each.role for each in change.references]) == ({}, ["first", "last"])
    gone = scene_change(Fields({"input_references": []}), None, SETTINGS)
    assert gone.values == {"references": (), "image": None}


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"image": "AA", "input_references": [{"image": "AA"}]}, "conflicting_parameters", "input_references"),
        ({"input_references": [{"image": "AA"}, {"video": "AA"}]}, "reference_not_taken", "input_references[1]"),
        ({"input_references": [{"image": "AA", "role": "frist"}]}, "invalid_request", "input_references[0].role"),
        ({"input_references": 7}, "invalid_request", "input_references"),
    ],
)
def test_pictures_of_a_scene_that_cannot_be_meant_are_refused_by_their_place(
    more: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        story_request(Fields(of(RED, {**RED, **more})), SETTINGS)
    assert (raised.value.error_code, raised.value.param) == (code, f"scenes[1].{param}")


def test_fewer_scenes_and_shorter_narrations_may_be_set() -> None:
    few = Settings(storyboard_max_scenes=2, storyboard_narration_chars=4)
    with pytest.raises(InvalidRequest, match="at most 2"):
        story_request(Fields(of(RED, RED, RED)), few)
    with pytest.raises(InvalidRequest, match="at most 4"):
        story_request(Fields(scene(narration="abcde") | {"scenes": [{**RED, "narration": "abcde"}]}), few)


def test_sixty_full_scenes_are_read_at_once() -> None:
    full = [{**RED, "narration": "word " * 999, "caption": "c" * 500, "title": "t" * 200}] * 60
    began = time.perf_counter()
    assert len(story_request(Fields(of(*full)), SETTINGS).wish.scenes) == 60
    assert time.perf_counter() - began < 2.0
