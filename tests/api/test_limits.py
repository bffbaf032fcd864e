"""Rates, quotas and what callers are told of them, over HTTP; two applications on one Redis share what they count."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from app.access.rate_limits import RateLimiter
from app.api.app import create_app
from app.api.rate_headers import duration, route_class
from app.api.route_outcomes import OUTCOMES
from app.redis.connection import Client, connect
from app.redis.local_windows import LocalWindows
from app.redis.rate_windows import RedisWindows
from cluster.redis import LocalRedis
from tests.api.house import House
from tests.api.test_openai import http
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.anyio

KEYS = {"acme": "a" * 32, "other": "o" * 32}
ACME = {"authorization": f"Bearer {KEYS['acme']}"}
OTHER = {"authorization": f"Bearer {KEYS['other']}"}
RED = {"prompt": "a red ball", "cache": {"mode": "off"}}
LIST = "/v1/videos"


def house(limits: dict[str, Any], **settings: Any) -> House:
    return House(api_keys=KEYS, limits=limits, **settings)


def code(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


async def test_without_limits_nothing_is_said_of_them() -> None:
    async with House().client() as client:
        answer = await client.post(LIST, json=RED)
    assert answer.is_success
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_a_rate_is_told_on_every_answer_and_holds_for_its_tenant_alone() -> None:
    limits = {"tenant": {"rates": {"read": {"per_minute": 3}}}, "tenants": {"other": {"rates": {"read": {}}}}}
    async with house(limits).client(headers=ACME) as client:
        answers = [await client.get(LIST) for _ in range(3)]
        answers.append(await client.get("/v1/videos/video_0123456789abcdef"))
        left = [each.headers["x-ratelimit-remaining-requests"] for each in answers]
        assert left == ["2", "1", "0", "0"]
        assert {each.headers["x-ratelimit-limit-requests"] for each in answers} == {"3"}
        refused = answers[-1]
        assert code(refused) == (429, "rate_limit_exceeded", "limits.tenant.rates.read.per_minute")
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert re.fullmatch(r"1m0s|[0-9]+s", refused.headers["x-ratelimit-reset-requests"])
        assert (await client.get(LIST, headers=OTHER)).status_code == 200, "an override says: as many as like"
        assert (await client.post(LIST, json=RED)).is_success, "another class of routes has limits of its own"
        assert (await client.get("/health")).headers.get("x-ratelimit-limit-requests") is None


async def test_an_address_is_the_client_behind_trusted_proxies_and_a_network_of_ipv6() -> None:
    limits = {"address": {"read": {"per_minute": 1}}}
    async with house(limits, trusted_proxies=["127.0.0.1"]).client(headers=ACME) as client:

        async def asked(address: str) -> int:
            return (await client.get(LIST, headers={"x-forwarded-for": address})).status_code

        assert [await asked("1.2.3.4"), await asked("6.6.6.6, 1.2.3.4"), await asked("1.2.3.5")] == [200, 429, 200]
        assert [await asked("2001:db8::1"), await asked("2001:db8::ffff"), await asked("2001:db8:0:1::1")] == [
            *(200, 429, 200)
        ]


async def test_a_burst_is_held_to_its_second() -> None:
    built = house({"key": {"rates": {"submit": {"per_minute": 1000, "burst": 2}}}})
    built.app.state.rates = RateLimiter(built.settings.limits, LocalWindows(), lambda: 100.0)
    async with built.client(headers=ACME) as client:
        answers = [await client.post(LIST, json=RED) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert code(answers[-1])[2] == "limits.key.rates.submit.burst"
    assert answers[-1].headers["retry-after"] == "1"


async def test_a_quota_is_told_in_step_seconds_and_a_packages_retries_are_spared() -> None:
    built = house({"tenant": {"day": {"step_seconds": 1e-6}, "month": {"step_seconds": 50}}})
    async with built.client(headers=ACME) as client:
        refused = await client.post(LIST, json=RED)
        assert code(refused) == (429, "quota_exceeded", "limits.tenant.day.step_seconds")
        assert refused.headers["x-should-retry"] == "false"
        assert 1 <= int(refused.headers["retry-after"]) <= 86400
        assert refused.headers["x-ratelimit-limit-step-seconds"] == "1e-06"
    async with house({"tenant": {"month": {"step_seconds": 1000}}}).client(headers=ACME) as client:
        first, again = [await client.post(LIST, json=RED) for _ in range(2)]
        left = [float(each.headers["x-ratelimit-remaining-step-seconds"]) for each in (first, again)]
        assert 1000 > left[0] > left[1] > 0
        assert first.headers["x-ratelimit-reset-step-seconds"].endswith("s")


async def test_a_repeat_under_its_key_and_a_cached_video_cost_nothing() -> None:
    built = house({"tenant": {"day": {"jobs": 1}}})
    body = {"prompt": "a red ball"}
    async with built.client(headers=ACME) as client:
        first = await client.post(LIST, json=body, headers={"idempotency-key": "k"})
        again = await client.post(LIST, json=body, headers={"idempotency-key": "k"})
        assert first.json()["id"] == again.json()["id"]
        await built.complete(first.json()["id"])
        cached = await client.post(LIST, json=body)
        assert cached.json()["status"] == "completed"
        assert code(await client.post(LIST, json=RED))[1] == "quota_exceeded"


async def test_jobs_at_once_by_key() -> None:
    async with house({"keys": {"settings:acme": {"concurrent": 1}}}).client() as client:
        first = await client.post(LIST, json=RED, headers=ACME)
        refused = await client.post(LIST, json=RED, headers=ACME)
        assert code(refused) == (429, "concurrency_exceeded", "limits.key.concurrent")
        assert (await client.post(LIST, json=RED, headers=OTHER)).is_success
        await client.post(f"{LIST}/{first.json()['id']}/cancel", headers=ACME)
        assert (await client.post(LIST, json=RED, headers=ACME)).is_success


async def test_the_openai_package_sees_a_rate_limit_error() -> None:
    built = house({"tenant": {"rates": {"read": {"per_minute": 1}}}})
    transport = http.AsyncClient(transport=http.ASGITransport(app=built.app))
    async with openai.AsyncOpenAI(
        base_url="http://kinoray/v1", api_key=KEYS["acme"], max_retries=0, http_client=transport
    ) as client:
        await client.videos.list()
        with pytest.raises(openai.RateLimitError) as refused:
            await client.videos.list()
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_every_route_that_makes_jobs_counts_as_one_that_does() -> None:
    classes = {name: route_class(*name.split(" ")) for name in OUTCOMES}
    assert {name for name, found in classes.items() if found == "submit"} == {
        f"POST /v1/{each}"
        for each in (
            *("videos", "videos/{video_id}/remix", "videos/{video_id}/extend", "videos/extensions", "videos/sync"),
            *("images/generations", "storyboards", "voices/preview"),
        )
    } | {
        f"{each}/v1/storyboards/{{story_id}}/scenes/{{n}}{path}" for each, path in (("PATCH ", ""), ("POST ", "/retry"))
    }
    assert (classes["GET /v1/usage"], route_class("GET", "/api/stats")) == ("stats", "stats")


def test_durations_are_written_as_openai_writes_them() -> None:
    told = {
        0: "0ms",
        0.0001: "1ms",
        0.12: "120ms",
        1: "1s",
        59.2: "1m0s",
        360: "6m0s",
        3600: "1h0m0s",
    }
    assert {seconds: duration(seconds) for seconds in told} == told


class Counting(RedisWindows):
    """Windows that know how often they were asked."""

    asked = 0

    async def take(self, *args: Any) -> Any:
        self.asked += 1
        return await super().take(*args)


def routers(redis: Client, prefix: str, limits: dict[str, Any], count: int, **settings: Any) -> list[Any]:
    """Applications that share one Redis for what they count, with their windows."""
    found = []
    for _ in range(count):
        built, windows = house(limits, **settings), Counting(redis=redis, prefix=prefix)
        rates = RateLimiter(
            built.settings.limits, windows, time.time, without_redis=built.settings.limits_without_redis
        )
        built.app = create_app(built.service, built.settings, {}, rates=rates)
        found.append((built, windows))
    return found


async def test_two_routers_share_what_they_count(redis: Client, prefix: str) -> None:
    (one, _), (other, _) = routers(redis, prefix, {"tenant": {"rates": {"submit": {"per_minute": 5}}}}, 2)
    async with one.client(headers=ACME) as first, other.client(headers=ACME) as second:
        answers = [await client.post(LIST, json=RED) for _ in range(4) for client in (first, second)]
    assert [each.status_code for each in answers] == [200] * 5 + [429] * 3
    assert [each.headers["x-ratelimit-remaining-requests"] for each in answers[:5]] == ["4", "3", "2", "1", "0"]


async def test_who_polls_often_is_mostly_counted_without_asking_redis(redis: Client, prefix: str) -> None:
    ((built, windows),) = routers(redis, prefix, {"tenant": {"rates": {"read": {"per_minute": 1000}}}}, 1)
    async with built.client(headers=ACME) as client:
        answers = [await client.get(LIST) for _ in range(300)]
        assert {each.status_code for each in answers} == {200}
        assert windows.asked <= 15
        while (await client.get(LIST)).status_code == 200:
            pass
        before = windows.asked
        assert (await client.get(LIST)).status_code == 429
        assert windows.asked == before, "who was refused is refused here"


@pytest.fixture
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[LocalRedis, Client]]:
    """A Redis of one test's own, which it may kill."""
    server = LocalRedis(tmp_path_factory.mktemp("mortal"), free_port())
    server.start()
    client = connect(server.url, 1.0)
    yield server, client
    await client.aclose()
    server.stop()


@pytest.mark.redis
@pytest.mark.parametrize(("setting", "while_away"), [("open", [200, 200, 429]), ("closed", [503, 503, 503])])
async def test_while_redis_is_away_requests_are_counted_here_or_refused(
    mortal: tuple[LocalRedis, Client], setting: str, while_away: list[int]
) -> None:
    server, redis = mortal
    limits = {"tenant": {"rates": {"read": {"per_minute": 2}}}, "address": {"read": {"per_minute": 100}}}
    ((built, _),) = routers(redis, "away", limits, 1, limits_without_redis=setting)
    async with built.client() as client:
        assert (await client.get(LIST, headers=OTHER)).status_code == 200
        server.stop()
        answers = [await client.get(LIST, headers=ACME) for _ in range(3)]
        assert [each.status_code for each in answers] == while_away
        if setting == "closed":
            assert code(answers[0])[1] == "store_unavailable"
            assert "retry-after" in answers[0].headers
        server.start()

        async def shared_again() -> bool:
            return bool((await client.get(LIST, headers=OTHER)).status_code == 200)

        await until(shared_again)
