"""What a person meets on the page: many jobs at once, a server that goes and comes, keys, motion, the same again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.api.house import MODEL, House
from tests.api.served import ServedHouse
from tests.api.test_pictures import data_url, png
from tests.studio.conftest import Open, mp4
from tests.waiting import until

pytestmark = pytest.mark.anyio
COLOURS = ("red", "blue", "green", "white", "black", "gray", "yellow", "purple")
PICTURE = "data:image/webp;base64,UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"


async def ask(server: ServedHouse, prompt: str, key: str = "any", **wishes: Any) -> str:
    """Ask for a video elsewhere: not by the page."""
    async with httpx.AsyncClient(base_url=server.url, headers={"authorization": f"Bearer {key}"}) as client:
        made = (await client.post("/v1/videos", json={"prompt": prompt, **wishes})).json()
    return str(made["id"])


def card(page: Page, video_id: str) -> Locator:
    return page.locator(f'article[data-id="{video_id}"]')


async def shows_step(page: Page, server: ServedHouse, video: str, number: int) -> None:
    """Wait until the video's card says so."""
    steps = await server.house.steps(video)
    await expect(card(page, video).locator(".state")).to_contain_text(f"step {number} of {steps}")


async def streaming(server: ServedHouse) -> None:
    """Wait until the page has its stream."""

    async def has() -> bool:
        return bool(server.house.app.state.followers.count == 1)

    await until(has)


async def test_eight_running_jobs_move_over_one_connection(studio: Open) -> None:
    async with studio() as (page, server):
        await streaming(server)  # lest the page that is left asks for its stream in the next one's place
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(server.url)))
        await page.reload()
        videos = [await ask(server, f"a {colour} ball", preview=True) for colour in COLOURS]
        for video in videos:
            await expect(card(page, video)).to_be_visible()
            await server.house.run(video, step=5)
            await server.house.events.append(video, "preview", 1.0, {"step": 5, "total_steps": 25, "image": PICTURE})
        for video in videos:
            await shows_step(page, server, video, 5)
            await expect(card(page, video).locator(".glimpse")).to_be_visible()
        for video in videos:
            job = await server.house.jobs.get(video)
            await server.house.jobs.requeue(video, job.fence, 1.0)
            await server.house.complete(video)
        for video in videos:
            await expect(card(page, video).locator('[data-act="save"]')).to_be_visible()
        own = asked[asked.index("/") :]  # what was asked before is the page's that was left
        assert own.count("/v1/events") == 1
        assert not [path for path in own if path.startswith("/v1/videos/") and path.endswith("/events")]


@pytest.mark.parametrize("told", [10_000, 5])  # enough to go on behind the last event, and not enough
async def test_the_page_goes_on_when_the_server_comes_back(told: int, studio: Open) -> None:
    async with studio(House(video=mp4(), told=told), refused=True) as (page, server):
        ends, goes_on = await ask(server, "a red ball"), await ask(server, "a blue box")
        await expect(page.locator("article")).to_have_count(2)
        for _ in range(2):
            await server.stop()
            await expect(page.locator("#away")).to_contain_text("Trying again")
            await server.start()
            await expect(page.locator("#away")).to_be_hidden()
        await server.stop()
        await server.house.complete(ends)
        async with server.house.client() as meanwhile:
            new = (await meanwhile.post("/v1/videos", json={"prompt": "a green ring"})).json()["id"]
        await server.house.complete(new)
        await server.start()
        for video in (ends, new):
            await expect(card(page, video).locator('[data-act="save"]')).to_be_visible()
        await server.house.run(goes_on, step=7)
        await shows_step(page, server, goes_on, 7)
        await expect(page.locator("#trouble")).to_be_empty()


async def test_what_the_server_will_not_tell_is_not_asked_for_again(studio: Open) -> None:
    async with studio(refused=True) as (page, server):
        video = await ask(server, "a red ball")
        await expect(card(page, video)).to_be_visible()
        asked: list[str] = []

        async def forbidden(route: Route) -> None:
            asked.append(route.request.method)
            await route.fulfill(status=403, json={"error": {"code": "insufficient_scope", "message": "No."}})

        await page.route(f"**/v1/videos/{video}", forbidden)
        await page.clock.install()
        async with page.expect_response(lambda answer: answer.status == 403):
            await server.house.complete(video)
        for prompt in ("a blue box", "a green ring"):
            await page.clock.run_for(10_000)
            other = await ask(server, prompt)
            await expect(card(page, other)).to_be_visible()
        assert asked == ["GET"]


async def test_a_key_is_asked_for_once_and_remembered(studio: Open) -> None:
    house = House(video=mp4(), api_keys={"one": "right"})
    async with studio(house, refused=True) as (page, server):
        video = await ask(server, "a red ball", "right")
        await expect(page.locator("#key")).to_be_visible()
        await page.goto("about:blank")  # lest one of its answers comes in late
        refused: Counter[str] = Counter()
        page.on("response", lambda answer: refused.update([answer.url] if answer.status == 401 else []))
        await page.goto(server.url)
        form = page.locator("#key")
        await expect(form).to_be_visible()
        await expect(page.locator("#key-trouble")).to_be_empty()
        await page.fill("#key-text", "wrong")
        await page.keyboard.press("Enter")
        await expect(page.locator("#key-trouble")).to_have_text("The server refused that key.")
        await page.fill("#key-text", " right ")
        await page.keyboard.press("Enter")
        await expect(form).to_be_hidden()
        await expect(card(page, video)).to_be_visible()
        assert max(refused.values()) == 2  # each address without a key and with the wrong one, and no more
        await page.reload()
        await expect(card(page, video)).to_be_visible()
        await expect(form).to_be_hidden()
        kept = await page.evaluate("[sessionStorage.length, Object.values({ ...localStorage }).includes('right')]")
        assert kept == [1, False]


async def test_another_seed_is_asked_for_as_the_card_was(studio: Open) -> None:
    house = House(video=mp4(), models=(replace(MODEL, takes_image=True),))
    async with studio(house) as (page, server):
        wishes: dict[str, Any] = {
            "quality_tier": "preview",
            "priority": "high",
            "size": "96x64",
            "num_frames": 9,
            "seed": 5,
            "num_inference_steps": 12,
            "negative_prompt": "blur",
            "input_reference": data_url(png()),
        }
        video = await ask(server, "a red ball", **wishes)
        await page.check('input[name="tier"][value="premium"]')
        await page.select_option("#priority", "low")
        await card(page, video).locator('[data-act="again"]').click()
        await expect(page.locator("article")).to_have_count(2)
        jobs = (await server.house.jobs.list("public", None, 10, True)).jobs
        again, first = jobs
        assert first.id == video
        assert (again.plan.asked_tier, again.plan.tier, again.priority) == ("preview", "preview", "high")
        assert again.plan.spec == first.plan.spec
        assert again.plan.sampling.steps == first.plan.sampling.steps == 12
        assert (again.plan.image, again.plan.negative_prompt) == (first.plan.image, "blur")
        assert again.plan.image is not None
        assert again.plan.sampling.seed != first.plan.sampling.seed


async def paused(page: Page) -> list[bool]:
    found: list[bool] = await page.evaluate(
        "[...document.querySelectorAll('article video[src]')].map((video) => video.paused)"
    )
    return found


async def playing(page: Page, *wanted: bool) -> None:
    """Wait until the videos play, or do not."""

    async def as_wanted() -> bool:
        return await paused(page) == [not each for each in wanted]

    await until(as_wanted)


async def test_motion_can_be_paused_and_stays_so(studio: Open) -> None:
    async with studio() as (page, server):
        for colour in COLOURS[:2]:
            await server.house.complete(await ask(server, f"a {colour} ball"))
        await playing(page, True, True)
        await page.click("text=Pause motion")
        await playing(page, False, False)
        await server.house.complete(await ask(server, "a green ball"))
        await playing(page, False, False, False)
        await page.reload()
        await playing(page, False, False, False)
        await page.locator("article").first.locator('[data-act="play"]').click()
        await playing(page, True, False, False)
        await page.click("text=Play motion")
        await playing(page, True, True, True)


async def test_who_wants_less_motion_sees_none_until_asked_for(studio: Open) -> None:
    async with studio(reduced_motion="reduce") as (page, server):
        await server.house.complete(await ask(server, "a red ball"))
        await playing(page, False)
        await page.emulate_media(reduced_motion="no-preference")
        await playing(page, True)


async def test_buttons_need_no_font_of_pictures(studio: Open) -> None:
    async with studio() as (page, server):
        await server.house.complete(await ask(server, "a red ball"))
        for name in ("Good", "Not good"):
            drawing = page.get_by_role("button", name=name, exact=True).locator("svg path")
            await expect(drawing).to_be_visible()
            box = await drawing.bounding_box()
            assert box is not None
            assert box["width"] > 8
        text = await page.locator("body").inner_text()
        assert all(ord(letter) < 0x2000 for letter in text), text


async def test_warnings_stand_on_the_card_and_in_the_plan(studio: Open) -> None:
    warnings = [{"code": "unknown_subject", "message": "It <b>cannot</b> draw a cat."}, {"odd": 1}, "odder"]

    async def warned(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=json.dumps(await answer.json() | {"warnings": warnings}))

    async with studio() as (page, server):
        await expect(page.locator(".warnings:visible")).to_have_count(0)
        await page.route("**/api/optimization/analyze", warned)
        await page.route("**/v1/videos", warned)
        await page.fill("#prompt", "a cat")
        await expect(page.locator("#plan-warnings li")).to_have_text(["It <b>cannot</b> draw a cat."])
        video = await ask(server, "a cat")
        await page.route(f"**/v1/videos/{video}", warned)
        await server.house.complete(video)
        await expect(card(page, video).locator(".warnings li")).to_have_text(["It <b>cannot</b> draw a cat."])
        await page.unroute("**/api/optimization/analyze")
        await page.fill("#prompt", "a ball")
        await expect(page.locator("#plan-warnings")).to_be_hidden()


async def test_what_is_deleted_elsewhere_leaves_the_page(studio: Open) -> None:
    async with studio() as (page, server):
        video = await ask(server, "a red ball")
        await expect(card(page, video)).to_be_visible()
        async with httpx.AsyncClient(base_url=server.url) as client:
            await client.delete(f"/v1/videos/{video}")
        await expect(card(page, video)).to_have_count(0)


async def test_cards_stand_in_the_order_in_which_they_were_asked_for(studio: Open) -> None:
    async with studio() as (page, server):
        videos = [await ask(server, f"a {colour} ball") for colour in COLOURS]
        await expect(page.locator("article")).to_have_count(len(videos))
        ids = "[...document.querySelectorAll('article')].map((card) => card.dataset.id)"
        assert await page.evaluate(ids) == videos[::-1]
        await page.reload()
        await expect(page.locator("article")).to_have_count(len(videos))
        assert await page.evaluate(ids) == videos[::-1]
