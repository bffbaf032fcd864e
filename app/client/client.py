"""The async Python client: one method for each verb of the API, typed records back."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote

import anyio
from typing_extensions import Unpack

from app.client.address import from_environment
from app.client.errors import TIMEOUT, KinorayClientError
from app.client.lora_calls import LoraCalls
from app.client.mark_calls import MarkCalls
from app.client.operator_calls import OperatorCalls
from app.client.options import Priority, StyleOptions, VideoOptions
from app.client.records import Health, JsonObject, RecommendedStyle, Style, Video, VideoEvent, VideoPage, expect_mapping
from app.client.report import VideoReport
from app.client.storyboard_calls import StoryboardCalls
from app.client.stream import follow
from app.client.target import Target
from app.client.transport import Transport, read_json
from app.client.uploads import Uploads

VIDEOS = "/v1/videos"
EVENTS = "/v1/events"
STYLES = "/v1/styles"


def _place(video_id: str, what: str = "") -> str:
    """The path of a video, whatever its id is made of."""
    return f"{VIDEOS}/{quote(video_id, safe='')}{what}"


class Kinoray(LoraCalls, MarkCalls, StoryboardCalls, OperatorCalls):
    """A client of one Kinoray service.

        async with Kinoray() as kinoray:
            video = await kinoray.create("a red ball bounces on sand")
            video = await kinoray.wait(video.id)
            await kinoray.download(video.id, "ball.mp4")

    Without a `base_url` it is KINORAY_URL, else the service of KINORAY_PORT (8000) on this machine. Every method raises
    KinorayClientError. What can safely be repeated is, up to `retries` times.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
    ) -> None:
        self._transport = Transport(base_url or from_environment(os.environ), api_key, timeout_s, retries)
        self.base_url = self._transport.base_url
        self.uploads = Uploads(self._transport)

    async def __aenter__(self) -> Kinoray:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.http.aclose()

    async def create(self, prompt: str, idempotency_key: str | None = None, **options: Unpack[VideoOptions]) -> Video:
        """Ask for a video. Options are the API's fields (VideoOptions, docs/api.md); a None stays out.

        With an `idempotency_key`, a name of your own for this request, asking again makes no second job, so that it is
        asked again where an answer may have been lost.
        """
        body = {"prompt": prompt, **{name: value for name, value in options.items() if value is not None}}
        return await self._ask(VIDEOS, body, idempotency_key)

    async def _ask(self, path: str, body: Mapping[str, object], key: str | None) -> Video:
        """A new video; sent again after a lost answer only when the server can tell that it is the same request."""
        headers = None if key is None else {b"Idempotency-Key": key.encode()}
        answer = await self._transport.send("POST", path, body=body, repeatable=key is not None, headers=headers)
        return Video.parse(read_json(answer))

    async def retrieve(self, video_id: str, wait_s: float = 0.0) -> Video:
        """A video as it is now, or, with `wait_s` up to 60, as soon as it has ended, and after those seconds anyway."""
        params = {"wait": wait_s} if wait_s else None
        answer = await self._transport.send("GET", _place(video_id), params, patience_s=wait_s)
        return Video.parse(read_json(answer))

    async def asked(self, video_id: str) -> JsonObject:
        """The request that makes a video again: `path`, `body`, and whether it would be `exact`ly the same.

        `fields` are all that it was asked for with, `inputs` the pictures and videos beside them, whose bytes `given`
        has, and `extends` the video that it goes on from.
        """
        answer = read_json(await self._transport.send("GET", _place(video_id, "/request")))
        return expect_mapping(answer, "answer")

    async def given(self, video_id: str, number: int = 0) -> bytes:
        """The bytes of a picture or a video that a video was made with: of its `inputs` the one at that place."""
        return (await self._transport.send("GET", _place(video_id, f"/inputs/{number}"))).content

    async def report(self, video_id: str) -> VideoReport:
        """Where a video's time went so far: stages, waits, attempts, and the bottleneck in a sentence."""
        return VideoReport.parse(read_json(await self._transport.send("GET", _place(video_id, "/report"))))

    async def list(
        self,
        limit: int = 20,
        after: str | None = None,
        order: str = "desc",
        *,
        favourite: bool = False,
        tags: Sequence[str] = (),
        search: str | None = None,
    ) -> VideoPage:
        """A page of videos, newest first unless `order` is "asc": of favourites alone, or of those with all `tags`.

        A `search` has one page, of those with all of its words and then of those that mean it.
        """
        params: dict[str, str | int | Sequence[str]] = {"limit": limit, "order": order}
        said = {"after": after, "search": search, "favourite": "true" if favourite else None, "tag": tuple(tags)}
        params |= {name: value for name, value in said.items() if value}
        return VideoPage.parse(read_json(await self._transport.send("GET", VIDEOS, params=params)))

    async def iterate(self, order: str = "desc", page_size: int = 100) -> AsyncIterator[Video]:
        """All videos, page by page."""
        page = await self.list(page_size, None, order)
        while True:
            for video in page.videos:
                yield video
            if not (page.has_more and page.videos):
                return
            page = await self.list(page_size, page.last_id, order)

    async def events(
        self, video_id: str | None = None, last_event_id: str | None = None
    ) -> AsyncGenerator[VideoEvent, None]:
        """What happens to a video, until it ends, or to all of your videos, without end; survives dropped connections.

        Of all: each event has its `video_id`, and of each video a snapshot comes first. A `ready` whose data says
        `whole` False means that some of what happened while the connection was down is not known any more. The ids of
        the two kinds of stream are not each other's.
        """
        path = EVENTS if video_id is None else _place(video_id, "/events")
        async with aclosing(follow(self._transport, path, last_event_id, endless=video_id is None)) as events:
            async for event in events:
                yield event

    async def wait(
        self,
        video_id: str,
        on_event: Callable[[VideoEvent], object] | None = None,
        timeout_s: float | None = None,
    ) -> Video:
        """The video once it has ended, well or not: look at its `status`. A timeout leaves it under way."""
        with anyio.move_on_after(timeout_s) as scope:
            async with aclosing(self.events(video_id)) as events:
                async for event in events:
                    if on_event is not None:
                        on_event(event)
        if scope.cancelled_caught:
            raise KinorayClientError(0, TIMEOUT, f"{video_id} has not ended after {timeout_s:g} s; it goes on")
        return await self.retrieve(video_id)

    async def download(self, video_id: str, path: str | Path, variant: str = "video", overwrite: bool = True) -> Path:
        """Write a video (or its thumbnail or spritesheet) to a file, which appears or changes only when all is there.

        Links are followed; a device or a named pipe is written to. Raises OSError too, as where the file is there and
        `overwrite` is false.
        """
        return await self.download_to(video_id, Target(Path(path), overwrite), variant)

    async def download_to(self, video_id: str, target: Target, variant: str = "video") -> Path:
        """The same for any target, such as a stream that is open."""
        with target.part() as part:
            for attempt in count():
                try:
                    await self._write(video_id, part, variant)
                    break
                except KinorayClientError as failure:
                    await self._transport.pause(failure, attempt)
            await target.keep(part)
        return target.path

    async def _write(self, video_id: str, part: BinaryIO, variant: str) -> None:
        part.seek(0)
        part.truncate()
        async with self._transport.open(_place(video_id, "/content"), {"variant": variant}) as response:
            async for chunk in response.aiter_bytes():
                part.write(chunk)

    async def zip(self, video_ids: Sequence[str]) -> bytes:
        """Up to 100 completed videos as one archive, whole in memory."""
        return (await self._transport.send("GET", f"{VIDEOS}/zip", {"ids": ",".join(video_ids)})).content

    async def content(self, video_id: str, variant: str = "video") -> bytes:
        """The bytes of a video, its thumbnail or its spritesheet."""
        return (await self._transport.send("GET", _place(video_id, "/content"), {"variant": variant})).content

    async def cancel(self, video_id: str) -> Video:
        """Stop making a video and keep its record; one that has ended stays as it is."""
        return Video.parse(read_json(await self._transport.send("POST", _place(video_id, "/cancel"))))

    async def reprioritise(self, video_id: str, priority: str) -> Video:
        """Make a video that has not ended more or less urgent: "low", "normal" or "high". Operators anybody's."""
        answer = await self._transport.send("PATCH", _place(video_id), body={"priority": priority})
        return Video.parse(read_json(answer))

    async def delete(self, video_id: str) -> bool:
        """Stop a video if need be and forget it."""
        answer = read_json(await self._transport.send("DELETE", _place(video_id)))
        return bool(expect_mapping(answer, "answer").get("deleted", True))

    async def remix(
        self,
        video_id: str,
        prompt: str,
        idempotency_key: str | None = None,
        *,
        seed: int | None = None,
        priority: Priority | None = None,
    ) -> Video:
        """Ask for a video like an earlier one with another prompt, and with another seed (-1: a fresh one)."""
        given = {"prompt": prompt, "seed": seed, "priority": priority}
        body = {name: value for name, value in given.items() if value is not None}
        return await self._ask(_place(video_id, "/remix"), body, idempotency_key)

    async def extend(
        self, video_id: str, prompt: str, idempotency_key: str | None = None, **options: Unpack[VideoOptions]
    ) -> Video:
        """Ask for a completed video to go on from its last frame for `seconds`; the new file holds both."""
        body = {"prompt": prompt} | {name: value for name, value in options.items() if value is not None}
        return await self._ask(_place(video_id, "/extend"), body, idempotency_key)

    async def rate(self, video_id: str, score: int, reasons: Sequence[str] = ()) -> JsonObject:
        """Say what you think of a completed video, 1 (bad) to 5 (good); saying it again replaces it.

        Reasons are "too_rough", "wrong_motion", "off_prompt", "too_slow" and "good_enough".
        """
        body = {"score": score, "reasons": list(reasons)}
        answer = await self._transport.send("POST", _place(video_id, "/feedback"), body=body)
        return expect_mapping(read_json(answer), "feedback")

    async def analyze(self, prompt: str, quality_tier: str = "auto") -> JsonObject:
        """The plan that a prompt would get, and why, without making anything."""
        params = {"prompt": prompt, "quality_tier": quality_tier}
        return await self._record("/api/optimization/analyze", params)

    async def models(self) -> tuple[JsonObject, ...]:
        """The models that can be asked for."""
        return tuple(expect_mapping(each, "model") for each in (await self._record("/v1/models")).get("data") or ())

    async def styles(self) -> tuple[Style, ...]:
        """The styles that `style` may name: the server's, your own, and those that others share."""
        return tuple(Style.parse(each) for each in (await self._record(STYLES)).get("data") or ())

    async def recommend_styles(self, prompt: str, limit: int = 3) -> tuple[RecommendedStyle, ...]:
        """The styles that suit a prompt, the best first."""
        found = await self._record(f"{STYLES}/recommend", {"prompt": prompt, "limit": limit})
        return tuple(RecommendedStyle.parse(each) for each in found.get("data") or ())

    async def create_style(self, name: str, **options: Unpack[StyleOptions]) -> Style:
        """Keep a style of your own. Options are the API's fields (StyleOptions); a None stays out."""
        body = {"name": name, **{option: value for option, value in options.items() if value is not None}}
        return Style.parse(read_json(await self._transport.send("POST", STYLES, body=body, repeatable=False)))

    async def share_style(self, style_id: str, shared: bool = True) -> Style:
        """Let others use a style of yours, or keep it to yourself again."""
        path = f"{STYLES}/{quote(style_id, safe='')}/share"
        return Style.parse(read_json(await self._transport.send("POST" if shared else "DELETE", path)))

    async def delete_style(self, style_id: str) -> bool:
        """Forget a style of yours."""
        answer = read_json(await self._transport.send("DELETE", f"{STYLES}/{quote(style_id, safe='')}"))
        return bool(expect_mapping(answer, "answer").get("deleted", True))

    async def stats(self) -> JsonObject:
        """Figures of the service since its store began."""
        return await self._record("/api/stats")

    async def usage(
        self,
        first: str | None = None,
        last: str | None = None,
        group_by: str = "day,model",
        tenant: str | None = None,
    ) -> JsonObject:
        """What was used from the first day to the last (such as 2026-11-28), summed by some of day, tenant, model, key.

        `tenant` is for operators: another one, or "*" for all.
        """
        return await self._record("/v1/usage", _usage_params(first, last, group_by, tenant))

    async def usage_csv(
        self,
        first: str | None = None,
        last: str | None = None,
        group_by: str = "day,model",
        tenant: str | None = None,
    ) -> str:
        """The same as CSV."""
        params = {**_usage_params(first, last, group_by, tenant), "format": "csv"}
        return (await self._transport.send("GET", "/v1/usage", params)).text

    async def clear_cache(self, level: str | None = None) -> int:
        """Have what is cached forgotten, all or "results" or "embeddings"; how many entries. For operators."""
        answer = await self._transport.send("DELETE", "/api/cache", {"level": level} if level else None)
        return int(expect_mapping(read_json(answer), "answer").get("removed", 0))

    async def _record(self, path: str, params: Mapping[str, str | int] | None = None) -> JsonObject:
        return expect_mapping(read_json(await self._transport.send("GET", path, params)), f"answer to {path}")

    async def health(self) -> Health:
        """How the service is. A sick one answers too: only one that does not answer raises."""
        response = await self._transport.ask("GET", "/health")
        return Health(response.is_success, expect_mapping(read_json(response), "health"))


def _usage_params(first: str | None, last: str | None, group_by: str, tenant: str | None) -> dict[str, str | int]:
    said = {"from": first, "to": last, "group_by": group_by, "tenant": tenant}
    return {name: value for name, value in said.items() if value is not None}
