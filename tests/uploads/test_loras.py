"""What every LoraUploads port promises, asked of the one in memory and of the one in a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.errors import Conflict, NotFound
from app.redis.connection import Client
from app.types import Artifact, UploadedLora
from app.uploads.loras import LoraUpload, LoraUploads, MemoryLoraUploads, Most, is_id, is_name, new_id
from app.uploads.redis_loras import RedisLoraUploads
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
MOST = Most(3, 1000)


@pytest.fixture(params=MEMORY_AND_REDIS)
def loras(request: pytest.FixtureRequest) -> LoraUploads:
    if request.param == "memory":
        return MemoryLoraUploads()
    redis: Client = request.getfixturevalue("redis")
    return RedisLoraUploads(redis, request.getfixturevalue("prefix"))


def upload(name: str = "ink", tenant: str = "ann", at: float = 100.0, size: int = 10) -> LoraUpload:
    lora_id = new_id(at)
    lora = UploadedLora(lora_id, name, "shapes", "ab" * 32, Artifact(f"{lora_id}/adapter.safetensors", "x", size))
    return LoraUpload(lora, tenant, at, ranks=(4,), alphas=(8.0,), metadata={"by": "ann"}, lost=("a.b",))


async def test_a_record_is_read_as_it_was_made_by_its_tenant_alone(loras: LoraUploads) -> None:
    made = [upload("ink", at=1.25), upload("film", at=2.5)]
    for each in made:
        await loras.create(each, MOST)
    assert await loras.own("ann", 3.0) == tuple(made)
    assert await loras.own("ben", 3.0) == ()
    assert await loras.known(made[0].id)
    assert not await loras.known(new_id(1.25))


async def test_a_name_is_given_once_to_each_tenant(loras: LoraUploads) -> None:
    await loras.create(upload(), MOST)
    with pytest.raises(Conflict, match="named 'ink'"):
        await loras.create(upload(), MOST)
    await loras.create(upload(tenant="ben"), MOST)


async def test_a_tenant_has_so_many_and_so_much_also_when_all_come_at_once(loras: LoraUploads) -> None:
    outcomes = await asyncio.gather(
        *(loras.create(upload(f"n{number}"), MOST) for number in range(6)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 3
    assert {type(outcome) for outcome in outcomes if outcome is not None} == {Conflict}
    with pytest.raises(Conflict, match="bytes"):
        await loras.create(upload(tenant="ben", size=1001), MOST)


async def test_only_its_tenant_deletes_one_and_makes_room(loras: LoraUploads) -> None:
    made = upload()
    await loras.create(made, MOST)
    with pytest.raises(NotFound):
        await loras.delete(made.id, "ben")
    await loras.delete(made.id, "ann")
    with pytest.raises(NotFound):
        await loras.delete(made.id, "ann")
    assert not await loras.known(made.id)
    await loras.create(upload(), MOST)


async def test_what_is_past_its_time_is_not_there_and_is_told_for_removal(loras: LoraUploads) -> None:
    brief, lasting = replace(upload("a"), expires_at=150.0), upload("b", at=101.0)
    for each in (brief, lasting):
        await loras.create(each, MOST)
    assert [each.lora.name for each in await loras.own("ann", 149.0)] == ["a", "b"]
    assert await loras.expired(149.0, 9) == []
    assert [each.lora.name for each in await loras.own("ann", 150.0)] == ["b"]
    assert await loras.expired(150.0, 9) == [brief]
    await loras.delete(brief.id, "ann")
    assert await loras.expired(150.0, 9) == []


def test_names_are_no_ids_and_can_stand_in_a_list_with_strengths() -> None:
    assert is_id(new_id(1e9))
    assert not is_name(new_id(1e9))
    assert is_name("Film-2.1_b")
    assert not any(map(is_name, ("", "a b", "a:1", "a,b", "../a", "-a", ".a", "a/b", "x" * 65, "a\n")))
