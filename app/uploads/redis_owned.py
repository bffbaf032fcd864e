"""Records of what tenants uploaded, in Redis: a hash for each tenant, indices by id and expiry; changes are scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from app.errors import Conflict, KinorayError, StoreUnavailable
from app.redis.commands import Commands, not_replicated
from app.redis.connection import Client
from app.redis.replies import Word

VERSION: Final = 1
"""Written into every record; a reader refuses what is newer than itself."""
_TRIES: Final = 8  # what a tenant has may change while a new one is looked at


class Owned(Protocol):
    """What a tenant uploaded."""

    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def created_at(self) -> float: ...
    @property
    def expires_at(self) -> float | None: ...
    def lives(self, now: float) -> bool: ...


Upload = TypeVar("Upload", bound=Owned)


@dataclass(frozen=True, slots=True)
class Record(Generic[Upload]):
    """One as it is written."""

    version: int
    upload: Upload


@dataclass(frozen=True)
class Kind(Generic[Upload]):
    """What tells one sort of upload from another: in keys, in sentences, as records, and when there is none."""

    key: str
    name: str
    records: TypeAdapter[Record[Upload]]
    missing: Callable[[], KinorayError]


# KEYS own ids expiring; ARGV id tenant record expires|'' and the ids that the tenant was seen to have
_CREATE = """
if redis.call('HLEN', KEYS[1]) ~= #ARGV - 4 then return 'changed' end
for at = 5, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 0 then return 'changed' end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1]) end
return 'ok'
"""

# KEYS own ids expiring and hashes of more by id; ARGV id
_DELETE = """
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 'missing' end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
for more = 4, #KEYS do redis.call('HDEL', KEYS[more], ARGV[1]) end
return 'ok'
"""


class OwnedRecords(Generic[Upload]):
    """Records of one kind. A damaged one is left out.

    `more` names hashes of other facts by id, which go with the record.
    """

    def __init__(self, redis: Client, prefix: str, kind: Kind[Upload], more: Sequence[str] = ()) -> None:
        self.commands = Commands(redis)
        self._kind = kind
        self._base = f"{{{prefix}}}"  # the braces keep all keys on one node of a Redis cluster
        self._more = [f"{self._base}:{each}" for each in more]

    async def create(self, upload: Upload, refusal: Callable[[Sequence[Upload]], KinorayError | None]) -> None:
        """Write one, if `refusal` has nothing against it beside those that live. Raises that, Conflict."""
        expires = "" if upload.expires_at is None else repr(upload.expires_at)
        for _ in range(_TRIES):
            kept = await self._kept(upload.tenant)
            refused = refusal([each for each in self._readable(kept) if each.lives(upload.created_at)])
            if refused is not None:
                raise refused
            words: list[Word] = [upload.id, upload.tenant, self.to_json(upload), expires, *kept]
            keys = self.keys(upload.tenant)[:3]
            answer, replicated = await self.commands.run_promised(_CREATE, keys, words)
            if answer == b"ok" and not replicated:
                await self.delete(upload.id, upload.tenant)
                raise not_replicated()
            if answer == b"ok":
                return
        raise Conflict(f"Your {self._kind.name}s change too quickly; try again.")

    async def own(self, tenant: str, now: float) -> tuple[Upload, ...]:
        """A tenant's that live, by id."""
        mine = [each for each in self._readable(await self._kept(tenant)) if each.tenant == tenant and each.lives(now)]
        return tuple(sorted(mine, key=lambda each: each.id))

    async def get(self, upload_id: str, tenant: str, now: float) -> Upload:
        """One that lives. Raises what the kind has for a missing one."""
        kept = await self.commands.call("HGET", self._own(tenant), upload_id)
        found = self._readable({b"": kept}) if kept is not None else ()
        if not found or found[0].tenant != tenant or not found[0].lives(now):
            raise self._kind.missing()
        return found[0]

    async def delete(self, upload_id: str, tenant: str) -> None:
        """Forget one. Raises what the kind has for a missing one."""
        if await self.commands.run_shared(_DELETE, self.keys(tenant), [upload_id]) == b"missing":
            raise self._kind.missing()

    async def expired(self, now: float, most: int) -> Sequence[Upload]:
        """Those past their time, the oldest first."""
        ids = await self.commands.call("ZRANGEBYSCORE", self._expiring, "-inf", repr(now), "LIMIT", 0, most)
        tenants = await self.commands.call("HMGET", self._ids, *ids) if ids else ()
        reads = [
            ("HGET", self._own(tenant.decode()), each) for each, tenant in zip(ids, tenants, strict=True) if tenant
        ]
        rows = await self.commands.all(reads) if reads else []
        return self._readable({b"%d" % place: row for place, row in enumerate(rows) if row is not None})

    async def known(self, upload_id: str) -> bool:
        """Whether there is a record, of whomever."""
        return bool(await self.commands.call("HEXISTS", self._ids, upload_id))

    def to_json(self, upload: Upload) -> bytes:
        """One as it is written."""
        return orjson.dumps(Record(VERSION, upload))

    def keys(self, tenant: str) -> list[str]:
        """What scripts go by: the tenant's records, ids, expiries, then `more`."""
        return [self._own(tenant), self._ids, self._expiring, *self._more]

    async def _kept(self, tenant: str) -> Mapping[bytes, bytes]:
        kept: Mapping[bytes, bytes] = await self.commands.call("HGETALL", self._own(tenant))
        return kept

    def _own(self, tenant: str) -> str:
        return f"{self._base}:{self._kind.key}s:{tenant}"

    @property
    def _ids(self) -> str:
        return f"{self._base}:{self._kind.key}-ids"

    @property
    def _expiring(self) -> str:
        return f"{self._base}:{self._kind.key}s-expiring"

    def _readable(self, kept: Mapping[bytes, bytes]) -> list[Upload]:
        found = []
        for data in kept.values():
            try:
                record = self._kind.records.validate_json(data)
            except ValidationError:  # one bad record must not hide the others
                continue
            if record.version > VERSION:
                name = self._kind.name
                raise StoreUnavailable(
                    f"A stored {name} has version {record.version}; this Kinoray reads up to {VERSION}."
                )
            found.append(record.upload)
        return found
