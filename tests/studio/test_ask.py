"""Asking on the page: the live plan, several at once, the draft, a server that goes while one asks."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.api.house import House
from tests.studio.conftest import Open, holds
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def jobs(house: House) -> list[Any]:
    """Of the public tenant, as they were asked for."""
    return list((await house.jobs.list("public", None, 100, True)).jobs)[::-1]


async def test_the_plan_follows_the_words_and_marks_them(studio: Open) -> None:
    async with studio() as (page, _):
        await page.fill("#prompt", "a dragon flies and dives over a city")
        await expect(page.locator("#marks mark.factor").first).to_be_attached()
        marked = await page.locator("#marks mark").all_inner_texts()
        assert all(word in "a dragon flies and dives over a city" for word in marked)
        await expect(page.locator(".plan-head")).to_contain_text("steps")
        for tier in ("preview", "standard", "premium", "ultra"):
            await expect(page.locator(f'.tier[data-tier="{tier}"] .runs')).to_contain_text("of 50 runs")
        preview = await page.locator('.tier[data-tier="preview"] .runs').inner_text()
        assert preview != await page.locator('.tier[data-tier="ultra"] .runs').inner_text()


async def test_the_layer_of_marks_lies_under_the_letters(studio: Open) -> None:
    async with studio(viewport={"width": 320, "height": 700}) as (page, _):
        await page.fill("#prompt", "a dragon flies and dives " * 20)
        sides = "const { x, y, width, height } = document.getElementById(id).getBoundingClientRect()"
        field, marks = await page.evaluate(
            f"['prompt', 'marks'].map((id) => {{ {sides}; return [x, y, width, height] }})"
        )
        assert field == marks
        hidden = (
            "(() => { const box = document.getElementById('prompt'); return box.scrollHeight - box.clientHeight })()"
        )
        assert await page.evaluate(hidden) <= 1


async def test_a_clip_of_the_wall_is_made_again_by_one_click(studio: Open) -> None:
    async with studio() as (page, server):
        clips = page.locator("#wall button")
        await expect(clips).to_have_count(12)
        played = "[...document.querySelectorAll('#wall video')].every((video) => video.readyState > 1 && !video.error)"
        await holds(page, played)
        await clips.first.click()
        await expect(page.locator("article")).to_have_count(1)
        await expect(clips).to_have_count(0)
        (job,) = await jobs(server.house)
        assert (job.plan.prompt, job.plan.tier, job.plan.sampling.seed) == (
            "a crimson ball rolls to the right on a sand background",
            "premium",
            4,
        )


@pytest.mark.parametrize(
    ("many", "prompt", "wanted"),
    [
        ("lines", "a red ball\n\na blue box\n", 2),
        ("lines", "\n".join(f"a red ball {number}" for number in range(20)), 20),
        ("seeds", "a red ball", 4),
        ("tiers", "a red ball", 4),
    ],
)
async def test_several_are_asked_for_at_once(many: str, prompt: str, wanted: int, studio: Open) -> None:
    async with studio() as (page, server):
        await page.fill("#prompt", prompt)
        await page.select_option("#many", many)
        await expect(page.locator("#make")).to_have_text(f"Make {wanted}")
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(wanted)
        made = await jobs(server.house)
        assert len({(job.plan.prompt, job.plan.tier, job.plan.sampling.seed) for job in made}) >= (
            1 if many == "seeds" else wanted
        )
        if many == "lines":
            assert sorted(job.plan.prompt for job in made) == sorted(filter(None, prompt.split("\n")))
        if many == "tiers":
            assert {job.plan.tier for job in made} == {"preview", "standard", "premium", "ultra"}


async def test_all_fields_of_the_form_are_in_the_request(studio: Open) -> None:
    async with studio() as (page, server):
        await page.fill("#prompt", "a red ball")
        await page.click("#advanced summary")
        await page.fill("#seed", "9223372036854775807")  # more than a number of JavaScript can hold
        await page.select_option("#size", "96x64")
        await page.fill("#negative", "a cat")
        await page.fill("#advanced-fps", "4")
        await page.fill("#advanced-num_frames", "9")
        await page.select_option("#advanced-deterministic", "true")
        await page.locator("#advanced-deterministic").blur()
        await page.keyboard.press("Tab")
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(1)
        (job,) = await jobs(server.house)
        spec = job.plan.spec
        assert (spec.width, spec.height, spec.frames, spec.fps) == (96, 64, 9, 4)
        assert job.plan.sampling.seed == 2**63 - 1
        assert job.plan.negative_prompt == "a cat"
        assert job.plan.sampling.deterministic


async def test_a_new_field_of_the_server_appears_by_itself(studio: Open) -> None:
    async with studio() as (page, server):
        schema = server.house.app.openapi()["components"]["schemas"]["CreateVideo"]
        named = {
            name
            for name, each in schema["properties"].items()
            if not each.get("description", "").startswith("The same as")
        }
        await page.click("#advanced summary")
        await expect(page.locator("#advanced-fields .field").first).to_be_visible()
        shown = await page.evaluate(
            "[...document.querySelectorAll('.field :is(input, select)')].map((each) => each.id.slice(9))"
        )
        assert {"sampler", "budget", "deadline_s", "flow_shift", "step_cache"} <= set(shown) <= named


async def test_the_draft_outlives_a_reload(studio: Open) -> None:
    async with studio() as (page, _):
        await page.fill("#prompt", "a red ball\nand a box")
        await page.check('input[name="tier"][value="ultra"]')
        await page.fill("#seed", "12")
        kept = "JSON.parse(localStorage.getItem('kinoray-draft'))?.seed === '12'"
        await holds(page, kept)
        await page.reload()
        await expect(page.locator("#prompt")).to_have_value("a red ball\nand a box")
        await expect(page.locator('input[name="tier"][value="ultra"]')).to_be_checked()
        await expect(page.locator("#seed")).to_have_value("12")


@pytest.mark.parametrize("reload", [False, True])
async def test_what_is_asked_for_while_the_server_is_away_is_made_once(reload: bool, studio: Open) -> None:
    async with studio(refused=True) as (page, server):
        lost: list[str] = []

        async def answer_is_lost(route: Any) -> None:
            lost.append(route.request.headers["idempotency-key"])
            if len(lost) == 1:
                await route.fetch()  # it was heard, and the answer is lost on the way
            await route.abort("connectionreset")

        await page.route("**/v1/videos", answer_is_lost)
        await page.fill("#prompt", "a red ball")
        await page.click("#make")

        async def twice() -> bool:
            return len(lost) >= 2

        await until(twice)
        await page.unroute("**/v1/videos")
        if reload:
            await page.reload()
        await holds(page, "sessionStorage.getItem('kinoray-unsent') === '[]'")
        await expect(page.locator("article")).to_have_count(1)
        assert len(await jobs(server.house)) == 1
        assert len(set(lost)) == 1


async def test_a_refusal_with_a_reason_is_said_and_not_asked_again(studio: Open) -> None:
    async with studio(refused=True) as (page, server):
        asked: list[str] = []

        async def refused(route: Any) -> None:
            if route.request.method != "POST":
                await route.continue_()
                return
            asked.append(route.request.url)
            await route.fulfill(
                status=503, json={"error": {"code": "model_unavailable", "message": "No memory for it."}}
            )

        await page.route("**/v1/videos", refused)
        await page.fill("#prompt", "a red ball")
        await page.click("#make")
        await expect(page.locator("#trouble")).to_have_text("No memory for it.")
        await holds(page, "sessionStorage.getItem('kinoray-unsent') === '[]'")
        assert len(asked) == 1
        assert await jobs(server.house) == []


async def test_the_lock_keeps_the_seed_of_the_plan(studio: Open) -> None:
    async with studio() as (page, server):
        await page.fill("#prompt", "a red ball")
        await expect(page.locator(".plan-head")).to_be_visible()
        await page.get_by_role("button", name="Lock the seed").click()
        locked = await page.input_value("#seed")
        assert locked.isdecimal()
        await page.fill("#prompt", "a blue box")
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(1)
        assert [str(job.plan.sampling.seed) for job in await jobs(server.house)] == [locked]
        await page.get_by_role("button", name="Lock the seed").click()
        assert await page.input_value("#seed") == ""


async def test_a_grid_is_every_seed_with_every_quality_and_style(studio: Open) -> None:
    async with studio() as (page, server):
        await page.fill("#prompt", "a red ball")
        await expect(page.locator("#style option")).not_to_have_count(1)
        await page.select_option("#many", "grid")
        await expect(page.locator("#make")).to_have_text("Make 4")
        await page.fill("#grid-seeds", "2")
        styles = page.locator('#grid input[name="grid-style"]')
        wanted = [str(await styles.nth(number).get_attribute("value")) for number in (0, 1)]
        for number in (0, 1):
            await styles.nth(number).check()
        for tier in ("preview", "ultra"):
            await page.check(f'#grid input[value="{tier}"]')
        await expect(page.locator("#make")).to_have_text("Make 8")
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(8)
        made = await jobs(server.house)
        found = sorted((job.plan.tier, job.plan.style) for job in made)
        assert found == sorted((tier, style) for tier in ("preview", "ultra") for style in wanted for _ in range(2))
