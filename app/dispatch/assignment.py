"""Who should have which shard: evenly, with as few changes of hands as there can be; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b


def assign(members: Collection[str], shards: Collection[str], holders: Mapping[str, str]) -> dict[str, str]:
    """The member that should have each shard; nobody's where nobody is there.

    Each has as many as any other, but for one. Who holds a shard keeps it unless that is more than its part; what
    changes hands goes, among those with room, to whom the hash of both puts first (rendezvous hashing; Thaler and
    Ravishankar, IEEE/ACM Transactions on Networking 1998). All who see the same say the same; who sees something else
    for a moment takes nothing from anybody, as a shard is given up before it is taken.
    """
    if not members:
        return {}
    mine: dict[str, list[str]] = {member: [] for member in sorted(members)}
    for shard in sorted(shards):
        if holders.get(shard) in mine:
            mine[holders[shard]].append(shard)
    each, more = divmod(len(shards), len(mine))
    most = sorted(mine, key=lambda member: (-len(mine[member]), member))
    room = {member: each + (place < more) for place, member in enumerate(most)}
    found: dict[str, str] = {}
    for member, held in mine.items():
        for shard in sorted(held, key=lambda shard: _score(member, shard), reverse=True)[: room[member]]:
            found[shard] = member
    for shard in sorted(set(shards) - found.keys()):
        taken = list(found.values())
        able = [member for member in mine if taken.count(member) < room[member]]
        found[shard] = max(able, key=lambda member: _score(member, shard))
    return found


def _score(member: str, shard: str) -> bytes:
    return blake2b(f"{member}/{shard}".encode(), digest_size=8).digest()
