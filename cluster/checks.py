"""What is looked at before anything starts: folder, port, Redis, file store; each fault becomes one sentence."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import uuid
from contextlib import suppress
from pathlib import Path

from fsspec.core import split_protocol
from fsspec.registry import get_filesystem_class

from app.access.configured_keys import BadKeys, ConfiguredKeys
from app.access.gate import is_local
from app.access.redis_key_store import RedisKeyStore
from app.errors import StoreUnavailable
from app.redis.connection import Replicas, connect
from app.redis.safety import refuse_what_loses_jobs
from app.settings import Settings
from app.settings.masking import masked

STATE_DIR = "KINORAY_STATE_DIR"
PROBE_BYTES = 2**20
"""Redis, the logs and a first video want more than this; a disk with less is full."""
SAID_OF = {
    errno.ENOSPC: "its disk is full",
    errno.EDQUOT: "your quota on its disk is used up",
    errno.EROFS: "its disk is read-only",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
}


class StartFailed(Exception):
    """The service cannot start; the message says why and what to do."""


def prepare_state_dir(folder: Path) -> None:
    """Make the folder, and see that there is room for a file in it. Raises StartFailed."""
    in_the_way = next((each for each in (folder, *folder.parents) if each.exists() and not each.is_dir()), None)
    if in_the_way is not None:
        what = "it is a file" if in_the_way == folder else f"{in_the_way} is a file"
        raise StartFailed(f"{STATE_DIR}={folder} cannot be used: {what}; it must be a folder.")
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with probe.open("xb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = SAID_OF.get(error.errno or 0, error.strerror or str(error))
        raise StartFailed(
            f"{STATE_DIR}={folder} cannot be used: {why}; it must be a folder that can be written to, with room."
        ) from error
    finally:
        with suppress(OSError):
            probe.unlink()


def check_port(host: str, port: int) -> None:
    """Raises StartFailed unless a server can listen there."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise StartFailed(_no_listening(host, port, error)) from None


def check_metrics_port(port: int | None, own: int) -> None:
    """Ray's agent listens there on all addresses, and when it cannot, it says so in a log that nobody reads.

    `own` is the service's port. Raises StartFailed.
    """
    if port is None:
        return
    said = f"KINORAY_RAY_METRICS_PORT={port} cannot be used"
    if port == own:
        raise StartFailed(f"{said}: it is the service's own port; choose another, or leave it unset for any.")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = f"port {port} of this machine is taken" if taken else error.strerror or str(error)
        raise StartFailed(f"{said}: {why}; choose another, or leave it unset for any.") from None


def _no_listening(host: str, port: int, error: OSError) -> str:
    where, why = f"{host}:{port}", error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return f"KINORAY_PORT={port} cannot be used: {where} is taken; choose another with --port (make: PORT=)."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"KINORAY_PORT={port} cannot be used: you may not listen there; choose one above 1023 with --port."
    return f"KINORAY_HOST={host} cannot be used ({why}): it must be an address of this machine, such as 127.0.0.1."


def check_redis(url: str, timeout_s: float, replicas: Replicas | None = None) -> str | None:
    """What its operator is to hear of a Redis that may be used.

    Raises StartFailed: there is no such Redis, it is one that could lose jobs, or lacks the replicas asked for.
    """

    async def look() -> str | None:
        redis = connect(url, timeout_s, replicas)
        try:
            return await refuse_what_loses_jobs(redis)
        finally:
            await redis.aclose()

    try:
        return asyncio.run(look())
    except (StoreUnavailable, ValueError) as error:
        raise StartFailed(f"KINORAY_REDIS_URL cannot be used: {shown(url)}: {_redis_fault(error)}.") from error


def _redis_fault(error: Exception) -> str:
    """Why a Redis is of no use, without the inside of its client."""
    cause = error.__cause__
    if cause is None or not str(cause):
        return str(error).rstrip(".")
    if "Master" in type(cause).__name__:
        return "none of its sentinels answers with a master of that name"
    refused = re.match(r"Error (-?\d+) connecting", str(cause))
    if refused is None:
        return _first_line(cause)
    number = int(refused[1])
    why = os.strerror(number) if number > 0 else "there is no host of that name"
    return f"no Redis answers there ({why})"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".")


def shown(url: str) -> str:
    """An address without its password."""
    return masked(url.partition("?")[0])


def check_open(settings: Settings, redis_url: str) -> None:
    """Raises StartFailed where everybody who reaches the address would be let in, and nobody has said so."""
    try:
        configured = ConfiguredKeys(settings).any()
    except BadKeys as error:
        raise StartFailed(f"{error}.") from None
    if configured or settings.open or _only_here(settings.host) or _has_keys(settings, redis_url):
        return
    raise StartFailed(
        f"KINORAY_HOST={settings.host} is not started: there is no key, and everyone who reaches it would be let in. "
        "Set KINORAY_API_KEYS or KINORAY_API_KEYS_FILE, make a key with `kinoray keys create --operator --redis URL "
        "NAME`, or set KINORAY_OPEN=true."
    )


def _only_here(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    try:
        found = {row[4][0] for row in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return all(is_local(str(address)) for address in found)


def _has_keys(settings: Settings, redis_url: str) -> bool:
    """Whether a key has ever been made in that Redis; where that cannot be known, none has."""

    async def look() -> bool:
        redis = connect(redis_url, settings.redis_timeout_s)
        try:
            return await RedisKeyStore(redis, settings.redis_prefix).version() > 0
        finally:
            await redis.aclose()

    try:
        return asyncio.run(look())
    except StoreUnavailable:
        return False


def check_artifacts(url: str) -> None:
    """Raises StartFailed unless there is a way to files at such an address."""
    protocol, _ = split_protocol(url)
    try:
        get_filesystem_class(protocol or "file")
    except (ValueError, ImportError) as error:
        raise StartFailed(
            f"KINORAY_ARTIFACTS_URL={shown(url)} cannot be used: it must be an address that fsspec knows, such as "
            f"s3://bucket/folder or file:///folder ({_first_line(error)})."
        ) from error
