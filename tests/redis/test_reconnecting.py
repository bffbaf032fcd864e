"""Connections of ours: what they send is what redis-py's own would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Connection
from redis.exceptions import DataError

from app.redis.connection import connect

_POOL = connect("redis://127.0.0.1:1", 1.0).connection_pool
OURS = _POOL.connection_class(**_POOL.connection_kwargs)
THEIRS = Connection()
WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])), st.binary(), st.integers(), st.floats(allow_nan=False)
)


@given(st.sampled_from(["GET", "CONFIG GET", "EVALSHA"]), st.lists(WORDS, max_size=20))
def test_commands_are_packed_as_redis_py_packs_them(name: str, words: list[str | bytes | int | float]) -> None:
    assert b"".join(OURS.pack_command(name, *words)) == b"".join(THEIRS.pack_command(name, *words))


def test_views_are_packed_and_what_is_no_word_is_refused() -> None:
    view = memoryview(b"abc")
    assert b"".join(OURS.pack_command("SET", "k", view)) == b"".join(THEIRS.pack_command("SET", "k", view))
    for wrong in (None, True, ["a"]):
        with pytest.raises(DataError):
            OURS.pack_command("SET", "k", wrong)  # type: ignore[arg-type]
