"""Presets in Redis: a hash for each, sets by tenant and of what is shared, and every change one atomic script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError

from app.errors import Conflict, InvalidRequest, StoreUnavailable
from app.plan.styles.presets import MOST_OWN, MOST_SHOWN, Preset, Usage, no_such_style, too_many
from app.plan.styles.styles import TEMPLATES, Style, checked
from app.redis.commands import Commands, not_replicated
from app.redis.connection import Client
from app.redis.replies import Word, mapping

VERSION: Final = 1
"""Written into every record; a reader refuses what is newer than itself."""


@dataclass(frozen=True, slots=True)
class _Record:
    """A style as it is kept."""

    version: int
    style: Style


_RECORD = TypeAdapter(_Record)

# KEYS style own; ARGV id tenant created_at most record
_CREATE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 'taken' end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', KEYS[1], 'record', ARGV[5], 'tenant', ARGV[2], 'created_at', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 'ok'
"""

# KEYS style shared; ARGV id tenant now|''
_SHARE = """
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[2] then return {} end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], 'shared_at')
  redis.call('ZREM', KEYS[2], ARGV[1])
elseif redis.call('HSETNX', KEYS[1], 'shared_at', ARGV[3]) == 1 then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
end
return redis.call('HGETALL', KEYS[1])
"""

# KEYS style own shared uses; ARGV id tenant
_DELETE = """
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[2] then return 'missing' end
redis.call('DEL', KEYS[1], KEYS[4])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 'ok'
"""

# KEYS style uses; ARGV tenant now template(1|0)
_COUNT = """
if ARGV[3] == '0' then
  local kept = redis.call('HMGET', KEYS[1], 'tenant', 'shared_at')
  if not kept[1] or (kept[1] ~= ARGV[1] and not kept[2]) then return 0 end
end
redis.call('HINCRBY', KEYS[2], 'all', 1)
redis.call('HINCRBY', KEYS[2], 'by:' .. ARGV[1], 1)
redis.call('HSET', KEYS[2], 'at:' .. ARGV[1], ARGV[2])
return 1
"""


class RedisPresets:
    """The Presets port. A damaged record is refused when it is asked for, and left out of lists."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._base = f"{{{prefix}}}"  # the braces keep all keys on one node of a Redis cluster

    async def create(self, preset: Preset) -> None:
        style = preset.style
        if style.id in TEMPLATES:
            raise Conflict("A style of that id exists.")
        keys = [self._style(style.id), self._own(preset.tenant)]
        args: list[Word] = [style.id, preset.tenant, repr(preset.created_at), MOST_OWN, _to_json(style)]
        answer, replicated = await self._commands.run_promised(_CREATE, keys, args)
        if answer == b"full":
            raise too_many()
        if answer == b"taken":
            raise Conflict("A style of that id exists.")
        if not replicated:
            await self.delete(style.id, preset.tenant)
            raise not_replicated()

    async def get(self, style_id: str, tenant: str) -> Preset:
        kept = await self._commands.call("HGETALL", self._style(style_id))
        if not kept:
            raise no_such_style()
        preset = _from_fields(kept)
        if not preset.visible_to(tenant):
            raise no_such_style()
        return preset

    async def own(self, tenant: str) -> tuple[Preset, ...]:
        ids = await self._commands.call("ZRANGE", self._own(tenant), 0, MOST_OWN - 1)
        return tuple(preset for preset in await self._read(ids) if preset.tenant == tenant)

    async def shared(self, tenant: str, most: int = MOST_SHOWN) -> tuple[Preset, ...]:
        ids = await self._commands.call("ZREVRANGE", self._shared, 0, most + MOST_OWN - 1)  # own ones drop out
        found = [each for each in await self._read(ids) if each.tenant != tenant and each.visible_to(tenant)]
        return tuple(found[:most])

    async def share(self, style_id: str, tenant: str, now: float) -> Preset:
        return await self._set_shared(style_id, tenant, repr(now))

    async def unshare(self, style_id: str, tenant: str) -> Preset:
        return await self._set_shared(style_id, tenant, "")

    async def delete(self, style_id: str, tenant: str) -> None:
        keys = [self._style(style_id), self._own(tenant), self._shared, self._uses(style_id)]
        if await self._commands.run_shared(_DELETE, keys, [style_id, tenant]) == b"missing":
            raise no_such_style()

    async def count(self, style_id: str, tenant: str, now: float) -> None:
        keys = [self._style(style_id), self._uses(style_id)]
        await self._commands.run(_COUNT, keys, [tenant, repr(now), int(style_id in TEMPLATES)])

    async def usage(self, style_ids: Sequence[str], tenant: str) -> tuple[Usage, ...]:
        reads = [("HMGET", self._uses(style_id), "all", f"by:{tenant}", f"at:{tenant}") for style_id in style_ids]
        rows = await self._commands.all(reads) if reads else []
        return tuple(Usage(int(all_ or 0), int(by or 0), None if at is None else float(at)) for all_, by, at in rows)

    def _style(self, style_id: str) -> str:
        return f"{self._base}:style:{style_id}"

    def _own(self, tenant: str) -> str:
        return f"{self._base}:styles:{tenant}"

    def _uses(self, style_id: str) -> str:
        return f"{self._base}:style-uses:{style_id}"

    @property
    def _shared(self) -> str:
        return f"{self._base}:styles-shared"

    async def _set_shared(self, style_id: str, tenant: str, now: str) -> Preset:
        keys = [self._style(style_id), self._shared]
        pairs = await self._commands.run_shared(_SHARE, keys, [style_id, tenant, now])
        if not pairs:
            raise no_such_style()
        return _from_fields(mapping(pairs))

    async def _read(self, ids: Iterable[bytes]) -> list[Preset]:
        reads = [("HGETALL", self._style(style_id.decode())) for style_id in ids]
        found = []
        for kept in await self._commands.all(reads) if reads else ():
            try:
                found.append(_from_fields(kept))
            except StoreUnavailable:  # one bad record must not hide the others
                continue
        return found


def _to_json(style: Style) -> bytes:
    return orjson.dumps(_Record(VERSION, style))


def _from_fields(kept: Mapping[bytes, bytes]) -> Preset:
    """Raises StoreUnavailable when a record is damaged, newer than this Kinoray, or not what a style may be."""
    try:
        record = _RECORD.validate_json(kept[b"record"], strict=True)
        if record.version > VERSION:
            raise StoreUnavailable(f"A style has version {record.version}; this Kinoray reads up to {VERSION}.")
        shared_at = kept.get(b"shared_at")
        return Preset(
            style=checked(record.style),
            tenant=kept[b"tenant"].decode(),
            created_at=float(kept[b"created_at"]),
            shared_at=None if shared_at is None else float(shared_at),
        )
    except (ValidationError, InvalidRequest, KeyError, ValueError) as error:
        raise StoreUnavailable(f"A style's record is damaged: {type(error).__name__}.") from error
