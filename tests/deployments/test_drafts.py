"""A speculative job through the whole service: its draft is heard and played before its video is there."""

from __future__ import annotations

import io
import uuid

import av
import pytest

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.records import VideoEvent

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]


def frames(mp4: bytes) -> int:
    with av.open(io.BytesIO(mp4)) as file:
        return sum(1 for _ in file.decode(video=0))


async def test_its_draft_is_heard_before_its_end_and_both_play(client: Kinoray) -> None:
    take = uuid.uuid4().hex[:6]
    asked = await client.create(f"a big red ball moves right on a black background, {take}", speculative=True)
    assert asked.draft is not None
    heard: list[VideoEvent] = []
    draft = b""
    async for event in client.events(asked.id):
        heard.append(event)
        if event.kind == "draft":
            draft = await client.content(asked.id, "draft")
    kinds = [event.kind for event in heard]
    assert kinds.index("draft") < kinds.index("refine") < kinds.index("end")
    done = await client.retrieve(asked.id)
    assert (done.status, done.error) == ("completed", None)
    assert done.draft is not None
    assert done.draft.verdict in ("kept", "rejected", "uncalibrated")
    assert done.draft.after_s == next(event.data["after_s"] for event in heard if event.kind == "draft")
    assert draft == await client.content(asked.id, "draft")
    assert frames(draft) == frames(await client.content(asked.id)) == 17
    assert draft != await client.content(asked.id)


async def test_another_that_asks_for_the_same_is_answered_with_both(client: Kinoray) -> None:
    prompt = f"a small blue ball rises on a black background, {uuid.uuid4().hex[:6]}"
    first = await client.wait((await client.create(prompt, speculative=True)).id)
    again = await client.create(prompt, speculative=True)
    assert (again.status, again.cache.kind) == ("completed", "result")
    assert await client.content(again.id, "draft") == await client.content(first.id, "draft")


async def test_a_plain_one_has_no_draft(client: Kinoray) -> None:
    video = await client.create(f"a red ball on black, {uuid.uuid4().hex[:6]}", tier="preview", speculative=True)
    assert [each.code for each in video.warnings if each.code == "no_draft"] == ["no_draft"]
    await client.wait(video.id)
    with pytest.raises(KinorayClientError):
        await client.content(video.id, "draft")
