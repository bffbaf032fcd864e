"""Several tabs of one browser: one stream for all who have the same key, whichever of them goes, sleeps or is stuck."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.api.house import House
from tests.api.served import ServedHouse
from tests.studio.conftest import PATIENCE_MS, Open, holds, listen, mp4
from tests.studio.test_page import ask, card, shows_step
from tests.waiting import until

pytestmark = pytest.mark.anyio
HEARD = """import('/studio/store.js').then(({ onEvent }) => { window.steps = []; window.readies = [];
  onEvent(({ kind, data }) => {
    if (kind === 'step') window.steps.push(data.step);
    if (kind === 'ready') window.readies.push(data.whole);
  });
})"""


async def another_tab(page: Page, server: ServedHouse, path: str = "/") -> Page:
    tab = await page.context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    await tab.goto(server.url + path)
    return tab


async def streams(server: ServedHouse, count: int) -> None:
    """Wait until so many are open, counted where they are served."""

    async def as_many() -> bool:
        return bool(server.house.app.state.followers.count == count)

    await until(as_many)


async def heard(tab: Page, *steps: int) -> None:
    """Wait until the page was told of these, in this order and no others."""
    await holds(tab, "(wanted) => window.steps.join() === wanted", ",".join(map(str, steps)))


async def asks_for_events(page: Page) -> list[Page]:
    """The pages of the browser that ask for the stream, as they do."""
    found: list[Page] = []
    page.context.on(
        "request", lambda request: found.append(request.frame.page) if request.url.endswith("/v1/events") else None
    )
    return found


async def test_three_tabs_have_one_stream_and_all_hear_of_everything(studio: Open) -> None:
    async with studio() as (page, server):
        early = await ask(server, "a red ball")
        await expect(card(page, early)).to_be_visible()
        tabs = [page, await another_tab(page, server), await another_tab(page, server, "/#/stories")]
        late = await ask(server, "a blue box")
        for tab in tabs[:2]:
            await expect(card(tab, early)).to_be_visible()
            await expect(card(tab, late)).to_be_visible()
        await server.house.run(late, step=5)
        for tab in tabs[:2]:
            await shows_step(tab, server, late, 5)
        await streams(server, 1)
        for tab in tabs:
            await tab.evaluate(HEARD)
        for number in (6, 7):
            await server.house.step(late, number)
        for tab in tabs:
            await heard(tab, 6, 7)
        assert server.house.app.state.followers.count == 1


async def told(tab: Page, change: str) -> None:
    """Hears of a change of its life; headless, a page is always seen, and Chromium puts none to sleep that is."""
    await tab.evaluate("(name) => document.dispatchEvent(new Event(name))", change)


async def frozen(tab: Page) -> None:
    """Put to sleep, as a browser does with a tab in the background."""
    await told(tab, "freeze")
    await stuck(tab)


async def stuck(tab: Page) -> None:
    """Stops in the middle of a script, with all that it holds."""
    session = await tab.context.new_cdp_session(tab)
    await session.send("Debugger.enable")
    await session.send("Debugger.pause")


async def crashed(tab: Page) -> None:
    with suppress(Exception):  # the page is gone before it answers
        await tab.goto("chrome://crash")


async def closed(tab: Page) -> None:
    await tab.close()


async def left(tab: Page) -> None:
    await tab.goto("about:blank")


@pytest.mark.parametrize("goes", [closed, left, crashed, frozen, stuck])
async def test_another_tab_goes_on_where_the_one_with_the_stream_ends(goes: Any, studio: Open) -> None:
    async with studio() as (page, server):
        asking = await asks_for_events(page)
        video = await ask(server, "a red ball")
        await server.house.run(video, step=1)
        await shows_step(page, server, video, 1)
        others = [await another_tab(page, server) for _ in range(2)]
        for tab in others:
            await expect(card(tab, video)).to_be_visible()
            await tab.evaluate(HEARD)
        await server.house.step(video, 2)
        for tab in others:
            await heard(tab, 2)
        await goes(page)
        for number in (3, 4):  # while nobody, or nobody who passes it on, has the stream
            await server.house.step(video, number)
        for tab in others:
            await told(tab, "visibilitychange")  # somebody looks at it
        await server.house.step(video, 5)
        for tab in others:
            await heard(tab, 2, 3, 4, 5)
            assert await tab.evaluate("window.readies.every((whole) => whole)")  # nothing had to be looked up
        await streams(server, 2 if goes is stuck else 1)  # who is stuck cannot even hang up
        assert asking[-1] in others


async def test_one_that_was_asleep_hears_what_it_missed(studio: Open) -> None:
    async with studio() as (page, server):
        ends, video = await ask(server, "a red ball"), await ask(server, "a blue box")
        other = await another_tab(page, server)
        for tab in (page, other):
            await expect(card(tab, video)).to_be_visible()
        await streams(server, 1)
        for colour, sleeper, awake in (("green", other, page), ("white", page, other)):
            await told(sleeper, "freeze")
            new = await ask(server, f"a {colour} ring")
            await server.house.complete(new)
            await expect(card(awake, new).locator('[data-act="save"]')).to_be_visible()
            await told(sleeper, "resume")
            await expect(card(sleeper, new).locator('[data-act="save"]')).to_be_visible()
            await streams(server, 1)
        await server.house.complete(ends)
        for tab in (page, other):
            await expect(card(tab, ends).locator('[data-act="save"]')).to_be_visible()


async def test_all_tabs_say_that_the_server_is_away_and_go_on_when_it_is_back(studio: Open) -> None:
    async with studio(refused=True) as (page, server):
        video = await ask(server, "a red ball")
        tabs = [page, await another_tab(page, server), await another_tab(page, server)]
        for tab in tabs:
            await expect(card(tab, video)).to_be_visible()
        await server.stop()
        for tab in tabs:
            await expect(tab.locator("#away")).to_contain_text("Trying again")
        await tabs.pop(0).close()  # the one that tried
        await server.house.complete(video)
        await server.start()
        for tab in tabs:
            await expect(tab.locator("#away")).to_be_hidden()
            await expect(card(tab, video).locator('[data-act="save"]')).to_be_visible()
        await streams(server, 1)


async def test_tabs_of_another_key_hear_nothing_of_each_other_and_no_name_tells_a_key(studio: Open) -> None:
    house = House(video=mp4(), api_keys={"one": "right", "two": "other"})
    async with studio(house, refused=True) as (page, server):
        one = page
        two, third = await another_tab(page, server), await another_tab(page, server)
        for tab, key in ((one, "right"), (two, "other"), (third, "right")):
            listen(tab, server.url, True)
            await tab.fill("#key-text", key)
            await tab.keyboard.press("Enter")
            await expect(tab.locator("#key")).to_be_hidden()
        mine, theirs = await ask(server, "a red ball", "right"), await ask(server, "a blue box", "other")
        for tab in (one, third):
            await expect(card(tab, mine)).to_be_visible()
            await expect(card(tab, theirs)).to_have_count(0)
        await expect(card(two, theirs)).to_be_visible()
        await expect(card(two, mine)).to_have_count(0)
        await streams(server, 2)
        locks = await one.evaluate("navigator.locks.query().then((all) => JSON.stringify(all))")
        assert locks.count('"kinoray-') == 3  # two hold one each, and one waits
        assert "right" not in locks
        assert "other" not in locks


async def test_where_tabs_cannot_agree_each_has_a_stream_of_its_own(studio: Open) -> None:
    async with studio() as (page, server):
        await page.context.add_init_script("delete Navigator.prototype.locks")
        await page.reload()
        other = await another_tab(page, server)
        video = await ask(server, "a red ball")
        for tab in (page, other):
            await expect(card(tab, video)).to_be_visible()
        await streams(server, 2)


@pytest.mark.parametrize("browser", [["--disable-back-forward-cache"]], indirect=True)
async def test_a_page_that_one_comes_back_to_was_kept_and_hears_what_it_missed(studio: Open) -> None:
    async with studio(refused=True) as (page, server):  # a picture alone has no icon
        await page.evaluate("addEventListener('pageshow', ({ persisted }) => (window.kept = persisted))")
        await streams(server, 1)
        await page.goto(f"{server.url}/studio/icon.svg")
        await streams(server, 0)
        video = await ask(server, "a red ball")
        await page.go_back(wait_until="commit")
        await expect(card(page, video)).to_be_visible()
        assert await page.evaluate("window.kept")  # neither lock, channel nor connection kept the browser from it
        await streams(server, 1)
