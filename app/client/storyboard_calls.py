"""What the client can ask about storyboards: made, planned, drafted, followed, changed, stopped, written to files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import anyio
from typing_extensions import Unpack

from app.client.errors import TIMEOUT, KinorayClientError
from app.client.options import DraftOptions, PreviewOptions, SceneOptions, StoryboardOptions
from app.client.records import JsonObject, expect_mapping
from app.client.storyboard_records import (
    Storyboard,
    StoryboardDraft,
    StoryboardEvent,
    StoryboardPage,
    StoryboardPlan,
    Voices,
)
from app.client.stream import follow
from app.client.target import Target
from app.client.transport import Transport, read_json

STORYBOARDS = "/v1/storyboards"
VOICES = "/v1/voices"


class StoryboardCalls:
    """A part of `Kinoray`; every method raises KinorayClientError, also where the key lacks the scope `storyboards`."""

    _transport: Transport

    async def create_storyboard(
        self, storyboard: StoryboardOptions | JsonObject, idempotency_key: str | None = None
    ) -> Storyboard:
        """Ask for a film of scenes: the API's fields (StoryboardOptions, docs/api.md), or the `storyboard` of a draft.

        With an `idempotency_key`, asking again makes no second one, so that it is asked again where an answer may have
        been lost.
        """
        headers = None if idempotency_key is None else {b"Idempotency-Key": idempotency_key.encode()}
        answer = await self._transport.send(
            "POST", STORYBOARDS, body=storyboard, repeatable=idempotency_key is not None, headers=headers
        )
        return Storyboard.parse(read_json(answer))

    async def analyze_storyboard(self, storyboard: StoryboardOptions | JsonObject) -> StoryboardPlan:
        """What it would be and take, scene by scene, without making anything."""
        answer = await self._transport.send("POST", f"{STORYBOARDS}/analyze", body=storyboard)
        return StoryboardPlan.parse(read_json(answer))

    async def draft_storyboard(self, text: str, **options: Unpack[DraftOptions]) -> StoryboardDraft:
        """Scenes of a text, to be looked at; nothing is made. Options are the API's fields; a None stays out."""
        body = {"text": text, **_said(options)}
        return StoryboardDraft.parse(read_json(await self._transport.send("POST", f"{STORYBOARDS}/draft", body=body)))

    async def voices(self) -> Voices:
        """Who may narrate: what `voice` of a storyboard takes."""
        return Voices.parse(read_json(await self._transport.send("GET", VOICES)))

    async def preview_voice(self, text: str, **options: Unpack[PreviewOptions]) -> bytes:
        """A few words as a narration would have them, a FLAC file; 404 `no_voice` where the server has none."""
        answer = await self._transport.send("POST", f"{VOICES}/preview", body={"text": text, **_said(options)})
        return answer.content

    async def storyboard(self, story_id: str) -> Storyboard:
        """A storyboard as it stands."""
        return Storyboard.parse(read_json(await self._transport.send("GET", _place(story_id))))

    async def storyboards(self, limit: int = 20, after: str | None = None, order: str = "desc") -> StoryboardPage:
        """A page of storyboards, newest first unless `order` is "asc"."""
        params: dict[str, str | int] = {"limit": limit, "order": order, **({"after": after} if after else {})}
        return StoryboardPage.parse(read_json(await self._transport.send("GET", STORYBOARDS, params)))

    async def storyboard_events(
        self, story_id: str, last_event_id: str | None = None
    ) -> AsyncGenerator[StoryboardEvent, None]:
        """What happens to it, until it ends; survives dropped connections. What was missed comes as a snapshot."""
        async with aclosing(follow(self._transport, _place(story_id, "/events"), last_event_id)) as events:
            async for event in events:
                yield StoryboardEvent(event.id, event.kind, event.data)

    async def wait_for_storyboard(
        self,
        story_id: str,
        on_event: Callable[[StoryboardEvent], object] | None = None,
        timeout_s: float | None = None,
    ) -> Storyboard:
        """The storyboard once it has ended, well or not: look at its `status`. A timeout leaves it under way."""
        with anyio.move_on_after(timeout_s) as scope:
            async with aclosing(self.storyboard_events(story_id)) as events:
                async for event in events:
                    if on_event is not None:
                        on_event(event)
        if scope.cancelled_caught:
            raise KinorayClientError(0, TIMEOUT, f"{story_id} has not ended after {timeout_s:g} s; it goes on")
        return await self.storyboard(story_id)

    async def change_scene(
        self, story_id: str, number: int, change: SceneOptions | JsonObject, revision: int | None = None
    ) -> Storyboard:
        """Another prompt, narration … of scene `number`, from 1; what that concerns is made again. None takes away.

        `revision`: refuse (409 `revision_conflict`) where it is another by now; `revision` of the error is that one.
        """
        body = dict(change) | ({} if revision is None else {"revision": revision})
        path = _place(story_id, f"/scenes/{number}")
        return Storyboard.parse(read_json(await self._transport.send("PATCH", path, body=body, repeatable=False)))

    async def retry_scene(self, story_id: str, number: int) -> Storyboard:
        """Make a scene that failed again, that one alone, and then the film."""
        path = _place(story_id, f"/scenes/{number}/retry")
        return Storyboard.parse(read_json(await self._transport.send("POST", path)))

    async def cancel_storyboard(self, story_id: str) -> Storyboard:
        """Stop making it, and keep its record and the scenes that are made; one that has ended stays as it is."""
        return Storyboard.parse(read_json(await self._transport.send("POST", _place(story_id, "/cancel"))))

    async def delete_storyboard(self, story_id: str) -> bool:
        """Stop it if need be, and forget it, the videos that were made for it, and its files."""
        answer = read_json(await self._transport.send("DELETE", _place(story_id)))
        return bool(expect_mapping(answer, "answer").get("deleted", True))

    async def download_storyboard(
        self,
        story_id: str,
        path: str | Path,
        variant: str = "video",
        scene: int | None = None,
        overwrite: bool = True,
    ) -> Path:
        """Write a film, its thumbnail, spritesheet, srt, vtt or audio, or a scene's clip, to a file; as `download`."""
        return await self.download_storyboard_to(story_id, Target(Path(path), overwrite), variant, scene)

    async def download_storyboard_to(
        self, story_id: str, target: Target, variant: str = "video", scene: int | None = None
    ) -> Path:
        """The same for any target, such as a stream that is open."""
        params: dict[str, str | int] = {"variant": variant, **({} if scene is None else {"scene": scene})}
        with target.part() as part:
            for attempt in count():
                try:
                    await self._write_film(story_id, part, params)
                    break
                except KinorayClientError as failure:
                    await self._transport.pause(failure, attempt)
            await target.keep(part)
        return target.path

    async def _write_film(self, story_id: str, part: BinaryIO, params: Mapping[str, str | int]) -> None:
        part.seek(0)
        part.truncate()
        async with self._transport.open(_place(story_id, "/content"), params) as response:
            async for chunk in response.aiter_bytes():
                part.write(chunk)


def _place(story_id: str, what: str = "") -> str:
    """The path of a storyboard, whatever its id is made of."""
    return f"{STORYBOARDS}/{quote(story_id, safe='')}{what}"


def _said(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}
