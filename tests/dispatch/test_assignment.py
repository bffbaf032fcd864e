"""Who should have which shard."""

from __future__ import annotations

from random import Random

import pytest

from app.dispatch.assignment import assign

SHARDS = ("@house", "a", "b", "c", "d")


def test_one_dispatcher_has_everything_and_none_has_nothing() -> None:
    assert assign(["one"], SHARDS, {}) == dict.fromkeys(SHARDS, "one")
    assert assign([], SHARDS, {"a": "gone"}) == {}


@pytest.mark.parametrize("seed", range(50))
def test_shards_are_even_and_change_hands_no_more_than_they_must(seed: int) -> None:
    dice = Random(seed)
    members = [f"d{number}" for number in range(dice.randrange(1, 7))]
    shards = [f"s{number}" for number in range(dice.randrange(1, 20))]
    before = {shard: dice.choice([*members, "gone"]) for shard in shards if dice.random() < 0.8}
    found = assign(members, shards, before)
    counts = [list(found.values()).count(member) for member in members]
    assert set(found) == set(shards)
    assert max(counts) - min(counts) <= 1
    each = len(shards) // len(members)
    held = {member: sum(holder == member for holder in before.values()) for member in members}
    for member in members:
        kept = sum(found[shard] == member and before.get(shard) == member for shard in shards)
        assert kept >= min(held[member], each)
    assert assign(list(reversed(members)), list(reversed(shards)), before) == found


def test_what_is_settled_stays_so() -> None:
    found = assign(["x", "y", "z"], SHARDS, {})
    assert assign(["x", "y", "z"], SHARDS, found) == found
    after = assign(["x", "z"], SHARDS, found)
    assert all(after[shard] == found[shard] for shard in SHARDS if found[shard] != "y")
