"""Clients that are slow, fat or many against a real service: `/health` meanwhile, memory, and who is refused.

Bad clients come from processes of their own, so that they do not hold up what measures.
"""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import httpx
from PIL import Image
from rich.console import Console

from app.client.client import Kinoray
from app.errors import Overloaded
from app.service.decoding import give_back
from app.service.input_image import picture_of
from app.settings import Settings
from benchmarks.figures import at_least, at_most, percentile, spread
from benchmarks.memory import processes, resident_mib

SLOW: Final = (1200, 2000)
ADDRESSES: Final = 40  # of this machine, from which the slow ones come in the second arm
PROBE_EVERY_S: Final = 0.1
HEALTH_P99_S: Final = 0.2
FAT_PICTURES, FAT_BODIES = 24, 20
FAT_BODY_BYTES: Final = 100 * 2**20
PICTURE_SIDE: Final = 6300  # 39.7 megapixels
FOLLOWERS: Final = 1000
MOST_FOLLOWERS: Final = 1100
FOLLOW_S: Final = 40.0
LONGEST_S: Final = 120.0  # whatever waits longer for another process, or for an end, goes on without it
_SPAWN = multiprocessing.get_context("spawn")


async def measure(
    url: str, seconds: float, slow: Sequence[int], followers: int, most_followers: int, console: Console
) -> dict[str, Any]:
    """All of it; slow clients for `seconds` each, `most_followers` being what one Router takes."""
    found: dict[str, Any] = {"health_alone_s": _health_figures(await probed(url, 5.0, fresh=True))}
    for count in slow:
        for name, addresses in (("one address", 1), (f"{ADDRESSES} addresses", ADDRESSES)):
            found[f"{count} slow, {name}"] = await slow_clients(url, count, addresses, seconds)
            console.print(found)
    found["fat pictures"] = fat_pictures(FAT_PICTURES)
    console.print(found["fat pictures"])
    found["fat bodies"] = await fat_bodies(url, FAT_BODIES)
    console.print(found["fat bodies"])
    found["followers"] = await follow(url, followers)
    console.print(found["followers"])
    found["followers beyond the most"] = await beyond(url, most_followers)
    return found


async def slow_clients(url: str, count: int, addresses: int, seconds: float) -> dict[str, Any]:
    """`count` connections that send a byte a second, half of them in headers, half in bodies; `/health` meanwhile."""
    told = _SPAWN.Queue()
    host, port = _place(url)
    crowd = _SPAWN.Process(target=_crowd, args=(host, port, count, addresses, seconds, told), daemon=True)
    crowd.start()
    try:
        opened = await _told_by(told)
        waits = await probed(url, seconds, fresh=True)
        closed = await _told_by(told)
    finally:
        crowd.kill()
    return {"connected": opened, "health_s": _health_figures(waits), **closed}


async def _told_by(told: Any) -> Any:
    """What another process says next. Raises queue.Empty where it says nothing."""
    return await anyio.to_thread.run_sync(lambda: told.get(timeout=LONGEST_S))


def _crowd(host: str, port: int, count: int, addresses: int, seconds: float, told: Any) -> None:
    asyncio.run(_trickle(host, port, count, addresses, seconds, told))


async def _trickle(host: str, port: int, count: int, addresses: int, seconds: float, told: Any) -> None:
    head = b"POST /v1/videos HTTP/1.1\r\nhost: kinoray\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n"
    began, answers, lasted = time.monotonic(), Counter[str](), list[float]()
    there, connected = asyncio.Event(), 0

    async def one(number: int) -> None:
        nonlocal connected
        body = number % 2
        text = head + (b"\r\n" if body else b"x-slow: ")
        address = f"127.0.1.{1 + number % addresses}"
        reader, writer = await asyncio.open_connection(host, port, local_addr=(address, 0))
        since, connected = time.monotonic(), connected + 1
        if connected == count:
            there.set()
        with suppress(ConnectionError):
            writer.write(text)
            reading = asyncio.ensure_future(reader.read(64))
            while not reading.done() and time.monotonic() - began < seconds + 60:
                writer.write(b"x")
                await asyncio.wait([reading], timeout=1.0)
            words = reading.result() if reading.done() and not reading.exception() else b""
            answers[words.partition(b"\r\n")[0].decode() or "closed"] += 1
            lasted.append(time.monotonic() - since)
        with suppress(Exception):
            writer.transport.abort()

    tasks = []
    for number in range(count):
        tasks.append(asyncio.ensure_future(one(number)))
        if number % 100 == 99:
            await asyncio.sleep(0.05)
    with suppress(TimeoutError):
        await asyncio.wait_for(there.wait(), 30.0)
    told.put(connected)
    await asyncio.wait(tasks, timeout=max(0.0, began + seconds - time.monotonic()))
    ended = {"ended_within_it": len(lasted), "answers": dict(answers)}
    told.put({**ended, "lasted_s": spread(lasted, 1) if lasted else None})


async def probed(url: str, seconds: float, fresh: bool) -> list[float]:
    """How long each look at `/health` took, each by a new connection if `fresh`; a failed one took for ever."""
    waits, until = list[float](), time.monotonic() + seconds
    limits = httpx.Limits(max_keepalive_connections=0 if fresh else 10)
    async with httpx.AsyncClient(base_url=url, timeout=10, limits=limits) as client:
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                well = (await client.get("/health")).status_code == 200
            except httpx.HTTPError:
                well = False
            waits.append(time.monotonic() - began if well else float("inf"))
            await anyio.sleep(PROBE_EVERY_S)
    return waits


async def _probed_apart(url: str, seconds: float) -> list[float]:
    """The same from a process of its own: a crowd in this one would hold up its clock as well."""
    told = _SPAWN.Queue()
    prober = _SPAWN.Process(target=_probe, args=(url, seconds, told), daemon=True)
    prober.start()
    waits: list[float] = await _told_by(told)
    return waits


def _probe(url: str, seconds: float, told: Any) -> None:
    told.put(asyncio.run(probed(url, seconds, fresh=True)))


def _health_figures(waits: Sequence[float]) -> dict[str, Any]:
    good = [wait for wait in waits if wait != float("inf")]
    failed = len(waits) - len(good)
    return at_most(
        percentile(waits, 0.99) if waits else 1e9, HEALTH_P99_S, failed=failed, all=spread(good) if good else None
    )


def fat_pictures(count: int) -> dict[str, Any]:
    """So many requests at once, each with a small file of 39.7 megapixels, in a process of their own: its memory.

    The built-in model takes no pictures: this is the Router's part of it, which comes before any model.
    """
    told = _SPAWN.Queue()
    decoder = _SPAWN.Process(target=_decode, args=(count, told), daemon=True)
    decoder.start()
    found: dict[str, Any] = told.get(timeout=300)
    decoder.join()
    return found


def _decode(count: int, told: Any) -> None:
    file = io.BytesIO()
    Image.new("RGB", (PICTURE_SIDE, PICTURE_SIDE), "red").save(file, "PNG")
    picture, settings, answers = file.getvalue(), Settings(), Counter[str]()
    give_back()
    before, most, over = resident_mib(), resident_mib(), threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.01):
            most = max(most, resident_mib())

    async def ask(number: int) -> None:
        try:
            await picture_of(picture, f"tenant {number % 3}", settings)
            answers["decoded"] += 1
        except Overloaded:
            answers["429"] += 1

    async def all_of_them() -> None:
        await asyncio.gather(*(ask(number) for number in range(count)))

    watching, began = threading.Thread(target=watch), time.monotonic()
    watching.start()
    asyncio.run(all_of_them())
    over.set()
    watching.join()
    mib = {"before": before, "most": most, "after": resident_mib()}
    told.put({"bytes_of_each": len(picture), "took_s": round(time.monotonic() - began, 1), "mib": mib, **answers})


async def fat_bodies(url: str, count: int) -> dict[str, Any]:
    """So many chunked bodies of 100 MB at once, and what they leave behind."""
    answers = Counter[str]()
    host, port = _place(url)
    head = b"POST /v1/videos HTTP/1.1\r\nhost: kinoray\r\ncontent-type: application/json\r\ntransfer-encoding: chunked"

    async def send() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        reading = asyncio.ensure_future(reader.read(64))
        with suppress(ConnectionError):
            writer.write(head + b"\r\n\r\n")
            for _ in range(FAT_BODY_BYTES // 2**16):
                writer.write(b"10000\r\n" + b" " * 2**16 + b"\r\n")
                await writer.drain()
        try:
            with anyio.fail_after(30):
                answers[(await reading).partition(b"\r\n")[0].decode() or "closed"] += 1
        except (ConnectionError, TimeoutError) as error:
            answers[type(error).__name__] += 1
        writer.transport.abort()

    async def all_of_them() -> None:
        with anyio.move_on_after(LONGEST_S):
            async with anyio.create_task_group() as group:
                for _ in range(count):
                    group.start_soon(send)

    return {**await _with_memory(all_of_them), "answers": dict(answers)}


async def _with_memory(work: Callable[[], Any]) -> dict[str, Any]:
    """Resident MiB of proxy and Routers before, at the most, and afterwards; seconds that it took."""
    before, most, began = processes(), Counter[str](), time.monotonic()

    async def watch() -> None:
        while True:
            for name, mib in processes().items():
                most[name] = max(most[name], mib)
            await anyio.sleep(0.1)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        await work()
        took_s = time.monotonic() - began
        await anyio.sleep(3.0)  # what they give back, they give back by then
        group.cancel_scope.cancel()
    return {"took_s": round(took_s, 1), "mib": {"before": before, "most": dict(most), "after": processes()}}


async def follow(url: str, count: int, key: str | None = None) -> dict[str, Any]:
    """So many followers of one job at once: who has heard its snapshot, and later its end."""
    async with Kinoray(url, api_key=key, timeout_s=60) as client:
        job = await client.create("a red ball that is followed", num_inference_steps=50, budget=50, num_frames=17)
        snapshots, answers, ends = list[float](), Counter[str](), 0
        began = time.monotonic()

        async def one(http: httpx.AsyncClient) -> None:
            nonlocal ends
            try:
                async with http.stream("GET", f"/v1/videos/{job.id}/events") as stream:
                    code = "" if stream.status_code == 200 else (await stream.aread()).decode()[:90]
                    answers[f"{stream.status_code} {code}".strip()] += 1
                    async for line in stream.aiter_lines():
                        if line == "event: snapshot":
                            snapshots.append(time.monotonic() - began)
                        ends += line == "event: end"
            except httpx.HTTPError as error:
                answers[type(error).__name__] += 1

        limits = httpx.Limits(max_connections=None)
        async with (
            httpx.AsyncClient(base_url=url, headers=_headers(key), timeout=60, limits=limits) as http,
            anyio.create_task_group() as all_,
        ):
            for _ in range(count):
                all_.start_soon(one, http)
            with anyio.move_on_after(FOLLOW_S):
                while len(snapshots) < count:
                    await anyio.sleep(0.1)
            health = await _probed_apart(url, 5.0)
            with suppress(Exception):
                await client.delete(job.id)
            all_.cancel_scope.deadline = anyio.current_time() + LONGEST_S
    heard = spread(snapshots) if snapshots else None
    told = {"answers": dict(answers), "snapshot_after_s": heard, "ends": at_least(ends, count)}
    return {"followers": at_least(len(snapshots), count), **told, "health_s": _health_figures(health)}


async def beyond(url: str, most: int, key: str | None = None) -> dict[str, Any]:
    """More followers than both Routers take, of all of a tenant's videos: the others are refused at once."""
    count, answers, patient = 2 * most + 100, Counter[str](), 0
    slowest = 0.0

    async def one(http: httpx.AsyncClient) -> None:
        nonlocal patient, slowest
        began = time.monotonic()
        try:
            async with http.stream("GET", "/v1/events") as stream:
                answers[str(stream.status_code)] += 1
                if stream.status_code in (429, 503):
                    slowest = max(slowest, time.monotonic() - began)
                    patient += "retry-after" in stream.headers
                    return
                await anyio.sleep_forever()
        except httpx.HTTPError as error:
            answers[type(error).__name__] += 1

    limits = httpx.Limits(max_connections=None)
    client = httpx.AsyncClient(base_url=url, headers=_headers(key), timeout=60, limits=limits)
    async with client as http, anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(one, http)
        with anyio.move_on_after(40):
            while answers.total() < count:
                await anyio.sleep(0.1)
        group.cancel_scope.cancel()
    unheard = count - answers.total()
    return {"asked": count, "answers": dict(answers), "with Retry-After": patient, "slowest_refusal_s": slowest} | {
        "left without an answer": at_most(unheard, 0)
    }


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"authorization": f"Bearer {key}"}


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80
