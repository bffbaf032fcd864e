from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.records import VideoEvent
from app.client.transport import retry_pause_s
from tests.client.service import CONTENT, Service, video

pytestmark = pytest.mark.anyio


async def test_create_sends_what_was_chosen_and_the_key(service: Service, client: Kinoray) -> None:
    made = await client.create("a red ball", seed=7, model=None)
    assert service.bodies == [{"prompt": "a red ball", "seed": 7}]
    assert service.headers[0]["authorization"] == "Bearer secret"
    assert (made.id, made.status, made.seconds, made.optimization.tier) == ("video_1", "queued", 2.125, "standard")


async def test_fields_of_a_newer_server_are_kept(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v", error={"code": "timeout", "message": "Too slow.", "hint": "new"})
    found = await client.retrieve("v")
    assert found.extra["a_newer_field"] == {"nested": 1}
    assert found.error is not None
    assert found.error.code == "timeout"


async def test_a_look_may_wait_for_the_end_longer_than_any_other_answer_may_take(service: Service) -> None:
    service.videos["v"] = video("v")
    async with Kinoray(service.url, timeout_s=0.1, retries=0) as client:
        assert (await client.retrieve("v", wait_s=30)).status == "completed"


async def test_the_record_knows_urgency_and_interruptions(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v", priority="high", deadline_at=1763000030.5, attempts=2, resumed_from_step=8)
    found = await client.retrieve("v")
    assert (found.priority, found.deadline_at, found.attempts, found.resumed_from_step) == ("high", 1763000030.5, 2, 8)
    service.videos["old"] = video("old")
    assert (await client.retrieve("old")).priority is None


async def test_a_preview_comes_with_the_events(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    service.story.insert(3, ("preview", {"step": 1, "image": "data:image/webp;base64,UklGRg=="}))
    made = await client.create("a red ball", preview=True, priority="low")
    assert service.bodies == [{"prompt": "a red ball", "preview": True, "priority": "low"}]
    seen = [event async for event in client.events(made.id) if event.kind == "preview"]
    assert [event.data["image"] for event in seen] == ["data:image/webp;base64,UklGRg=="]


async def test_iterate_walks_all_pages_in_order(service: Service, client: Kinoray) -> None:
    service.videos = {f"v{number}": video(f"v{number}") for number in range(5)}
    assert [each.id async for each in client.iterate("asc", page_size=2)] == ["v0", "v1", "v2", "v3", "v4"]
    page = await client.list(limit=2, after="v4")
    assert ([each.id for each in page.videos], page.has_more) == (["v3", "v2"], True)


async def test_an_openai_style_base_url_works_too(service: Service) -> None:
    async with Kinoray(f"{service.url}/v1/") as client:
        assert [model["id"] for model in await client.models()] == ["kinoray-shapes"]


async def test_a_refusal_says_code_param_and_when_to_return(service: Service, client: Kinoray) -> None:
    error = {"code": "overloaded", "message": "Too much is waiting.", "param": "prompt"}
    service.refusals.append((429, {"error": error}, {"Retry-After": "90"}))
    with pytest.raises(KinorayClientError, match="Too much") as refused:
        await client.create("a red ball")
    failure = pickle.loads(pickle.dumps(refused.value))
    assert (failure.status, failure.code, failure.param, failure.retry_after_s) == (429, "overloaded", "prompt", 90.0)
    assert len(service.heard) == 1


async def test_a_busy_server_is_asked_again(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    service.refusals.extend([(503, {}, {"Retry-After": "0.01"}), (429, {}, {"Retry-After": "0.01"})])
    assert (await client.retrieve("v")).id == "v"
    assert len(service.heard) == 3


async def test_retries_end(service: Service, client: Kinoray) -> None:
    service.refusals.extend([(503, {}, {"Retry-After": "0"})] * 9)
    with pytest.raises(KinorayClientError):
        await client.stats()
    assert len(service.heard) == 4


async def test_a_creation_is_never_sent_twice(service: Service, client: Kinoray) -> None:
    service.refusals.append((503, {}, {"Retry-After": "0"}))
    with pytest.raises(KinorayClientError):
        await client.remix("v", "a blue ball")
    assert len(service.heard) == 1


async def test_a_creation_with_a_key_is_sent_again_under_that_key(service: Service, client: Kinoray) -> None:
    service.refusals.append((503, {}, {"Retry-After": "0"}))
    made = await client.create("a red ball", idempotency_key="k-1", after=["v"])
    assert made.status == "queued"
    assert [headers["idempotency-key"] for headers in service.headers] == ["k-1", "k-1"]
    assert service.bodies[-1] == {"prompt": "a red ball", "after": ["v"]}


@pytest.mark.parametrize(
    ("failure", "repeatable", "pause_s"),
    [
        (KinorayClientError(0, "unreachable", ""), False, 0.2),
        (KinorayClientError(0, "connection_lost", ""), False, None),
        (KinorayClientError(0, "connection_lost", ""), True, 0.2),
        (KinorayClientError(0, "timeout", ""), True, None),
        (KinorayClientError(503, "store_unavailable", "", None, 3.0), True, 3.0),
        (KinorayClientError(500, "http_500", "Internal Server Error"), True, 0.2),
        (KinorayClientError(500, "http_500", "Internal Server Error"), False, None),
        (KinorayClientError(500, "generation_failed", "It failed."), True, None),
        (KinorayClientError(429, "overloaded", "", None, 600.0), True, None),
        (KinorayClientError(404, "video_not_found", ""), True, None),
    ],
)
def test_only_what_is_safe_is_repeated(failure: KinorayClientError, repeatable: bool, pause_s: float | None) -> None:
    assert retry_pause_s(failure, 0, repeatable) == pause_s


async def test_behind_the_end_there_is_nothing_to_follow(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    end = [event async for event in client.events("v")][-1]
    assert end.kind == "end"
    assert [event async for event in client.events("v", last_event_id=end.id)] == []


async def test_nobody_there_is_said_plainly(free_url: str) -> None:
    async with Kinoray(free_url, retries=1) as client:
        with pytest.raises(KinorayClientError, match=f"No Kinoray at {free_url}") as absent:
            await client.stats()
    assert absent.value.code == "unreachable"


@pytest.mark.parametrize("url", ["localhost:8000", "http://127.0.0.1:port"])
async def test_a_bad_url_is_named(url: str) -> None:
    with pytest.raises(KinorayClientError, match=url) as bad:
        async with Kinoray(url) as client:
            await client.stats()
    assert bad.value.code == "bad_url"


async def test_a_strange_id_stays_one_path_segment(service: Service, client: Kinoray) -> None:
    with pytest.raises(KinorayClientError) as refused:
        await client.retrieve("../models")
    assert refused.value.status == 404


async def test_events_go_on_behind_a_dropped_connection(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    service.drop_after.append(2)
    seen = [event async for event in client.events("v")]
    assert [event.id for event in seen if event.kind != "snapshot"] == ["1", "2", "3", "4", "5", "6"]
    assert service.headers[1]["last-event-id"] == "2"
    assert seen[0].video is not None
    assert seen[0].video.id == "v"


async def test_events_can_start_behind_a_known_one(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    seen = [event.id async for event in client.events("v", last_event_id="4") if event.kind != "snapshot"]
    assert seen == ["5", "6"]


async def test_events_of_nothing_are_refused_at_once(service: Service, client: Kinoray) -> None:
    with pytest.raises(KinorayClientError) as refused:
        await client.wait("nothing")
    assert (refused.value.code, len(service.heard)) == ("video_not_found", 1)


async def test_wait_tells_and_returns_the_ended_video(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    seen: list[VideoEvent] = []
    done = await client.wait("v", on_event=seen.append, timeout_s=10)
    assert (done.status, done.progress) == ("completed", 100)
    assert [event.data["step"] for event in seen if event.kind == "step"] == [1, 2, 3]


async def test_wait_gives_up_in_time_and_leaves_the_video_alone(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    service.stall_after = 2
    with pytest.raises(KinorayClientError, match="goes on") as late:
        await client.wait("v", timeout_s=0.3)
    assert late.value.code == "timeout"
    assert service.videos["v"]["status"] == "queued"


async def test_a_torn_download_is_begun_again(service: Service, client: Kinoray, tmp_path: Path) -> None:
    service.videos["v"] = video("v")
    service.torn_downloads = 1
    path = await client.download("v", tmp_path / "v.mp4", variant="thumbnail")
    assert path.read_bytes() == b"thumbnail" + CONTENT == await client.content("v", "thumbnail")
    assert list(tmp_path.iterdir()) == [path]


async def test_a_failed_download_leaves_the_old_file(service: Service, client: Kinoray, tmp_path: Path) -> None:
    old = tmp_path / "v.mp4"
    old.write_bytes(b"old")
    service.videos["v"] = video("v")
    service.torn_downloads = 9
    with pytest.raises(KinorayClientError):
        await client.download("v", old)
    assert (old.read_bytes(), list(tmp_path.iterdir())) == (b"old", [old])


async def test_cancel_delete_and_remix(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    stopped = await client.cancel("v")
    assert stopped.error is not None
    assert stopped.error.code == "cancelled"
    assert (await client.remix("v", "a blue ball")).extra["remixed_from_video_id"] == "v"
    await client.remix("v", "a blue ball", seed=-1, priority="high")
    assert service.bodies == [{"prompt": "a blue ball"}, {"prompt": "a blue ball", "seed": -1, "priority": "high"}]
    longer = await client.extend("v", "it goes on", seconds=2, tier=None)
    assert (longer.extra["remixed_from_video_id"], service.bodies[-1]) == ("v", {"prompt": "it goes on", "seconds": 2})
    assert await client.delete("v")
    assert "v" not in service.videos


async def test_asked_is_what_makes_a_video_again(service: Service, client: Kinoray) -> None:
    made = await client.create("a red ball", seed=5)
    told = await client.asked(made.id)
    assert (told["path"], told["body"], told["exact"]) == ("/v1/videos", {"prompt": "a red ball", "seed": 5}, True)


async def test_rate_says_what_you_think_of_a_video(service: Service, client: Kinoray) -> None:
    service.videos["v"] = video("v")
    said = await client.rate("v", 2, ["too_rough"])
    assert service.bodies == [{"score": 2, "reasons": ["too_rough"]}]
    assert (said["object"], said["score"]) == ("video.feedback", 2)


async def test_a_sick_service_still_says_how_it_is(service: Service, client: Kinoray) -> None:
    assert (await client.health()).ok
    service.well = False
    sick = await client.health()
    assert (sick.ok, sick.facts["components"]) == (False, {"redis": {"ok": False}})
    assert (await client.analyze("a ball", "premium"))["tier"] == "standard"
