"""A picture on the page: seen, cut by pointer and keys, sent in chunks whatever happens, prepared, on the job."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Page, Route, expect

from app.types import FIRST, LAST, REFERENCE, InputRole, Job
from tests.api.house import MODEL, House
from tests.api.served import ServedHouse
from tests.api.test_pictures import data_url
from tests.studio.conftest import Open, holds, mp4
from tests.studio.test_ask import jobs
from tests.studio.test_looks import no_violation
from tests.studio.test_page import ask, card
from tests.video.subjects.drawn import scenes
from tests.waiting import until

pytestmark = pytest.mark.anyio
EVIL = "<img src=x onerror=alert(1)>.png"


def house(**options: Any) -> House:
    """Its model takes pictures."""
    return House(models=(replace(MODEL, takes_image=True),), video=mp4(), **options)


def picture(width: int = 400, height: int = 200, format: str = "PNG", **saved: Any) -> bytes:
    """Red on the left, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 2] = 220
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **saved)
    return file.getvalue()


async def pick(page: Page, content: bytes, name: str = "a.png", kind: str = "image/png") -> None:
    await expect(page.locator("#picture")).to_be_enabled()
    await page.set_input_files("#picture", {"name": name, "mimeType": kind, "buffer": content})
    await expect(page.locator("#picture-seen .crop img")).to_be_visible()


async def sent(page: Page) -> None:
    """Wait until all of it is on the server."""
    await expect(page.locator("#picture-box progress")).to_be_hidden()


async def asked(page: Page, server: ServedHouse) -> tuple[Job, Image.Image]:
    """The job that the form makes, and the picture that it begins with."""
    await page.fill("#prompt", "a red ball")
    await page.click("#make")
    await expect(page.locator("article")).to_have_count(1)
    (job,) = await jobs(server.house)
    assert job.plan.image is not None
    content = b"".join([part async for part in server.house.artifacts.read(job.plan.image, 0, None)])
    return job, Image.open(io.BytesIO(content)).convert("RGB")


async def test_a_picture_is_seen_sent_and_on_the_job(studio: Open) -> None:
    async with studio(house()) as (page, server):
        bodies: list[Any] = []
        page.on("request", lambda each: bodies.append(each.post_data_json) if each.url.endswith("/v1/videos") else None)
        await pick(page, picture(), EVIL)
        await expect(page.locator("#picture-note")).to_have_text(EVIL)
        assert await page.locator("#picture-box img[src=x]").count() == 0
        _, shown = await asked(page, server)
        assert shown.size == (400, 200)
        (upload,) = await server.house.uploads.own("public", 0.0)
        assert [body["input_reference"] for body in bodies if body] == [{"upload": upload.id}]
        await page.get_by_role("button", name="Take the picture away").click()
        await expect(page.locator("#picture-seen img")).to_have_count(0)
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(2)
        assert (await jobs(server.house))[-1].plan.image is None

        async def forgotten() -> bool:
            return not await server.house.uploads.own("public", 0.0)

        await until(forgotten)


@pytest.mark.parametrize("by", ["keys", "pointer"])
async def test_what_the_frame_holds_is_what_is_sent(by: str, studio: Open) -> None:
    async with studio(house()) as (page, server):
        await page.click("#advanced summary")
        await page.select_option("#size", "64x64")
        await pick(page, picture())
        frame = page.get_by_role("button", name="The part that is taken")
        await frame.hover()  # once nothing moves any more
        box = await frame.bounding_box()
        whole = await page.locator(".crop").bounding_box()
        assert box
        assert whole
        assert abs(box["width"] - box["height"]) < 2  # of the video's shape
        if by == "keys":
            await frame.focus()
            for _ in range(15):
                await page.keyboard.press("ArrowRight")
            await page.keyboard.press("-")
            for _ in range(5):
                await page.keyboard.press("ArrowRight")
        else:
            await page.mouse.move(box["x"] + 20, box["y"] + 20)
            await page.mouse.down()
            await page.mouse.move(whole["x"] + whole["width"], box["y"] + 20, steps=4)
            await page.mouse.up()
        moved = await frame.bounding_box()
        assert moved
        assert abs(moved["x"] + moved["width"] - whole["x"] - whole["width"]) < 2
        await sent_again(page, server)
        _, shown = await asked(page, server)
        assert abs(shown.width - shown.height) <= 1
        assert shown.width <= 200
        assert np.asarray(shown)[:, :, 2].mean() > 210  # all of it is blue


async def sent_again(page: Page, server: ServedHouse) -> None:
    """Wait until what the frame holds is there, and what was sent before is not."""

    async def cut() -> bool:
        uploads = await server.house.uploads.own("public", 0.0)
        return (
            len(uploads) == 1
            and uploads[0].whole
            and uploads[0].picture is not None
            and uploads[0].picture.width <= 200
        )

    await until(cut)
    await sent(page)


async def test_a_photograph_is_turned_as_its_camera_says(studio: Open) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by 90 degrees
    content = picture(format="JPEG", exif=exif, quality=95)
    async with studio(house()) as (page, server):
        await pick(page, content, "a.jpg", "image/jpeg")
        size = "[...document.querySelectorAll('.crop img')].map((each) => each.naturalWidth / each.naturalHeight)[0]"
        await holds(page, f"{size} === 0.5")
        frame = page.get_by_role("button", name="The part that is taken")
        await frame.focus()
        for _ in range(20):
            await page.keyboard.press("ArrowUp")
        await sent_again(page, server)
        _, shown = await asked(page, server)
        assert np.asarray(shown)[:, :, 0].mean() > 200  # the upper part, red: the left one before it was turned


async def cut_off(page: Page, after: int) -> Callable[[], Awaitable[None]]:
    """Loses all chunks behind that many, until what is returned is called."""
    count = 0

    async def lost(route: Route) -> None:
        nonlocal count
        if route.request.method == "PATCH":
            count += 1
            if count > after:
                await route.abort("connectionreset")
                return
        await route.continue_()

    await page.route("**/v1/uploads/*", lost)

    async def mend() -> None:
        await page.unroute("**/v1/uploads/*")

    return mend


def noise() -> bytes:
    """A picture of more than three chunks."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (1100, 1100, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("what", ["reload", "restart"])
async def test_an_upload_goes_on_where_it_stood(what: str, studio: Open) -> None:
    async with studio(house(), refused=True) as (page, server):
        content = noise()
        mend = await cut_off(page, 2)
        await pick(page, content)

        async def begun() -> bool:
            uploads = await server.house.uploads.own("public", 0.0)
            return bool(uploads) and uploads[0].offset == 2 * 2**20

        await until(begun)
        (before,) = await server.house.uploads.own("public", 0.0)
        if what == "restart":
            await server.stop()
            await mend()
            await server.start()
        else:
            await mend()
            await page.reload()
            await expect(page.locator("#picture-seen .crop img")).to_be_visible()

        async def whole() -> bool:
            return all(each.whole for each in await server.house.uploads.own("public", 0.0))

        await until(whole)
        (after,) = await server.house.uploads.own("public", 0.0)
        assert (after.id, after.length) == (before.id, len(content))
        await sent(page)
        _, shown = await asked(page, server)
        assert shown.size == (1100, 1100)


async def test_the_subject_is_shown_cut_out_before_anything_is_made(studio: Open) -> None:
    pixels, truth = scenes(1, 128)[0]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    async with studio(house()) as (page, server):
        await pick(page, file.getvalue())
        await page.select_option("#picture-background", "remove")
        await page.select_option("#picture-crop", "subject")
        await expect(page.locator(".picture-result img")).to_be_visible()
        await expect(page.locator(".picture-result")).to_contain_text("Found what stands out")
        rows, columns = np.nonzero(truth)
        sides = await page.evaluate(
            "(({ style }) => [style.left, style.top].map(parseFloat))(document.querySelector('.crop .subject'))"
        )
        assert np.abs(np.array(sides) * 1.28 - [columns.min(), rows.min()]).max() <= 3
        job, _ = await asked(page, server)
        assert job.plan.prepared is not None
        assert (job.plan.prepared.wish.background, job.plan.prepared.wish.crop) == ("remove", "subject")


async def test_what_is_no_picture_or_shows_no_subject_is_said(studio: Open) -> None:
    async with studio(house(), refused=True) as (page, _):
        await expect(page.locator("#picture")).to_be_enabled()
        await page.set_input_files("#picture", {"name": "a.gif", "mimeType": "image/gif", "buffer": b"GIF89a"})
        await expect(page.locator("#picture-note")).to_have_text("That is no PNG, JPEG or WebP.")
        await page.set_input_files("#picture", {"name": "a.png", "mimeType": "image/png", "buffer": b"nonsense"})
        await expect(page.locator("#picture-note")).to_have_text("That picture cannot be read.")
        flat = io.BytesIO()
        Image.new("RGB", (64, 64), (90, 90, 90)).save(flat, "PNG")
        await pick(page, flat.getvalue())
        await page.select_option("#picture-crop", "subject")
        await expect(page.locator(".picture-result .refused")).to_contain_text("nothing that stands out")


async def test_a_picture_is_dropped_or_pasted(studio: Open) -> None:
    async with studio(house()) as (page, server):
        await expect(page.locator("#picture")).to_be_enabled()
        give = """([kind, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], `${kind}.png`, { type: "image/png" }));
          const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
            : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
        }"""
        for kind in ("drop", "paste"):
            await page.evaluate(give, [kind, list(picture(64, 64))])
            await expect(page.locator("#picture-note")).to_have_text(f"{kind}.png")
        await sent(page)
        _, shown = await asked(page, server)
        assert shown.size == (64, 64)


async def test_a_key_that_may_not_upload_sends_it_with_the_request(studio: Open) -> None:
    async with studio(house(), refused=True) as (page, server):

        async def forbidden(route: Route) -> None:
            await route.fulfill(status=403, json={"error": {"code": "insufficient_scope", "message": "No."}})

        await page.route("**/v1/uploads", forbidden)
        await pick(page, picture())
        _, shown = await asked(page, server)
        assert shown.size == (400, 200)


ROLES = (InputRole(FIRST), InputRole(LAST, beside=FIRST), InputRole(REFERENCE, most=2, graded=True))
ENDS = replace(MODEL, id="ends", takes_image=True, inputs=ROLES)


async def give(page: Page, at: str, content: bytes) -> None:
    await page.set_input_files(f"#{at}", {"name": f"{at}.png", "mimeType": "image/png", "buffer": content})
    await expect(page.locator(f"#{at}-seen .crop img")).to_be_visible()


async def test_what_the_chosen_model_takes_is_offered_and_sent_each_in_its_role(studio: Open) -> None:
    async with studio(House(models=(MODEL, ENDS), video=mp4())) as (page, server):
        last, references = (
            page.locator("label", has_text="End with"),
            page.locator("label", has_text="Show who or what"),
        )
        await page.click("#advanced summary")
        await expect(page.locator("#model option")).to_have_count(3)
        await expect(last).to_have_count(0)
        await page.select_option("#model", "ends")
        await expect(last).to_be_visible()
        await expect(page.locator("label:visible", has_text="Show who or what")).to_have_count(1)
        await give(page, "picture", picture(400, 200))
        await give(page, "picture-last-0", picture(200, 400))
        await give(page, "picture-reference-0", picture(64, 64))
        await expect(page.locator("label:visible", has_text="Show who or what")).to_have_count(2)  # one to be filled
        await page.fill("#picture-reference-0-strength", "0.5")
        await no_violation(page, "pictures")
        await page.reload()  # nothing of it is lost
        await expect(page.locator("#picture-last-0-seen .crop img")).to_be_visible()
        await expect(page.locator("#picture-reference-0-seen .crop img")).to_be_visible()
        await page.fill("#picture-reference-0-strength", "0.5")
        await page.fill("#prompt", "a red ball")
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(1)
        (job,) = await jobs(server.house)
        assert job.plan.image is not None
        assert [(each.role, each.strength) for each in job.plan.references] == [("last", 1.0), ("reference", 0.5)]
        await page.click("#advanced summary")
        await page.select_option("#model", "shapes")
        await expect(references).to_have_count(0)
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(2)
        plain = next(job for job in await jobs(server.house) if job.plan.model == "shapes")
        assert (plain.plan.image, plain.plan.references) == (None, ())


async def test_a_remix_has_the_pictures_of_its_video_and_no_others(studio: Open) -> None:
    async with studio(House(models=(MODEL, ENDS), video=mp4())) as (page, server):
        first, last, shown = ({"image": data_url(picture(side, side))} for side in (64, 96, 128))
        references = [
            first | {"role": "first"},
            last | {"role": "last"},
            {**shown, "role": "reference", "strength": 0.5},
        ]
        begun = await ask(server, "a red ball", model="ends", input_references=references, negative_prompt="blur")
        plain = await ask(server, "a blue box")
        for video in (begun, plain):
            await server.house.complete(video)
        await page.reload()
        await page.click("#advanced summary")
        await page.select_option("#model", "ends")
        await give(page, "picture-reference-0", picture(32, 32))
        await give(page, "picture-reference-1", picture(40, 40))
        await card(page, begun).locator('[data-act="remix"]').click()
        await expect(page.locator("#picture-seen .crop img")).to_be_visible()
        await expect(page.locator("#picture-last-0-seen .crop img")).to_be_visible()
        await expect(page.locator("#picture-reference-0-strength")).to_have_value("0.5")
        await expect(page.locator("#picture-reference-1-seen .crop img")).to_have_count(0)
        await expect(page.locator("#negative")).to_have_value("blur")
        await expect(page.locator("#trouble")).to_be_empty()
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(3)
        again, first = [job.plan for job in await jobs(server.house) if job.plan.model == "ends"]
        assert (again.image, again.references, again.sampling) == (first.image, first.references, first.sampling)
        await card(page, plain).locator('[data-act="remix"]').click()
        await expect(page.locator("#model")).to_have_value("shapes")
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(4)
        assert [job.plan.inputs for job in await jobs(server.house) if job.plan.model == "shapes"] == [(), ()]


async def test_a_remix_says_what_the_form_has_no_place_for(studio: Open) -> None:
    """A picture that is gone, and the other that a video goes on from."""
    async with studio(house(), refused=True) as (page, server):
        video = await ask(server, "a red ball", input_reference=data_url(picture(64, 64)))
        await server.house.complete(video)
        await server.house.artifacts.delete((await server.house.jobs.get(video)).plan.inputs[0])
        await card(page, video).locator('[data-act="remix"]').click()
        await expect(page.locator("#trouble")).to_contain_text("no longer stored")
        await expect(page.locator("#prompt")).to_have_value("a red ball")
        begun = await ask(server, "a blue box")
        await server.house.complete(begun)
        async with server.house.client() as client:
            more = (await client.post(f"/v1/videos/{begun}/extend", json={"prompt": "it spins"})).json()["id"]
        await server.house.complete(more)
        await card(page, more).locator('[data-act="remix"]').click()
        await expect(page.locator("#trouble")).to_contain_text("goes on where another video ends")
        await expect(page.locator("#prompt")).to_have_value("it spins")
