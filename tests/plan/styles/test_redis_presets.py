"""Presets in Redis where it matters that it is Redis: two clients, damaged records, no server."""

from __future__ import annotations

import socket

import orjson
import pytest

from app.errors import StoreUnavailable
from app.plan.styles.redis_presets import RedisPresets
from app.redis.connection import Client, connect
from tests.plan.styles.presets import a_preset

pytestmark = pytest.mark.anyio


async def test_what_one_process_keeps_another_reads(redis: Client, redis_url: str, prefix: str) -> None:
    preset = a_preset()
    await RedisPresets(redis, prefix).create(preset)
    other = connect(redis_url, 1.0)
    assert await RedisPresets(other, prefix).get(preset.style.id, "ann") == preset
    assert await RedisPresets(other, f"{prefix}-2").own("ann") == ()
    await other.aclose()


DAMAGED = {
    "not JSON": b"{",
    "no object": b"[]",
    "no version": b'{"style": {}}',
    "another version": b'{"version": 2, "style": {"id": "style_1", "name": "x", "after": "y"}}',
    "a field of another type": b'{"version": 1, "style": {"id": "style_1", "name": "x", "steps": "9"}}',
    "more steps than may be": b'{"version": 1, "style": {"id": "style_1", "name": "x", "steps": 9000}}',
    "endless words": orjson.dumps({"version": 1, "style": {"id": "style_1", "name": "x", "after": "y" * 10_000}}),
    "an id that is a path": b'{"version": 1, "style": {"id": "../../x", "name": "x", "after": "y"}}',
}


@pytest.mark.parametrize("case", DAMAGED)
async def test_a_damaged_record_is_refused_alone_and_left_out_of_lists(case: str, redis: Client, prefix: str) -> None:
    presets, sound, bad = RedisPresets(redis, prefix), a_preset(), a_preset()
    for preset in (sound, bad):
        await presets.create(preset)
    await redis.hset(f"{{{prefix}}}:style:{bad.style.id}", "record", DAMAGED[case])
    with pytest.raises(StoreUnavailable):
        await presets.get(bad.style.id, "ann")
    assert await presets.own("ann") == (sound,)
    await presets.delete(bad.style.id, "ann")


async def test_a_preset_takes_four_keys_at_most_and_leaves_none(redis: Client, prefix: str) -> None:
    presets, preset = RedisPresets(redis, prefix), a_preset()
    await presets.create(preset)
    await presets.share(preset.style.id, "ann", 1.0)
    await presets.count(preset.style.id, "ben", 2.0)
    assert len(await redis.keys(f"*{prefix}*")) == 4
    await presets.delete(preset.style.id, "ann")
    assert await redis.keys(f"*{prefix}*") == []


async def test_without_a_server_every_call_says_so_in_time() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, not listening: refused
        client = connect(f"redis://127.0.0.1:{reserved.getsockname()[1]}", 0.3)
        presets, preset = RedisPresets(client, "gone"), a_preset()
        for call in (
            presets.create(preset),
            presets.get(preset.style.id, "ann"),
            presets.own("ann"),
            presets.share(preset.style.id, "ann", 1.0),
            presets.count("cinematic", "ann", 1.0),
            presets.usage(["cinematic"], "ann"),
        ):
            with pytest.raises(StoreUnavailable):
                await call
        await client.aclose()


async def test_a_silent_server_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        client = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}", 0.3)
        with pytest.raises(StoreUnavailable):
            await RedisPresets(client, "gone").own("ann")
        await client.aclose()
