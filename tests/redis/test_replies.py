"""One shape for what Redis answers, by both versions of its protocol and from inside scripts."""

from __future__ import annotations

import pytest

from app.errors import StoreFull
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import entries, mapping, scored, texts

pytestmark = pytest.mark.anyio


def test_hashes_sets_and_scores_come_in_two_shapes_and_go_out_in_one() -> None:
    assert mapping({b"a": b"1"}) == mapping([b"a", b"1"]) == {b"a": b"1"}
    assert scored([b"a", b"1.5"]) == scored([[b"a", 1.5]]) == scored([(b"a", 1.5)]) == [(b"a", 1.5)]
    assert scored([]) == []
    assert texts([b"a"]) == texts({b"a"}) == ["a"]


def test_entries_of_a_stream_come_in_three_shapes() -> None:
    for reply in (
        {b"s": [[(b"1-0", {b"k": b"v"})]]},
        {b"s": [(b"1-0", {b"k": b"v"})]},
        [[b"s", [(b"1-0", [b"k", b"v"])]]],
    ):
        assert entries(reply) == [(b"1-0", {b"k": b"v"})]
    assert entries(None) == entries([]) == []


def test_another_answer_is_a_mistake_and_not_an_empty_one() -> None:
    with pytest.raises(TypeError, match="int"):
        texts(3)


async def test_a_real_redis_answers_in_one_of_them(redis: Client, prefix: str) -> None:
    commands = Commands(redis)
    await commands.all([("ZADD", prefix, 2.5, "a"), ("HSET", f"{prefix}:h", "k", "v")])
    assert scored(await commands.call("ZRANGE", prefix, 0, -1, "WITHSCORES")) == [(b"a", 2.5)]
    assert scored(await commands.run("return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')", [prefix], [])) == [
        (b"a", 2.5)
    ]
    assert mapping(await commands.run("return redis.call('HGETALL', KEYS[1])", [f"{prefix}:h"], [])) == {b"k": b"v"}


async def test_a_full_redis_says_so_from_a_command_and_from_a_script(redis: Client, prefix: str) -> None:
    commands = Commands(redis)
    await redis.config_set("maxmemory", 1)
    try:
        for call in (
            commands.call("SET", prefix, "x"),
            commands.run("return redis.call('SET', KEYS[1], 'x')", [prefix], []),
        ):
            with pytest.raises(StoreFull):
                await call
    finally:
        await redis.config_set("maxmemory", 0)
