"""A look at one video over HTTP: its tag, word that nothing has changed, and an answer that waits for its end."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Message

from app.api.looks import Body, EndedBodies
from app.types import Phase
from tests.api.house import House
from tests.jobs.make import a_job
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def test_who_names_the_tag_of_what_has_not_changed_is_told_so(house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    await house.complete(made["id"])
    place = f"/v1/videos/{made['id']}"
    whole, again = await client.get(place), await client.get(place)
    assert (whole.status_code, whole.content) == (200, again.content)
    plain = await client.get(place, headers={"accept-encoding": "identity"})
    assert (again.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert (plain.content, plain.headers["vary"]) == (whole.content, "Accept-Encoding")
    same = await client.get(place, headers={"if-none-match": whole.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", whole.headers["etag"])
    assert "openai-poll-after-ms" in same.headers


async def test_a_video_that_went_on_has_another_tag(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    place = f"/v1/videos/{job['id']}"
    before = (await client.get(place)).headers["etag"]
    await house.run(job["id"])
    answer = await client.get(place, headers={"if-none-match": before})
    assert (answer.status_code, answer.json()["status"]) == (200, "in_progress")
    assert answer.headers["etag"] != before


async def test_what_is_remembered_of_an_ended_video_ends_with_it(house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    await house.complete(made["id"])
    place = f"/v1/videos/{made['id']}"
    etag = (await client.get(place)).headers["etag"]
    await client.delete(place)
    assert (await client.get(place, headers={"if-none-match": etag})).status_code == 404


async def test_a_body_is_for_the_record_the_address_and_the_file_that_it_was_made_of() -> None:
    bodies, done, body = EndedBodies(most=2), a_job(phase=Phase.COMPLETED), Body(b"{}", '"1"')
    bodies.keep(done, "http://a", True, body)
    assert bodies.find(done, "http://a", True) == body
    assert bodies.find(done, "http://b", True) is None
    assert bodies.find(done, "http://a", False) is None
    assert bodies.find(a_job(phase=Phase.COMPLETED), "http://a", True) is None
    bodies.keep(running := a_job(phase=Phase.DENOISING), "http://a", True, body)
    assert bodies.find(running, "http://a", True) is None
    for number in range(2):
        bodies.keep(done, f"http://{number}", True, body)
    assert bodies.find(done, "http://a", True) is None


async def test_a_look_that_waits_is_answered_when_the_video_has_ended(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    looking = asyncio.ensure_future(client.get(f"/v1/videos/{job['id']}", params={"wait": 60}))
    await until(lambda: _waiting(house, 1))
    await house.complete(job["id"])
    answer = await asyncio.wait_for(looking, 20)
    assert answer.json()["status"] == "completed"
    assert house.app.state.followers.count == 0


async def test_a_look_that_has_waited_is_answered_with_what_there_is(
    client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    answer = await client.get(f"/v1/videos/{job['id']}", params={"wait": 0.01})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")


@pytest.mark.parametrize("wait", ["61", "-1", "long", "nan"])
async def test_nobody_waits_longer_than_a_minute(client: httpx.AsyncClient, job: dict[str, Any], wait: str) -> None:
    answer = await client.get(f"/v1/videos/{job['id']}", params={"wait": wait})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "wait")


async def test_who_waits_takes_a_seat_and_who_need_not_wait_none() -> None:
    house = House(max_followers=1)
    async with house.client() as client:
        first, other = [(await client.post("/v1/videos", json={"prompt": f"{n}"})).json()["id"] for n in range(2)]
        looking = asyncio.ensure_future(client.get(f"/v1/videos/{first}", params={"wait": 60}))
        await until(lambda: _waiting(house, 1))
        refused = await client.get(f"/v1/videos/{other}", params={"wait": 60})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_followers")
        await house.complete(other)
        assert (await client.get(f"/v1/videos/{other}", params={"wait": 60})).status_code == 200
        await house.complete(first)
        await asyncio.wait_for(looking, 20)


async def test_a_client_that_goes_away_leaves_the_video_alone(house: House, job: dict[str, Any]) -> None:
    gone, heard = asyncio.Event(), iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in heard:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": f"/v1/videos/{job['id']}", "query_string": b"wait=60"}
    rest = {"headers": [(b"host", b"kinoray")], "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1)}
    asked = {"http_version": "1.1", "scheme": "http", "root_path": "", "raw_path": b"", "state": {}}
    looking = asyncio.ensure_future(house.app({**scope, **rest, **asked}, receive, send))
    await until(lambda: _waiting(house, 1))
    gone.set()
    await asyncio.wait_for(looking, 20)
    assert house.app.state.followers.count == 0
    assert (await house.jobs.get(job["id"])).phase is Phase.QUEUED


async def _waiting(house: House, count: int) -> bool:
    return bool(house.app.state.followers.count == count)
