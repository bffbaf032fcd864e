"""What every Presets port promises, asked of the one in memory and of the one in a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.errors import Conflict, NotFound
from app.plan.styles.presets import MOST_OWN, MemoryPresets, Presets, Usage
from app.plan.styles.redis_presets import RedisPresets
from app.redis.connection import Client
from tests.plan.styles.presets import a_preset
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio


@pytest.fixture(params=MEMORY_AND_REDIS)
def presets(request: pytest.FixtureRequest) -> Presets:
    if request.param == "memory":
        return MemoryPresets()
    redis: Client = request.getfixturevalue("redis")
    return RedisPresets(redis, request.getfixturevalue("prefix"))


async def test_a_preset_is_read_as_it_was_made(presets: Presets) -> None:
    preset = a_preset(created_at=1763000000.123456)
    await presets.create(preset)
    assert await presets.get(preset.style.id, "ann") == preset
    assert await presets.own("ann") == (preset,)


async def test_own_presets_are_listed_from_the_oldest(presets: Presets) -> None:
    made = [a_preset(created_at=at) for at in (3.0, 1.0, 2.0)]
    for preset in made:
        await presets.create(preset)
    assert [preset.created_at for preset in await presets.own("ann")] == [1.0, 2.0, 3.0]
    assert await presets.own("ben") == ()


async def test_an_id_is_given_once(presets: Presets) -> None:
    preset = a_preset()
    await presets.create(preset)
    for taken in (replace(preset, tenant="ben"), replace(preset, style=replace(preset.style, id="cinematic"))):
        with pytest.raises(Conflict):
            await presets.create(taken)


async def test_what_is_not_shared_is_not_there_for_others(presets: Presets) -> None:
    preset = a_preset("a:b*")
    await presets.create(preset)
    calls = (presets.get, presets.unshare, presets.delete)
    for call in (*(each(preset.style.id, "ben") for each in calls), presets.share(preset.style.id, "ben", 1.0)):
        with pytest.raises(NotFound) as refused:
            await call
        assert refused.value.error_code == "style_not_found"
    assert await presets.shared("ben") == ()
    assert await presets.get(preset.style.id, "a:b*") == preset


async def test_a_shared_preset_is_read_by_all_and_changed_by_its_owner_alone(presets: Presets) -> None:
    preset = a_preset()
    await presets.create(preset)
    shared = await presets.share(preset.style.id, "ann", 200.5)
    assert shared == replace(preset, shared_at=200.5)
    assert await presets.share(preset.style.id, "ann", 300.0) == shared
    assert await presets.get(preset.style.id, "ben") == shared
    assert (await presets.shared("ben"), await presets.shared("ann")) == ((shared,), ())
    with pytest.raises(NotFound):
        await presets.delete(preset.style.id, "ben")
    assert await presets.unshare(preset.style.id, "ann") == preset
    assert await presets.shared("ben") == ()
    with pytest.raises(NotFound):
        await presets.get(preset.style.id, "ben")


async def test_of_what_is_shared_the_last_come_first_and_not_too_many(presets: Presets) -> None:
    made = [a_preset() for _ in range(4)]
    for at, preset in enumerate(made):
        await presets.create(preset)
        await presets.share(preset.style.id, "ann", float(at))
    assert [preset.shared_at for preset in await presets.shared("ben", 3)] == [3.0, 2.0, 1.0]


async def test_a_deleted_preset_is_gone_with_its_figures(presets: Presets) -> None:
    preset = a_preset()
    await presets.create(preset)
    await presets.share(preset.style.id, "ann", 1.0)
    await presets.count(preset.style.id, "ben", 2.0)
    await presets.delete(preset.style.id, "ann")
    assert (await presets.own("ann"), await presets.shared("ben")) == ((), ())
    assert await presets.usage([preset.style.id], "ben") == (Usage(),)
    with pytest.raises(NotFound):
        await presets.delete(preset.style.id, "ann")


async def test_uses_are_counted_by_tenant_and_together(presets: Presets) -> None:
    for tenant, at in (("ann", 1.0), ("ann", 5.5), ("ben", 3.0)):
        await presets.count("cinematic", tenant, at)
    assert await presets.usage(["cinematic", "social"], "ann") == (Usage(3, 2, 5.5), Usage())
    assert await presets.usage(["cinematic"], "cyd") == (Usage(3),)
    assert await presets.usage([], "ann") == ()


async def test_a_use_of_what_one_does_not_see_is_not_counted(presets: Presets) -> None:
    preset = a_preset()
    await presets.create(preset)
    await presets.count(preset.style.id, "ben", 1.0)
    await presets.count("style_of_nobody", "ben", 1.0)
    assert await presets.usage([preset.style.id, "style_of_nobody"], "ben") == (Usage(), Usage())


async def test_a_tenant_has_so_many_and_no_more_even_at_once(presets: Presets) -> None:
    for _ in range(MOST_OWN - 1):
        await presets.create(a_preset())
    answers = await asyncio.gather(*(presets.create(a_preset()) for _ in range(5)), return_exceptions=True)
    assert [answer.error_code for answer in answers if isinstance(answer, Conflict)] == ["too_many_styles"] * 4
    assert len(await presets.own("ann")) == MOST_OWN
    await presets.create(a_preset("ben"))
