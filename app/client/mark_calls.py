"""The client's verbs about favourites and tags, which Kinoray has as its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from app.client.records import Video, expect_mapping
from app.client.transport import Transport, read_json


class MarkCalls:
    """The part of the client that keeps videos by marks."""

    _transport: Transport

    async def mark(self, video_id: str, favourite: bool | None = None, tags: Sequence[str] | None = None) -> Video:
        """Keep a video as a favourite or not, and by these tags instead of those it has; a None leaves it as it is."""
        said = {"favourite": favourite, "tags": None if tags is None else list(tags)}
        body = {name: value for name, value in said.items() if value is not None}
        return Video.parse(
            read_json(await self._transport.send("PATCH", f"/v1/videos/{quote(video_id, safe='')}", body=body))
        )

    async def tags(self) -> Mapping[str, int]:
        """Your tags, and how many videos have each."""
        found = expect_mapping(read_json(await self._transport.send("GET", "/v1/tags")), "tags")
        return {str(each["tag"]): int(each["videos"]) for each in found.get("data") or ()}
