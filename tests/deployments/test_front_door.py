"""The front door of the shared service: a limit by address, a port for probes, a crowd that follows one job."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from app.client.client import Kinoray
from cluster.local import LocalService
from tests.shared_ray import ASKED_A_MINUTE

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]
ELSEWHERE = "127.0.0.77"  # an address of this machine that no other test comes from
FOLLOWERS = 60


async def test_who_asks_too_often_is_told_when_to_come_again_and_others_are_not_held_up(
    service: LocalService, client: Kinoray
) -> None:
    transport = httpx.AsyncHTTPTransport(local_address=ELSEWHERE, limits=httpx.Limits(max_connections=16))
    async with httpx.AsyncClient(base_url=service.url, transport=transport, timeout=60) as asks:
        ask = [asks.post("/v1/videos", json={"prompt": ""}) for _ in range(ASKED_A_MINUTE + 20)]  # refused for itself
        answers = await asyncio.gather(*ask)
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {400, 429}
    assert ASKED_A_MINUTE <= counted[400] <= ASKED_A_MINUTE * 1.02, "a hundredth for each Router is taken ahead"
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == str(ASKED_A_MINUTE)
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert (await client.create("a red ball", tier="preview")).id


async def test_probes_have_a_port_of_their_own(service: LocalService) -> None:
    url = f"http://127.0.0.1:{service.settings.health_port}"
    async with httpx.AsyncClient(base_url=url, timeout=10) as probes:
        found = [(await probes.get(path)).status_code for path in ("/health/live", "/health/ready", "/v1/videos")]
    assert found == [200, 200, 404]


async def test_all_of_a_crowd_that_follows_a_job_hear_its_end(service: LocalService, client: Kinoray) -> None:
    job = await client.create("a violet star spins, followed by many", tier="preview", seed=77, cache={"mode": "off"})
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=service.url, timeout=120, limits=limits) as crowd:
        stories = await asyncio.gather(*(crowd.get(f"/v1/videos/{job.id}/events") for _ in range(FOLLOWERS)))
    assert [story.text.count("event: end") for story in stories] == [1] * FOLLOWERS
    assert [story.text.count("event: snapshot") for story in stories] == [1] * FOLLOWERS
