"""Similar starts as the service tells them: planned, priced, kept apart from what noise gives, within a tenant."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from app.cache.similar import MemorySimilar, entry_of, kept_latent, scope_of
from app.embedded.sentences import EmbeddedSentences, Encode
from app.plan.work import evaluations
from app.service import similar_start
from app.service.similar_start import GONE, ReplicaCaches, figures_of, remember, use_of
from app.types import CacheUse, Job
from tests.api.house import House

pytestmark = pytest.mark.anyio

ASKED = "a small wooden boat sails slowly across a very calm lake in the early morning mist while birds fly by"
LATENT = np.zeros((2, 3, 4, 4), np.float32)


class Home(House):
    """The service with an index of similar videos, and what a replica does for it."""

    def __init__(self, **settings: Any) -> None:
        self.index = MemorySimilar()
        super().__init__(**settings)
        ports = replace(self.service.ports, similar=self.index)
        self.service.ports = ports
        self.shelf = ReplicaCaches(self.cache, self.index, ports.sentences)

    async def finish(self, job_id: str) -> Job:
        done = await self.complete(job_id)
        await remember(done, LATENT, self.shelf, 60.0)
        return done


async def create(client: httpx.AsyncClient, prompt: str, similar: bool = True, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/videos", json={"prompt": prompt, "cache": {"similar": similar}, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_like_prompt_begins_with_the_kept_video_and_costs_less() -> None:
    home = Home()
    async with home.client() as client:
        first = await home.finish((await create(client, ASKED))["id"])
        second = await home.jobs.get((await create(client, f"{ASKED} again"))["id"])
    start = second.plan.start
    assert start is not None
    assert start.entry == entry_of(scope_of(first.plan, "public"), first.id)
    assert start.step == int(0.2 * second.plan.sampling.steps)
    cold = replace(second.plan, start=None)
    assert start.spared == evaluations(cold) - evaluations(second.plan) > 0
    whole = first.plan.estimate.step_seconds
    assert second.plan.estimate.step_seconds == pytest.approx(whole - start.step_seconds)
    assert second.plan.estimate.seconds < first.plan.estimate.seconds
    assert await kept_latent(home.cache, start.entry) is not None


@pytest.mark.parametrize("cache", [{}, {"similar": False}, {"similar": True, "mode": "bypass"}])
async def test_only_who_asks_for_it_and_may_read_begins_with_another(cache: dict[str, Any]) -> None:
    home = Home()
    async with home.client() as client:
        await home.finish((await create(client, ASKED))["id"])
        made = (await client.post("/v1/videos", json={"prompt": f"{ASKED} again", "cache": cache})).json()
    assert (await home.jobs.get(made["id"])).plan.start is None


async def test_tenants_do_not_begin_with_each_others_videos() -> None:
    home = Home(api_keys={"ann": "a", "bob": "b"}, share_results=True)
    ann, bob = ({"authorization": f"Bearer {key}"} for key in "ab")
    async with home.client(headers=ann) as client:
        await home.finish((await create(client, ASKED))["id"])
    async with home.client(headers=bob) as client:
        assert (await home.jobs.get((await create(client, f"{ASKED} again"))["id"])).plan.start is None
    async with home.client(headers=ann) as client:
        assert (await home.jobs.get((await create(client, f"{ASKED} again"))["id"])).plan.start is not None


async def test_a_similar_started_video_answers_only_those_who_allow_such() -> None:
    home = Home()
    async with home.client() as client:
        await home.finish((await create(client, ASKED))["id"])
        await home.complete((await create(client, f"{ASKED} again"))["id"])
        again = await create(client, f"{ASKED} again")
        strict = await create(client, f"{ASKED} again", similar=False)
    assert (again["status"], again["cache"]["kind"]) == ("completed", "result")
    assert (strict["status"], strict["cache"]["kind"]) == ("queued", "none")


async def test_without_an_encoder_it_begins_at_noise() -> None:
    def missing(threads: int) -> Encode:
        raise ImportError("no encoder")

    home = Home()
    async with home.client() as client:
        await home.finish((await create(client, ASKED))["id"])
        home.service.ports = replace(home.service.ports, sentences=EmbeddedSentences(load=missing))
        job = await home.jobs.get((await create(client, f"{ASKED} again"))["id"])
    assert job.plan.start is None


async def test_a_request_does_not_wait_for_an_encoder_that_is_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar_start, "VECTOR_S", 0.02)
    loaded = threading.Event()

    def slow(threads: int) -> Encode:
        loaded.wait()
        return lambda texts: np.zeros((len(texts), 384), np.float32)

    home, loading = Home(), EmbeddedSentences(load=slow)
    async with home.client() as client:
        await home.finish((await create(client, ASKED))["id"])
        home.service.ports = replace(home.service.ports, sentences=loading)
        job = await home.jobs.get((await create(client, f"{ASKED} again"))["id"])
    loaded.set()
    loading.close()
    assert job.plan.start is None


async def test_a_wrong_wish_is_refused() -> None:
    async with Home().client() as client:
        answer = await client.post("/v1/videos", json={"prompt": "x", "cache": {"similar": "perhaps"}})
    assert answer.status_code == 400
    assert "similar" in answer.json()["error"]["param"]


async def test_a_form_may_ask_for_it_too() -> None:
    home = Home()
    async with home.client() as client:
        answer = await client.post("/v1/videos", data={"prompt": "x", "cache[similar]": "true"})
    assert (await home.jobs.get(answer.json()["id"])).wishes.similar


async def test_the_job_says_what_was_skipped_or_why_nothing_was() -> None:
    home = Home()
    async with home.client() as client:
        await home.finish((await create(client, ASKED))["id"])
        job = await home.jobs.get((await create(client, f"{ASKED} again"))["id"])
    assert job.plan.start is not None
    saved = job.plan.start.step_seconds
    hit, miss = use_of(job.plan, job.plan.start.step, CacheUse()), use_of(job.plan, 0, CacheUse(embedding_hit=True))
    assert (hit.kind, hit.hit, hit.steps_skipped) == ("similar", True, job.plan.start.step)
    assert hit.saved_step_seconds == saved
    assert (miss.kind, miss.hit, miss.steps_skipped, miss.note, miss.embedding_hit) == ("none", False, 0, GONE, True)
    assert figures_of(job, job.plan.start.step) == {
        "cache_hits:similar": 1,
        "step_seconds_saved": saved,
        "cache_step_seconds_saved:similar": saved,
    }
    assert figures_of(job, 0) == {"cache_misses:similar": 1}


async def test_the_figures_say_what_similar_starts_have_saved() -> None:
    home = Home()
    await home.meter.add({"cache_hits:similar": 1, "cache_misses:similar": 3, "cache_step_seconds_saved:similar": 1.5})
    async with home.client() as client:
        level = (await client.get("/api/stats")).json()["cache_stats"]["levels"]["similar"]
        page = (await client.get("/metrics")).text
    assert (level["hits"], level["hit_rate"], level["saved_step_seconds"]) == (1, 0.25, 1.5)
    assert 'kinoray_cache_saved_step_seconds_total{level="similar"} 1.5' in page
