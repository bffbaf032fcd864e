"""Films on the page: begun, edited, put in order, made before one's eyes, played, changed in part, exported."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Locator, Page, Route, expect

from app.types import FIRST, LAST, REFERENCE, InputRole
from app.voice.flac import encoded
from tests.api.house import MODEL, House
from tests.api.served import ServedHouse
from tests.api.test_storyboards import break_scene, make
from tests.api.test_uploads import noise
from tests.studio.conftest import Open, holds, mp4
from tests.studio.test_looks import no_violation, set_of
from tests.studio.test_page import PICTURE
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


async def finished(server: ServedHouse, story_id: str) -> None:
    """A film of scenes that are there already, once whoever took the request has let go of it."""
    stories = server.house.storyboards

    async def over() -> bool:
        await stories.wake(story_id, time.time())
        if story_id in await stories.claim(time.time(), time.time() + 10, 100):
            await server.house.boards.director.go_on(story_id)
        return (await stories.get(story_id)).phase.ended

    await until(over)


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
        await page.fill(
            '[data-field="text"] textarea', "A red ball bounces on sand. A blue square spins. A white star falls."
        )
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
        await expect(page.locator(".where")).to_contain_text(re.compile("^0:0[0-4] / 0:0[6-9]"))  # of voices
        await make(server.house, story)
        await expect(page.locator(".film-now")).to_contain_text("3 of 3 scenes made")
        await expect(page.locator("#said")).to_contain_text("Film ready: Three things")
        await expect(page.locator(".tile .poster[data-of]")).to_have_count(3)
        await expect(page.locator(".tile .poster:visible")).to_have_count(0)  # they are no pictures: sketches stand
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
        await expect(page.locator(".film-now")).to_contain_text("1 of 3 scenes made · 2 there already")
        after = await server.house.storyboards.get(story)
        assert [scene.job_ids for scene in after.scenes[:2]] == [scene.job_ids for scene in record.scenes[:2]]
        assert after.scenes[2].job_ids != record.scenes[2].job_ids
        assert await server.house.count() == 4


async def test_scenes_are_put_in_order_by_keys_and_by_dragging(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        await blank(page, server, "a red ball", "a blue square", "a white star")
        await tile(page, 1).locator(".frame").focus()
        await page.keyboard.press("Alt+ArrowRight")
        assert await names(page) == ["a blue square", "a red ball", "a white star"]
        await expect(page.locator("#said")).to_have_text("Scene moved: now 2 of 3.")
        assert (
            await page.evaluate("document.activeElement.closest('[data-key]')?.querySelector('.tile-name').textContent")
            == "a red ball"
        )
        await page.keyboard.press("Alt+ArrowRight")
        await page.keyboard.press("Alt+ArrowRight")
        assert await names(page) == ["a blue square", "a white star", "a red ball"]
        await drag(page, tile(page, 3).locator('[data-act="move"]'), tile(page, 1))
        assert await names(page) == ["a red ball", "a blue square", "a white star"]
        await drag(page, tile(page, 1).locator(".frame"), tile(page, 3), leave=True)
        await page.keyboard.press("Escape")
        await page.mouse.up()
        assert await names(page) == ["a red ball", "a blue square", "a white star"]
        await page.reload()
        await expect(page.locator(".strip [data-key]")).to_have_count(3)
        assert await names(page) == ["a red ball", "a blue square", "a white star"]


async def drag(page: Page, what: Locator, to: Locator, leave: bool = False) -> None:
    """With the mouse, onto the middle of another."""
    start, end = await what.bounding_box(), await to.bounding_box()
    assert start is not None
    assert end is not None
    await page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    await page.mouse.down()
    side = 0.2 if start["x"] > end["x"] else 0.8
    await page.mouse.move(end["x"] + side * end["width"], end["y"] + 20, steps=12)
    if not leave:
        await page.mouse.up()


async def test_a_finger_moves_a_scene_by_its_handle(studio: Open) -> None:
    async with studio(cinema(), has_touch=True, viewport={"width": 390, "height": 844}) as (page, server):
        await blank(page, server, "a red ball", "a blue square")
        await tile(page, 2).locator('[data-act="move"]').tap(trial=True)  # once nothing moves it any more
        start, end = await tile(page, 2).locator('[data-act="move"]').bounding_box(), await tile(page, 1).bounding_box()
        assert start is not None
        assert end is not None
        session = await page.context.new_cdp_session(page)
        y = start["y"] + 10
        for kind, x in (("touchStart", start["x"] + 10), ("touchMove", start["x"] - 40), ("touchMove", end["x"] + 10)):
            await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await holds(page, "document.querySelector('.strip .tile-name').textContent === 'a blue square'")


async def test_a_scene_is_doubled_and_removed_and_comes_back(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        await blank(page, server, "a red ball", "a blue square")
        await tile(page, 1).locator('[data-act="double"]').click()
        assert await names(page) == ["a red ball", "a red ball", "a blue square"]
        await page.fill('[data-field="prompt"] textarea', "a white star")
        assert await names(page) == ["a red ball", "a white star", "a blue square"]
        await tile(page, 2).locator(".frame").focus()
        await page.keyboard.press("Delete")
        assert await names(page) == ["a red ball", "a blue square"]
        await expect(page.locator(".toast")).to_contain_text("a white star")
        await page.click(".toast button")
        assert await names(page) == ["a red ball", "a white star", "a blue square"]
        assert await page.evaluate("document.activeElement !== document.body")


async def test_a_film_whose_answer_was_lost_is_one_film_after_a_reload(studio: Open) -> None:
    async with studio(cinema(), refused=True) as (page, server):
        await blank(page, server, "a red ball")
        await page.fill(".film-title", "Once")
        keys: list[str] = []

        async def lost(route: Route) -> None:
            await route.fetch()
            await route.abort()
            keys.append(route.request.headers["idempotency-key"])

        await page.route("**/v1/storyboards", lost)
        await page.click('[data-act="make"]')

        async def heard() -> bool:
            return bool(keys)

        await until(heard)
        await expect(page.locator('[data-act="make"]')).to_be_disabled()
        await page.unroute_all(behavior="wait")
        await page.reload()
        story = await film_of(page)
        await expect(page.locator(".film-title")).to_have_value("Once")
        page_of = await server.house.storyboards.list("public", None, 10, True)
        assert [each.id for each in page_of.stories] == [story]
        assert await page.evaluate("localStorage.getItem('kinoray-films')") == "{}"


async def test_a_server_that_goes_and_comes_back_makes_the_film_once(studio: Open) -> None:
    async with studio(cinema(), refused=True) as (page, server):
        await blank(page, server, "a red ball", "a blue square")
        await server.stop()
        await expect(page.locator("#away")).to_contain_text("Trying again")
        await page.fill(".film-title", "Later")
        await page.click('[data-act="make"]')
        await expect(page.locator('[data-act="make"]')).to_have_text("Sending …")
        await server.start()
        story = await film_of(page)
        await expect(page.locator("#away")).to_be_hidden()
        await server.stop()
        await make(server.house, story)
        await server.start()
        await expect(page.locator(".film-now")).to_contain_text("2 of 2 scenes made")
        assert len((await server.house.storyboards.list("public", None, 10, True)).stories) == 1


async def test_films_asked_for_elsewhere_are_seen_newest_first_and_live(studio: Open) -> None:
    async with studio(cinema(), path="/#/stories") as (page, server):
        first = await asked(server)
        await page.reload()
        second = await asked(server, title="Another", seed=3)
        cards = page.locator(".film-card")
        await expect(cards).to_have_count(2)
        assert await cards.evaluate_all("(all) => all.map((each) => each.dataset.film)") == [second, first]
        await make(server.house, first, 1)
        await make(server.house, first)
        await expect(page.locator(f'[data-film="{first}"]')).to_have_attribute("data-state", "completed")
        await expect(page.locator(f'[data-film="{second}"] .film-state')).to_contain_text("%")


async def test_a_film_is_deleted_and_that_is_undone(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        story = await asked(server)
        await page.goto(f"{server.url}/#/stories")
        card = page.locator(f'[data-film="{story}"]')
        await card.locator('[data-act="delete"]').click()
        await expect(card).to_have_count(0)
        await page.click(".toast button")
        await expect(card).to_be_visible()
        await card.locator('[data-act="delete"]').click()
        await page.goto("about:blank")  # who leaves has not undone it

        async def deleted() -> bool:
            return not (await server.house.storyboards.list("public", None, 10, True)).stories

        await until(deleted)


async def test_a_scene_that_failed_is_tried_again_and_a_film_is_stopped(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        story = await asked(server)
        await page.goto(f"{server.url}/#/stories/{story}")
        await break_scene(server.house, story, 2)
        await make(server.house, story, 1, 3)
        await expect(tile(page, 2).locator(".tile-state")).to_contain_text("It went wrong.")
        await tile(page, 2).locator('[data-act="retry"]').click()
        await expect(tile(page, 2).locator(".tile-state")).not_to_contain_text("wrong")
        await server.house.go_on(story)
        assert (await server.house.storyboards.get(story)).scenes[1].attempts == 2
        await page.click('.film-acts [data-act="cancel"]')
        await expect(page.locator(".film-now")).to_contain_text("stopped")
        await expect(page.locator('[data-act="retry-film"]')).to_be_visible()


async def test_what_the_server_refuses_is_said_at_its_field(studio: Open) -> None:
    async with studio(cinema(), refused=True) as (page, server):
        await blank(page, server, "a red ball", "a blue square")
        await page.click('[data-act="make"]')  # both show something
        await film_of(page)
        await blank(page, server, "a red ball", "")
        await page.click('[data-act="make"]')
        prompt = page.locator('[data-field="prompt"]')
        await expect(prompt.locator(".wrong")).to_have_text("Scene 2 shows nothing yet.")
        await expect(prompt.locator("textarea")).to_be_focused()
        await page.keyboard.type("a white star")
        await tile(page, 1).locator(".frame").click()
        await page.fill('[data-field="narration"] textarea', "☃")
        narration = page.locator('[data-field="narration"]')
        await expect(narration.locator(".wrong")).to_contain_text("spoken")
        await expect(narration.locator("textarea")).to_have_attribute("aria-invalid", "true")
        await tile(page, 2).locator(".frame").click()
        await expect(page.locator(".film-words .wrong")).to_contain_text("Scene 1")
        await page.get_by_role("tab", name="Film").click()
        await page.fill('[data-field="fps"] input', "240")
        await tile(page, 1).locator(".frame").click()
        await page.fill('[data-field="narration"] textarea', "")
        await page.get_by_role("tab", name="Film").click()
        await expect(page.locator('.film-form [data-field="fps"] .wrong')).not_to_be_empty()


async def test_a_voice_is_heard_before_it_is_used(studio: Open) -> None:
    house = cinema()
    house.films.speech = encoded(np.float32(0.1) * np.sin(np.arange(8000, dtype=np.float32) / np.float32(10)), 8000)
    async with studio(house) as (page, server):
        await blank(page, server, "a red ball")
        await page.fill('.scene-form [data-field="narration"] textarea', "Guten Tag.")
        await page.get_by_role("tab", name="Film").click()
        await page.select_option('[data-field="language"] select', "de")
        assert await page.locator('[data-field="voice"] option').all_inner_texts() == ["the language's own", "Anna"]
        await page.select_option('[data-field="voice"] select', "anna")
        async with page.expect_request("**/v1/voices/preview") as request:
            await page.click('.film-form [data-act="listen"]')
        assert (await request.value).post_data_json == {"text": "Guten Tag.", "language": "de", "voice": "anna"}
        await expect(page.locator('.film-form [data-act="listen"]')).to_have_text("Listen")
        assert house.films.spoken == ["Guten Tag."]


async def test_a_film_is_exported_and_cut_anew_with_its_subtitles_in_the_picture(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        story = await asked(server)
        await make(server.house, story)
        await page.goto(f"{server.url}/#/stories/{story}")
        for variant, name in (("srt", "three.srt"), ("video", "three.mp4")):
            await page.click(".menu summary")
            async with page.expect_download() as download:
                await page.click(f'[data-act="export-{variant}"]')
            assert (await download.value).suggested_filename == name
        await page.click(".menu summary")
        await page.click('[data-act="export-recut"]')
        await holds(page, "(old) => !location.hash.includes(old)", arg=story)
        other = await server.house.storyboards.get(await film_of(page))
        assert (other.wish.captions.value, other.wish.title) == ("burnt", "Three")
        await finished(server, other.id)
        await expect(page.locator(".film-now")).to_contain_text("3 there already")
        assert await server.house.count() == 6


async def test_a_finished_film_in_another_order_becomes_a_film_of_its_own(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        story = await asked(server)
        await make(server.house, story)
        await page.goto(f"{server.url}/#/stories/{story}")
        await tile(page, 1).locator(".frame").focus()
        await page.keyboard.press("Alt+ArrowRight")
        await expect(page.locator(".film-note")).to_contain_text("Nothing is made again")
        await expect(page.locator(".film-note")).to_contain_text("a film of its own")
        await page.reload()
        await expect(page.locator(".strip [data-key]")).to_have_count(3)
        assert await names(page) == ["a blue square spins", "a red ball bounces", "a white star falls"]
        await page.click('[data-act="revert"]')
        assert (await names(page))[0] == "a red ball bounces"
        await tile(page, 1).locator(".frame").focus()
        await page.keyboard.press("Alt+ArrowRight")
        await page.click('[data-act="make"]')
        await holds(page, "(old) => !location.hash.includes(old)", arg=story)
        await finished(server, await film_of(page))
        await expect(page.locator(".film-now")).to_contain_text("3 there already")


async def test_a_film_that_was_changed_elsewhere_meanwhile_is_not_written_over(studio: Open) -> None:
    async with studio(cinema(), refused=True) as (page, server):
        story = await asked(server)
        await make(server.house, story)
        await page.goto(f"{server.url}/#/stories/{story}")
        await page.fill('[data-field="prompt"] textarea', "a green ball")

        async def late(route: Route) -> None:
            async with server.house.client() as other:
                await other.patch(f"/v1/storyboards/{story}/scenes/1", json={"title": "Elsewhere"})
            await route.continue_()

        await page.route("**/scenes/1", late, times=1)
        await page.click('[data-act="make"]')
        await expect(page.locator(".film-words .wrong")).to_contain_text("changed elsewhere")
        assert (await server.house.storyboards.get(story)).wish.scenes[0].prompt == BALL["prompt"]


async def test_a_scene_begins_with_a_picture(studio: Open) -> None:
    async with studio(cinema(models=(replace(MODEL, takes_image=True),))) as (page, server):
        await blank(page, server, "a red ball")
        await page.set_input_files(
            ".scene-picture input", {"name": "a.png", "mimeType": "image/png", "buffer": noise()}
        )
        await expect(page.locator(".scene-picture img")).to_be_visible()
        await page.reload()
        await expect(page.locator(".scene-picture p.soft")).to_have_text("a.png")
        await page.click('[data-act="make"]')
        story = await server.house.storyboards.get(await film_of(page))
        assert story.wish.scenes[0].image is not None
        await expect(page.locator(".scene-picture p.soft")).to_contain_text("the picture that you gave")


async def test_titles_prompts_and_captions_are_never_markup(studio: Open) -> None:
    async with studio(cinema(), refused=True) as (page, server):
        scene = {"prompt": EVIL, "narration": EVIL, "caption": EVIL, "title": EVIL[:190], "seconds": 2}
        story = await asked(server, title=EVIL, scenes=[scene])
        await make(server.house, story)
        await page.goto(f"{server.url}/#/stories/{story}")
        await expect(page.locator(".film-title")).to_have_value(EVIL)
        await expect(page.locator(".tile-name").first).to_contain_text("<img")
        await page.click('.film-controls [data-act="play"]')
        await holds(page, "document.querySelector('.film-stage video.front')?.currentTime > 0")

        async def refused(route: Route) -> None:
            error = {"message": EVIL, "code": EVIL, "param": f'scenes[0]."]{EVIL}'}
            await route.fulfill(status=400, body=json.dumps({"error": error}), content_type="application/json")

        await page.route("**/v1/storyboards/analyze", refused)
        await page.fill('[data-field="caption"] textarea', EVIL + "2")
        await expect(page.locator(".film-words .wrong")).to_contain_text("<img")
        await page.goto(f"{server.url}/#/stories")
        await expect(page.locator(".film-name")).to_have_text(EVIL)
        await page.locator('.film-card [data-act="delete"]').click()
        await expect(page.locator(".toast")).to_contain_text("<img")
        assert await page.evaluate("document.querySelectorAll('img[src=\"x\"], main script').length") == 0
        assert await page.title() == "Kinoray"


@pytest.mark.parametrize("scheme", ["light", "dark", "contrast"])
async def test_axe_finds_nothing_in_any_state_of_a_film(scheme: str, studio: Open) -> None:
    async with studio(cinema(), color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce") as (
        page,
        server,
    ):
        if scheme == "contrast":
            await page.evaluate("localStorage.setItem('kinoray-theme', 'contrast')")
        await page.goto(f"{server.url}/#/stories")
        await page.reload()
        await expect(page.locator(".films-none")).to_be_visible()
        await no_violation(page, "empty")
        await page.click('[data-act="new-text"]')
        await no_violation(page, "text")
        await page.keyboard.press("Escape")
        await page.locator('[data-act="new-example"]').first.click()
        await expect(page.locator(".film-plan")).not_to_be_empty()
        await no_violation(page, "draft")
        await page.get_by_role("tab", name="Film").click()
        await no_violation(page, "film's fields")
        story = await asked(server)
        await page.goto(f"{server.url}/#/stories/{story}")
        await expect(page.locator(".film-now")).to_contain_text("scenes made")
        await make(server.house, story, 1)
        await expect(tile(page, 1).locator(".poster")).to_be_attached()
        await page.click(".scene-more summary")
        await no_violation(page, "making")
        await make(server.house, story)
        await expect(page.locator(".menu summary")).to_be_visible()
        await page.click(".menu summary")
        await no_violation(page, "made")
        await page.keyboard.press("Escape")
        await page.fill('[data-field="prompt"] textarea', "a green ball")
        await expect(page.locator(".film-note")).to_contain_text("Scene 1")
        await no_violation(page, "edited")
        await page.goto(f"{server.url}/#/stories")
        await expect(page.locator(".film-card")).to_have_count(2)
        await no_violation(page, "films")


@pytest.mark.parametrize("width", [320, 390, 3840])
async def test_no_film_is_wider_than_the_screen(width: int, studio: Open) -> None:
    async with studio(cinema(), viewport={"width": width, "height": 800}, has_touch=width < 400) as (page, server):
        story = await asked(server, title="w" * 190, scenes=[{**BALL, "prompt": "b" * 300, "title": "c" * 190}, SQUARE])
        await make(server.house, story)
        for path in ("/#/stories", f"/#/stories/{story}"):
            await page.goto(server.url + path)
            await expect(page.locator(".film-card, .menu summary").first).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.click(".menu summary")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.keyboard.press("Escape")
        await page.get_by_role("tab", name="Film").click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_film_is_made_by_the_keyboard_alone(studio: Open) -> None:
    async with studio(cinema(), path="/#/stories") as (page, server):
        await expect(page.locator('[data-act="new-blank"]')).to_be_visible()
        await page.locator('[data-act="new-blank"]').focus()
        await page.keyboard.press("Enter")
        await expect(page.locator('[data-field="prompt"] textarea')).to_be_focused()
        await page.keyboard.type("a red ball bounces")
        await page.locator('[data-act="add"]').focus()
        await page.keyboard.press("Enter")
        await expect(page.locator('[data-field="prompt"] textarea')).to_be_focused()
        await page.keyboard.type("a blue square spins")
        await tile(page, 2).locator(".frame").focus()
        await page.keyboard.press("ArrowLeft")
        await page.keyboard.press("Enter")
        await expect(tile(page, 1).locator(".frame")).to_have_attribute("aria-current", "true")
        await page.get_by_role("tab", name="Scene 1").focus()
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tab", name="Film")).to_be_focused()
        await page.locator('[data-act="make"]').focus()
        await page.keyboard.press("Enter")
        story = await film_of(page)
        await make(server.house, story)
        await expect(page.locator(".film-now")).to_contain_text("2 of 2 scenes made")
        await page.get_by_label("Position in the film").focus()
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(".where")).not_to_contain_text("0:00 / 0:00")


async def test_films_speak_german_where_the_browser_does(studio: Open) -> None:
    async with studio(cinema(), locale="de-DE", path="/#/stories") as (page, _):
        await expect(page.locator("#films-begin")).to_have_text("Einen Film beginnen")
        await page.locator('[data-act="new-example"]').first.click()
        await expect(page.locator('[data-act="make"]')).to_have_text("Film machen")
        await expect(page.locator('[data-field="narration"] textarea')).to_have_value("Am Morgen geht die Sonne auf.")
        words = await page.evaluate("import('/studio/words.js').then(({ WORDS }) => WORDS)")
        holes = {name for name, (english, german) in words.items() if set_of(english) != set_of(german) or not german}
        assert not holes


async def test_a_film_that_is_not_there_says_so(studio: Open) -> None:
    async with studio(refused=True, path="/#/stories/story_0123456789abcdef0123456789abcdef") as (page, _):
        await expect(page.locator(".films-room")).to_contain_text("not there any more")


async def test_a_scene_is_seen_while_it_is_made(studio: Open) -> None:
    async with studio(cinema()) as (page, server):
        await blank(page, server, "a red ball")
        await page.click('[data-act="make"]')
        record = await server.house.storyboards.get(await film_of(page))
        job = record.scenes[0].job_ids[-1]
        assert (await server.house.jobs.get(job)).wishes.preview
        await server.house.run(job, step=5)
        await server.house.events.append(job, "preview", 1.0, {"step": 5, "total_steps": 25, "image": PICTURE})
        await expect(tile(page, 1).locator(".glimpse")).to_be_visible()
        await expect(page.locator(".face .glimpse")).to_be_visible()


async def give(page: Page, label: str, name: str) -> None:
    box = page.locator(".scene-picture", has_text=label)
    await box.locator("input").set_input_files({"name": name, "mimeType": "image/png", "buffer": noise()})
    await expect(box.locator("p.soft")).to_have_text(name)


async def test_a_scene_shows_pictures_in_the_roles_that_its_model_takes(studio: Open) -> None:
    roles = (InputRole(FIRST), InputRole(LAST, beside=FIRST), InputRole(REFERENCE, most=2))
    async with studio(cinema(models=(replace(MODEL, takes_image=True, inputs=roles),)), refused=True) as (page, server):
        await blank(page, server, "a red ball")
        await expect(page.locator(".scene-picture", has_text="Show who or what")).to_have_count(1)
        await give(page, "End with", "last.png")
        reasons = page.locator('[data-field="input_references"] .wrong', has_text="beside one of the role first")
        await expect(reasons.first).to_be_visible()  # said by the server, at the field
        await give(page, "Begin with", "first.png")
        await expect(reasons).to_have_count(0)
        await page.reload()
        await expect(page.locator(".scene-picture", has_text="End with").locator("p.soft")).to_have_text("last.png")
        await page.click('[data-act="make"]')
        story = await film_of(page)
        wish = (await server.house.storyboards.get(story)).wish.scenes[0]
        assert wish.image is not None
        assert [each.role for each in wish.references] == ["last"]
        await make(server.house, story)
        kept = page.locator(".scene-picture", has_text="End with").locator("p.soft")
        await expect(kept).to_contain_text("the picture that you gave")
        for label in ("Begin with", "End with"):
            await page.locator(".scene-picture", has_text=label).get_by_role("button", name="away").click()
        await page.click('[data-act="make"]')

        async def without() -> bool:
            scene = (await server.house.storyboards.get(story)).wish.scenes[0]
            return (scene.image, scene.references) == (None, ())

        await until(without)
