"""Opens what a process needs to let callers in: the gate, and behind it keys and audit log, in Redis or in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.access.audit.log import AuditLog, MemoryAuditLog, Retention
from app.access.audit.redis_log import RedisAuditLog
from app.access.audit.writer import AuditWriter
from app.access.gate import Gate
from app.access.key_ring import KeyRing
from app.access.key_store import KeyStore, MemoryKeyStore
from app.access.redis_key_store import RedisKeyStore
from app.errors import ServiceUnavailable
from app.redis.connection import Client, connect, replicas_of
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Access:
    """Who gets in, by which keys, and what is written of it."""

    gate: Gate
    keys: KeyStore
    audit: AuditLog
    writer: AuditWriter
    clock: Callable[[], float] = time.time  # Unix seconds, by which keys run out

    async def close(self) -> None:
        """Write what waits to be written."""
        await self.gate.close()
        await self.writer.flush()


def access_on(redis: Client, settings: Settings, loopback_tells: bool = True) -> Access:
    """Over one client, which is the caller's to close. Raises BadKeys: the file of keys cannot be used."""
    audit = RedisAuditLog(redis, settings.redis_prefix, retention_of(settings))
    return _access(RedisKeyStore(redis, settings.redis_prefix), audit, settings, time.time, loopback_tells)


def open_access(settings: Settings, loopback_tells: bool = True) -> Access:
    """Connect lazily, beside the stores; see `Gate`. Raises BadKeys, ServiceUnavailable: no Redis is configured."""
    if settings.redis_url is None:
        raise ServiceUnavailable("Set KINORAY_REDIS_URL.")
    url = settings.redis_url.get_secret_value()
    return access_on(connect(url, settings.redis_timeout_s, replicas_of(settings)), settings, loopback_tells)


def memory_access(settings: Settings, clock: Callable[[], float] = time.time) -> Access:
    """All in this process, with the same rules. Raises BadKeys."""
    return _access(MemoryKeyStore(), MemoryAuditLog(retention_of(settings)), settings, clock)


def retention_of(settings: Settings) -> Retention:
    """How much of the audit log the settings keep."""
    return Retention(settings.audit_most, settings.audit_retention_s)


def _access(
    keys: KeyStore, audit: AuditLog, settings: Settings, clock: Callable[[], float], loopback_tells: bool = True
) -> Access:
    gate = Gate(settings, KeyRing(keys, wall=clock), clock, loopback_tells)
    return Access(gate, keys, audit, AuditWriter(audit), clock)
