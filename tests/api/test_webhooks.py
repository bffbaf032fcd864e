"""Webhooks over HTTP: what may be asked for, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.settings import Settings
from tests.api.house import House
from tests.webhooks.test_message import SECRET

pytestmark = pytest.mark.anyio

BAD: tuple[tuple[Any, str, str], ...] = (
    ("https://example.com", "webhook", "invalid_request"),
    ({}, "webhook.url", "invalid_request"),
    ({"url": 5}, "webhook.url", "invalid_request"),
    ({"url": "http://example.com"}, "webhook.url", "invalid_webhook_url"),
    ({"url": "https://169.254.169.254/latest"}, "webhook.url", "forbidden_webhook_address"),
    ({"url": "https://example.com/" + "a" * 5000}, "webhook.url", "invalid_request"),
    ({"url": "https://example.com", "events": []}, "webhook.events", "invalid_request"),
    ({"url": "https://example.com", "events": ["video.began"]}, "webhook.events.0", "invalid_request"),
    ({"url": "https://example.com", "event": []}, "event", "unknown_parameter"),
)


@pytest.mark.parametrize(("webhook", "param", "code"), BAD)
async def test_a_bad_webhook_is_refused(webhook: Any, param: str, code: str) -> None:
    house = House(webhook_secret=SECRET)
    async with house.client() as client:
        answer = await client.post("/v1/videos", json={"prompt": "a red ball", "webhook": webhook})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["error"]["param"] == param
    assert await house.count() == 0


async def test_without_a_secret_there_are_no_webhooks(house: House) -> None:
    async with house.client() as client:
        wish = {"prompt": "a red ball", "webhook": {"url": "https://example.com"}}
        answer = await client.post("/v1/videos", json=wish)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "webhooks_not_set_up")
        made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    assert made["webhook"] is None


async def test_a_job_says_how_far_its_webhook_is() -> None:
    house = House(webhook_secret=SECRET)
    async with house.client() as client:
        wish = {"prompt": "a red ball", "webhook": {"url": "https://example.com/x", "events": ["video.failed"]}}
        made = (await client.post("/v1/videos", json=wish)).json()
        assert made["webhook"]["events"] == ["video.failed"]
        assert (made["webhook"]["url"], made["webhook"]["state"]) == ("https://example.com/x", "waiting")
        await client.post(f"/v1/videos/{made['id']}/cancel")
        assert (await client.get("/api/stats")).json()["webhooks"] == {"waiting": 1}
    assert await house.outbox.claim(0.0, 1.0, 10) == [made["id"]]


@pytest.mark.parametrize(
    ("events", "completes", "state"),
    [
        (["video.failed"], True, "not_wanted"),
        (["video.completed"], False, "not_wanted"),
        (["video.failed"], False, "waiting"),
        (["video.completed"], True, "waiting"),
    ],
)
async def test_nobody_waits_for_what_will_not_be_told(events: list[str], completes: bool, state: str) -> None:
    house = House(webhook_secret=SECRET)
    async with house.client() as client:
        wish = {"prompt": "a red ball", "webhook": {"url": "https://example.com/x", "events": events}}
        made = (await client.post("/v1/videos", json=wish)).json()
        await (house.complete(made["id"]) if completes else client.post(f"/v1/videos/{made['id']}/cancel"))
        ended = (await client.get(f"/v1/videos/{made['id']}")).json()
        repeat = (await client.post("/v1/videos", json=wish)).json()
    assert (ended["webhook"]["state"], await house.outbox.count()) == (state, (state == "waiting") * (1 + completes))
    assert repeat["webhook"]["state"] == ("waiting" if not completes else state)


async def test_a_form_can_ask_for_one_too() -> None:
    house = House(webhook_secret=SECRET)
    async with house.client() as client:
        form = {"prompt": "a red ball", "webhook[url]": "https://example.com/x"}
        made = (await client.post("/v1/videos", data=form)).json()
    assert made["webhook"]["url"] == "https://example.com/x"


async def test_the_servers_own_url_is_for_every_job_and_not_shown() -> None:
    house = House(webhook_secret=SECRET, webhook_url="https://example.com/?token=hush")
    async with house.client() as client:
        answer = await client.post("/v1/videos", json={"prompt": "a red ball"})
        assert answer.json()["webhook"]["url"] is None
        assert "hush" not in answer.text
        await house.complete(answer.json()["id"])
        repeat = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
        assert (repeat["status"], repeat["webhook"]["state"]) == ("completed", "waiting")
    assert await house.outbox.count() == 2


async def test_a_tenant_may_have_its_own_url_and_secret() -> None:
    keys = {"alice": "a", "bob": "b"}
    house = House(api_keys=keys, webhook_urls={"alice": "https://a.example"}, webhook_secrets={"alice": SECRET})
    async with house.client() as client:
        for key, told in (("a", True), ("b", False)):
            headers = {"authorization": f"Bearer {key}"}
            made = (await client.post("/v1/videos", json={"prompt": "a red ball"}, headers=headers)).json()
            assert (made["webhook"] is not None) == told


@pytest.mark.parametrize("wrong", [{"webhook_url": "https://x.example"}, {"webhook_secret": "hunter2"}])
def test_a_service_that_could_not_sign_does_not_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)
