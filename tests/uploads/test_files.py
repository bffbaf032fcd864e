"""What every FileUploads port promises, asked of the one in memory and of the one in a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.errors import Conflict, NotFound
from app.redis.connection import Client
from app.types import Artifact
from app.uploads.files import FileUpload, FileUploads, MemoryFileUploads, MostFiles, is_id, new_id
from app.uploads.picture_head import PictureHead
from app.uploads.redis_files import RedisFileUploads
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
MOST = MostFiles(3, 1000)


@pytest.fixture(params=MEMORY_AND_REDIS)
def uploads(request: pytest.FixtureRequest) -> FileUploads:
    if request.param == "memory":
        return MemoryFileUploads()
    redis: Client = request.getfixturevalue("redis")
    return RedisFileUploads(redis, request.getfixturevalue("prefix"))


def upload(tenant: str = "ann", at: float = 100.0, length: int = 10) -> FileUpload:
    return FileUpload(new_id(at), tenant, length, at, at + 50.0, metadata="filename YS5wbmc=")


def longer(before: FileUpload, size: int, name: str = "a") -> FileUpload:
    part = Artifact(f"{before.id}/{name}", "x", size)
    return replace(before, parts=(*before.parts, part), expires_at=before.expires_at + 7)


async def test_a_record_is_read_as_it_was_made_by_its_tenant_alone(uploads: FileUploads) -> None:
    made = [upload(at=1.25), upload(at=2.5)]
    for each in made:
        await uploads.create(each, MOST)
    assert await uploads.own("ann", 3.0) == tuple(made)
    assert await uploads.get(made[0].id, "ann", 3.0) == made[0]
    assert await uploads.own("ben", 3.0) == ()
    with pytest.raises(NotFound):
        await uploads.get(made[0].id, "ben", 3.0)
    assert await uploads.known(made[0].id)
    assert not await uploads.known(new_id(1.25))


async def test_of_chunks_for_one_place_one_is_taken(uploads: FileUploads) -> None:
    made = upload()
    await uploads.create(made, MOST)
    taken = await asyncio.gather(*(uploads.advance(made, longer(made, 4, str(number))) for number in range(5)))
    assert sorted(taken) == [False] * 4 + [True]
    (kept,) = await uploads.own("ann", 101.0)
    assert (kept.offset, kept.whole, len(kept.parts)) == (4, False, 1)
    end = replace(longer(kept, 6, "end"), picture=PictureHead("png", 3, 2))
    assert await uploads.advance(kept, end)
    assert await uploads.get(made.id, "ann", 101.0) == end
    assert end.whole


async def test_what_is_gone_does_not_come_back_by_a_chunk(uploads: FileUploads) -> None:
    made = upload()
    await uploads.create(made, MOST)
    await uploads.delete(made.id, "ann")
    assert not await uploads.advance(made, longer(made, 4))
    assert await uploads.own("ann", 101.0) == ()


async def test_a_tenant_has_so_many_and_so_much_also_when_all_come_at_once(uploads: FileUploads) -> None:
    outcomes = await asyncio.gather(*(uploads.create(upload(), MOST) for _ in range(6)), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 3
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert {type(outcome) for outcome in refused} == {Conflict}
    await uploads.create(upload("ben", length=600), MOST)
    with pytest.raises(Conflict, match="1,001 bytes"):
        await uploads.create(upload("ben", length=401), MOST)


async def test_only_its_tenant_deletes_one_and_makes_room(uploads: FileUploads) -> None:
    made = upload(length=1000)
    await uploads.create(made, MOST)
    with pytest.raises(NotFound):
        await uploads.delete(made.id, "ben")
    await uploads.delete(made.id, "ann")
    with pytest.raises(NotFound):
        await uploads.delete(made.id, "ann")
    assert not await uploads.known(made.id)
    await uploads.create(upload(length=1000), MOST)


async def test_a_chunk_gives_it_time_and_what_is_past_its_time_is_told_for_removal(uploads: FileUploads) -> None:
    made = upload()
    await uploads.create(made, MOST)
    assert await uploads.advance(made, after := longer(made, 4))
    assert await uploads.expired(150.0, 9) == []
    assert await uploads.get(made.id, "ann", 156.0) == after
    with pytest.raises(NotFound):
        await uploads.get(made.id, "ann", 157.0)
    assert await uploads.own("ann", 157.0) == ()
    assert await uploads.expired(157.0, 9) == [after]
    await uploads.delete(made.id, "ann")
    assert await uploads.expired(157.0, 9) == []


def test_ids_are_known_by_their_form() -> None:
    assert is_id(new_id(1e9))
    assert not any(map(is_id, ("", "upload_", "upload_../..", "lora_" + "0" * 32, new_id(1.0) + "0")))
