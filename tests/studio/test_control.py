"""The control room: what it shows is what is so, what is done in it is done, and it is for operators."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

from app.health.history import DAY, HOUR, Reading
from app.jobs.board import BACKLOG, PLACES
from app.line.backlog import Backlog, PoolBacklog, TenantUse, backlog_to_note
from app.line.queue_places import Place, QueuePlaces, places_to_note
from app.types import Failure, ReplicaInfo
from tests.api.house import House
from tests.api.served import ServedHouse
from tests.studio.conftest import Open, holds, mp4
from tests.studio.test_looks import no_violation
from tests.studio.test_page import ask
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def well() -> dict[str, Any]:
    return {}


def a_house(**settings: Any) -> House:
    return House({"redis": well}, video=mp4(), clock=time.time, price_per_device_hour=3.6, **settings)


async def busy(server: ServedHouse, key: str = "any") -> list[str]:
    """A job that is made, two that wait, one that failed; a replica, a backlog, an hour, and something cached."""
    house, now = server.house, time.time()
    ids = [await ask(server, f"a {colour} ball", key) for colour in ("red", "blue", "green", "white")]
    await house.fail(ids[3], Failure("out_of_memory", "There was no room for it."))
    await house.run(ids[0], step=7)
    info = ReplicaInfo(
        *("r1", "main", "shapes", 4, 1, 0.05, now + 600), memory_bytes=300 * 2**20, host_memory=0.4, jobs=(ids[0],)
    )
    await house.jobs.announce(info, 600)
    pool = PoolBacklog(
        *(2, 1, 9.0, 4, 1, 12.0),
        classes={"normal": 2},
        wanted=2,
        because="backlog",
        why="There is more than one can do.",
    )
    await house.board.put(
        BACKLOG,
        backlog_to_note(
            Backlog(now, 2, 1, 9.0, 12.0, {"main": pool}, tenants={"public": TenantUse(jobs=2, running=1, share=0.5)})
        ),
        600,
    )
    places = {ids[1]: Place(0, 6.0), ids[2]: Place(1, 9.0, "pool_starting")}
    await house.board.put(PLACES, places_to_note(QueuePlaces(now, places)), 600)
    for place in range(60):
        gone = 10.0 * (59 - place)
        reading = Reading(
            now - gone, {"normal": place % 5}, 1, 3.0, 2, 1, completed=float(place), hits={"results": place}
        )
        await house.history.keep(reading, [HOUR, DAY])
    await house.cache.put("embeddings", "a", b"x" * 4096, 600.0)
    return ids


async def test_what_is_so_is_shown(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        ids = await busy(server)
        await page.get_by_role("link", name="Control room").click()
        tile = page.locator(".tile")
        await expect(tile).to_contain_text("main · r1")
        await expect(tile).to_contain_text("at work")
        await expect(tile).to_contain_text("7 / 18")
        line = page.get_by_role("table", name="By pool and class")
        await expect(line.locator("tbody tr")).to_contain_text("1 of 2")
        await expect(line.locator("tbody tr")).to_contain_text("There is more than one can do.")
        running, waiting = (page.get_by_role("table", name=name) for name in ("Jobs being made", "Waiting jobs"))
        await expect(running.locator("tbody tr")).to_contain_text("denoising")
        await expect(running.locator("tbody tr")).to_contain_text("r1")
        await expect(waiting.locator("tbody tr")).to_have_count(2)
        await expect(waiting.locator("tbody tr").nth(0)).to_contain_text("next")
        await expect(waiting.locator("tbody tr").nth(1)).to_contain_text("its pool starts")
        await expect(page.get_by_role("table", name="Health").locator("tbody tr")).to_contain_text("redis")
        await expect(page.locator(".score")).to_have_text("Health 100 of 100")
        tenant = page.get_by_role("table", name="Tenants").locator("tbody tr")
        await expect(tenant.locator("td").nth(1)).to_have_text("1")
        await server.house.complete(ids[1])
        tenants = {"public": TenantUse(jobs=5, running=3, share=1.0)}
        await server.house.board.put(BACKLOG, backlog_to_note(Backlog(jobs=5, running=3, tenants=tenants)), 600)
        await expect(tenant).to_contain_text("100 %")
        await expect(tenant.locator("td").nth(1)).to_have_text("3")
        await expect(waiting.locator("tbody tr")).to_have_count(1)


async def test_charts_have_the_hour_and_the_day_and_a_table(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        await busy(server)
        await page.goto(f"{server.url}/#/control")
        chart = page.locator('[data-chart="made"]')
        await expect(chart.locator("canvas")).to_be_visible()
        assert await drawn(page, '[data-chart="made"] canvas')
        await expect(chart.locator(".legend li").first).to_contain_text("360")
        await expect(chart.locator(".plot")).to_have_attribute("aria-label", "Videos an hour: made 360, failed 0")
        await chart.locator("summary").focus()
        await page.keyboard.press("Enter")
        await expect(chart.get_by_role("table").locator("tbody tr")).to_have_count(12)
        await expect(page.locator('[data-chart="waits"]')).to_contain_text("No figures yet")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.get_by_role("button", name="last day").click()
        await expect(page.get_by_role("button", name="last day")).to_have_attribute("aria-pressed", "true")
        await until(lambda: any_of(asked, "window=24h"))
        assert not [url for url in asked if not url.startswith(server.url)]


async def any_of(asked: list[str], text: str) -> bool:
    return any(text in url for url in asked)


async def drawn(page: Page, canvas: str) -> bool:
    """Whether anything is on it."""
    found = await page.evaluate(
        "(name) => { const c = document.querySelector(name);"
        " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((each) => each) }",
        canvas,
    )
    return bool(found)


async def test_a_waiting_job_is_made_urgent_and_that_can_be_undone(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        ids = await busy(server)
        await page.goto(f"{server.url}/#/control")
        row = page.get_by_role("table", name="Waiting jobs").locator(f'tbody tr[data-key="{ids[2]}"]')
        await row.get_by_role("combobox").select_option("high")
        await expect(page.locator("#toasts")).to_contain_text("has priority high")
        assert (await server.house.jobs.get(ids[2])).priority == "high"
        await page.locator("#toasts").get_by_role("button", name="Undo").click()
        await expect(row.get_by_role("combobox")).to_have_value("normal")
        assert (await server.house.jobs.get(ids[2])).priority == "normal"


async def test_a_job_is_cancelled_by_the_keyboard_once_one_is_sure(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        ids = await busy(server)
        await page.goto(f"{server.url}/#/control")
        row = page.get_by_role("table", name="Jobs being made").locator(f'tbody tr[data-key="{ids[0]}"]')
        await row.get_by_role("button").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("dialog.sure")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog.sure")).to_have_count(0)
        assert not (await server.house.jobs.get(ids[0])).phase.ended
        await row.get_by_role("button").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(row).to_have_count(0)
        failure = (await server.house.jobs.get(ids[0])).failure
        assert failure is not None
        assert failure.code == "cancelled"


async def test_a_cache_is_cleared_once_one_is_sure(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        await busy(server)
        await page.goto(f"{server.url}/#/control")
        row = page.get_by_role("table", name="Caches").locator('tbody tr[data-key="embeddings"]')
        await expect(row).to_contain_text("4 KiB")
        await row.get_by_role("button", name="Clear embeddings").click()
        await expect(page.locator("dialog.sure")).to_contain_text("Forget 1 entries")
        await page.get_by_role("button", name="Leave it").click()
        assert await server.house.cache.get("embeddings", "a") is not None
        await row.get_by_role("button", name="Clear embeddings").click()
        await page.get_by_role("button", name="Forget them").click()
        await expect(page.locator("#toasts")).to_contain_text("1 entries are forgotten")
        assert await server.house.cache.get("embeddings", "a") is None


async def test_an_error_leads_to_its_job(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        ids = await busy(server)
        await page.goto(f"{server.url}/#/control")
        row = page.get_by_role("table", name="Recent errors").locator("tbody tr")
        await expect(row).to_contain_text("out_of_memory")
        await row.get_by_role("link").click()
        await expect(page.locator("#detail h2")).to_have_text("a white ball")
        assert page.url.endswith(f"#/video/{ids[3]}")
        await expect(page.locator("#view")).to_be_hidden()


async def test_nobody_else_is_shown_the_room(studio: Open) -> None:
    house = a_house(api_keys={"ann": "a", "boss": "b"}, operators=["boss"])
    async with studio(house, refused=True) as (page, server):
        await busy(server, "a")
        await page.goto(f"{server.url}/#/control")
        await page.fill("#key-text", "a")
        await page.keyboard.press("Enter")
        await expect(page.locator("#view")).to_contain_text("This room is for operators")
        await expect(page.locator("#views a", has_text="Control room")).to_be_hidden()
        await expect(page.locator(".tile")).to_have_count(0)


async def test_an_operator_cannot_open_anothers_video_and_acts_on_it_all_the_same(studio: Open) -> None:
    house = a_house(api_keys={"ann": "a", "boss": "b"}, operators=["boss"])
    async with studio(house, refused=True) as (page, server):
        ids = await busy(server, "a")
        await page.goto(f"{server.url}/#/control")
        await page.fill("#key-text", "b")
        await page.keyboard.press("Enter")
        row = page.get_by_role("table", name="Waiting jobs").locator(f'tbody tr[data-key="{ids[1]}"]')
        await expect(row).to_contain_text("ann")
        await expect(row.get_by_role("link")).to_have_count(0)
        await row.get_by_role("combobox").select_option("low")
        await expect(page.locator("#toasts")).to_contain_text("has priority low")
        assert (await server.house.jobs.get(ids[1])).priority == "low"


async def test_nothing_is_asked_while_nobody_looks(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        await page.goto(f"{server.url}/#/control")
        await expect(page.get_by_text("No replica shows a sign of life.")).to_be_visible()
        await page.get_by_role("link", name="Videos").click()
        await expect(page.locator("#first")).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.wait_for_timeout(3000)  # more than one look of the room
        assert not [url for url in asked if "/api/jobs" in url]


@pytest.mark.parametrize("scheme", ["light", "dark", "contrast"])
async def test_axe_finds_nothing(scheme: str, studio: Open) -> None:
    look = {"color_scheme": "light" if scheme == "light" else "dark"}
    async with studio(a_house(), reduced_motion="reduce", **look) as (page, server):
        if scheme == "contrast":
            await page.evaluate("localStorage.setItem('kinoray-theme', 'contrast')")
        await busy(server)
        await page.goto(f"{server.url}/#/control")
        await page.reload()
        await expect(page.locator('[data-chart="made"] canvas')).to_be_visible()
        await page.locator('[data-chart="made"] summary').click()
        await no_violation(page, "control")
        await page.get_by_role("button", name="Clear all caches").click()
        await no_violation(page, "sure")


@pytest.mark.parametrize("width", [320, 3840])
async def test_it_fits_the_screen(width: int, studio: Open) -> None:
    async with studio(a_house(), viewport={"width": width, "height": 900}) as (page, server):
        await busy(server)
        await page.goto(f"{server.url}/#/control")
        await expect(page.locator('[data-chart="made"] canvas')).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_it_speaks_german_and_every_line_in_both(studio: Open) -> None:
    async with studio(a_house(), locale="de-DE") as (page, server):
        await busy(server)
        await page.goto(f"{server.url}/#/control")
        await expect(page.get_by_role("heading", name="Leitstand")).to_be_visible()
        await expect(page.get_by_role("table", name="Wartende Aufträge").locator("tbody tr")).to_have_count(2)
        words = await page.evaluate("import('/studio/control/words.js').then(({ CONTROL }) => CONTROL)")
        assert all(german and english for english, german in words.values())
        shown = await page.evaluate("document.getElementById('view').innerText")
        assert not [name for name in words if "." in name and name in shown.split()]


async def test_the_room_weighs_little_and_is_loaded_with_itself_alone(studio: Open) -> None:
    async with studio(a_house()) as (page, server):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(server.url)))
        await page.reload()
        await expect(page.locator("#prompt")).to_be_focused()
        assert not [path for path in asked if "/control/" in path or "/vendor/" in path]
        await page.goto(f"{server.url}/#/control")
        await expect(page.locator(".score")).to_be_visible()
        await holds(page, "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('control.css'))")
        sizes = await page.evaluate(
            "performance.getEntriesByType('resource').filter(({ name }) => /control|vendor/.test(name))"
            ".map(({ encodedBodySize }) => encodedBodySize)"
        )
        assert 30_000 < sum(sizes) <= 45_000
