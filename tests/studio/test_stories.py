"""Films on the page: begun, edited, put in order, made before one's eyes, played, changed in part, exported, deleted."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.api.house import House
from tests.api.served import ServedHouse
from tests.api.test_storyboards import break_scene, make
from tests.studio.conftest import Open, holds, mp4
from tests.studio.test_looks import no_violation
from tests.waiting import until

pytestmark = pytest.mark.anyio
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
BALL = {"prompt": "a red ball bounces", "narration": "Once there was a ball.", "seconds": 2}
SQUARE = {"prompt": "a blue square spins", "narration": "It met a square.", "seconds": 2}
STAR = {"prompt": "a white star falls", "caption": "The end", "seconds": 2}
THREE = {"title": "Three", "scenes": [BALL, SQUARE, STAR]}


def cinema(**options: Any) -> House:
    """A house whose scenes and films a browser can play."""
    house = House(video=mp4(), clock=time.time, **options)
    house.films.film = mp4()
    return house


async def asked(server: ServedHouse, **wish: Any) -> str:
    """Ask for a film elsewhere: not by the page."""
    async with server.house.client() as client:
        return str((await client.post("/v1/storyboards", json=THREE | wish)).json()["id"])


async def film_of(page: Page) -> str:
    """The film that is open, once it is one of the server's."""
    await holds(page, "location.hash.startsWith('#/stories/story_')")
    return page.url.rpartition("/")[2]


def tile(page: Page, number: int) -> Locator:
    return page.locator(".strip [data-key]").nth(number - 1)


async def names(page: Page) -> list[str]:
    return await page.locator(".strip .tile-name").all_inner_texts()


async def blank(page: Page, server: ServedHouse, *prompts: str) -> None:
    """A draft of those scenes, typed."""
    await page.goto(f"{server.url}/#/stories")
    await page.click('[data-act="new-blank"]')
    for number, prompt in enumerate(prompts):
        if number:
            await page.click('[data-act="add"]')
        await page.fill('[data-field="prompt"] textarea', prompt)


async def test_a_film_goes_from_a_draft_to_the_screen_and_one_scene_is_made_again(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        await page.goto(f"{server.url}/#/stories")
        await expect(page.locator(".films-none")).to_be_visible()
        await page.click('[data-act="new-text"]')
        await page.fill('[data-field="text"] textarea', "A red ball bounces on sand. A blue square spins. A white star falls.")
        await page.fill('.text-dialog [data-field="scenes"] input', "3")
        await page.click(".text-dialog .primary")
        await expect(page.locator(".strip [data-key]")).to_have_count(3)
        assert await server.house.count() == 0
        await page.fill(".film-title", "Three things")
        await tile(page, 2).locator(".frame").click()
        await page.fill('[data-field="prompt"] textarea', "a green ring orbits")
        await expect(page.locator(".film-plan")).to_contain_text("to make")
        await page.click('[data-act="make"]')
        story = await film_of(page)
        await expect(page.locator(".film-now")).to_contain_text("0 of 3 scenes made")
        record = await server.house.storyboards.get(story)
        await server.house.run(record.scenes[1].job_ids[-1], step=7)
        await expect(tile(page, 2).locator(".tile-state")).to_contain_text("step 7 of")
        job = await server.house.jobs.get(record.scenes[1].job_ids[-1])
        await server.house.jobs.requeue(job.id, job.fence, 1.0)
        await make(server.house, story, 1)
        await expect(tile(page, 1).locator(".tile-state")).to_contain_text("made")
        await page.click('.film-controls [data-act="play"]')
        await holds(page, "document.querySelector('.film-stage video.front')?.currentTime > 0")
        await expect(page.locator(".cue")).to_contain_text("red ball")
        await make(server.house, story)
        await expect(page.locator(".film-now")).to_contain_text("3 of 3 scenes made")
        await expect(page.locator("#said")).to_contain_text("Film ready: Three things")
        await page.click('.film-controls [data-act="play"]')
        await holds(page, "document.querySelector('.film-stage video.front')?.currentTime > 0.2")
        await tile(page, 3).locator(".frame").click()
        await page.fill('[data-field="prompt"] textarea', "a purple star falls")
        await expect(page.locator(".film-note")).to_contain_text("Scene 3 is made again")
        await expect(tile(page, 3).locator(".tile-state")).to_contain_text("will be made again")
        await page.click('[data-act="make"]')
        await expect(page.locator(".film-now")).to_contain_text("2 of 3 scenes made")
        await server.house.go_on(story)
        await make(server.house, story)
        await expect(page.locator(".film-now")).to_contain_text("3 of 3 scenes")
        after = await server.house.storyboards.get(story)
        assert [scene.job_ids for scene in after.scenes[:2]] == [scene.job_ids for scene in record.scenes[:2]]
        assert after.scenes[2].job_ids != record.scenes[2].job_ids
        assert await server.house.count() == 4
