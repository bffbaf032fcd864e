"""Backups of what Kinoray keeps in Redis: its keys come out into one file; `cluster.restoring` brings them back."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from app.errors import KinorayError
from app.redis.connection import MISTAKES, Client, connect

FORMAT = "kinoray-backup-2"
FORMATS = (FORMAT, "kinoray-backup-1")  # the second, of before 0.3, does not say when it was taken
BROUGHT = "restoring:"  # keys on their way back, before they take their places
LEFT_OUT = ("cache:", "cache!", "checkpoint:", BROUGHT)  # made anew when they are missed
AT_WORK = "note:backlog"  # which a service that is running writes again and again
OF_A_RUN = (AT_WORK, "note:places", "replicas", "replica:", "story_claims")  # of no meaning to the next one
CALL_S = 120.0
SCAN = 1000


class BackupFailed(Exception):
    """Nothing was kept or nothing was brought back; the message says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup holds."""

    keys: int
    size_bytes: int  # of the file


@dataclass(frozen=True, slots=True)
class Row:
    """A key as it was dumped; `until_ms`: when it ends, Unix milliseconds, 0 for never."""

    name: bytes
    value: bytes
    until_ms: int


@dataclass(frozen=True, slots=True)
class Backup:
    """What a file holds: `at` is when it was taken, Unix seconds, where it says so."""

    at: float | None
    rows: tuple[Row, ...]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Client]:
    """A patient connection, also through sentinels. Raises BackupFailed: the URL is none, or Redis fails."""
    try:
        redis = connect(url, CALL_S, socket_timeout_s=CALL_S)
    except ValueError as error:
        raise BackupFailed(f"The Redis URL cannot be used: {error}") from error
    try:
        yield redis
    except (*MISTAKES, OSError) as error:
        raise BackupFailed(f"Redis: {type(error).__name__}: {error}") from error
    except KinorayError as error:
        raise BackupFailed(error.message) from error
    finally:
        await redis.aclose()


async def back_up(redis: Client, prefix: str, path: Path) -> Kept:
    """Write every key under the prefix, but for caches and checkpoints, as it is at one and the same moment.

    One transaction dumps all keys, so that no job is in the line and not in the records or the other way round; Redis
    answers nobody else for that long (30 ms for a thousand waiting jobs on a slow core). The file appears only when it
    is whole, readable by its owner alone: it holds prompts.
    """
    names = [name async for name in redis.scan_iter(match=pattern(prefix), count=SCAN) if is_kept(name, prefix)]
    if names:  # by this word a store of artifacts is known to be this Redis's; a sweep would write it
        word = key_of(prefix, "word", "identity").encode()
        await redis.set(word, uuid.uuid4().hex, nx=True)
        names.append(word)
    names = sorted(set(names))
    async with redis.pipeline(transaction=True) as line:
        line.time()
        for name in names:
            line.dump(name)
            line.pttl(name)
        seconds, *rows = await line.execute()
    now_ms = int(seconds[0]) * 1000 + int(seconds[1]) // 1000
    lines = list(_lines(names, rows, now_ms))
    _write(path, {"format": FORMAT, "prefix": prefix, "at_ms": now_ms}, lines)
    return Kept(len(lines), path.stat().st_size)


def read_backup(path: Path, prefix: str) -> Backup:
    """Everything in a file. Raises BackupFailed: it is damaged, or another's."""
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            head, *lines = plain.read().splitlines(keepends=True)
        foot = json.loads(lines.pop())
        about = json.loads(head)
    except (OSError, zstandard.ZstdError, ValueError, IndexError, MemoryError, RecursionError) as error:
        raise BackupFailed(f"{path} is not a whole backup: {error}") from error
    if not isinstance(about, dict) or about.get("format") not in FORMATS:
        raise BackupFailed(f"{path} is no backup of this Kinoray or an older one.")
    if about.get("prefix") != prefix:
        raise BackupFailed(f"{path} is of the prefix {about.get('prefix')!r}, not a backup of {prefix!r}.")
    if foot != {"keys": len(lines), "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}:
        raise BackupFailed(f"{path} is damaged: its lines are not those that were written.")
    try:
        at = None if about.get("at_ms") is None else int(about["at_ms"]) / 1000
        rows = tuple(map(_row, lines))
    except (ValueError, KeyError, TypeError, NotBase64) as error:
        raise BackupFailed(f"{path} is damaged: {type(error).__name__} in one of its lines.") from error
    if stray := next((row.name for row in rows if not row.name.startswith(key_of(prefix, "").encode())), None):
        raise BackupFailed(f"{path} is damaged: its key {stray!r} is not of the prefix {prefix!r}.")
    return Backup(at, rows)


def pattern(prefix: str) -> str:
    """What SCAN finds the keys under a prefix by."""
    plain = "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)
    return f"{{{plain}}}:*"


def key_of(prefix: str, *parts: str) -> str:
    """A key under the prefix, as `app.jobs.redis` names them."""
    return ":".join((f"{{{prefix}}}", *parts))


def is_kept(name: bytes, prefix: str) -> bool:
    """Whether a key is to outlive a service that is gone."""
    return not name.decode(errors="replace").removeprefix(key_of(prefix, "")).startswith((*LEFT_OUT, *OF_A_RUN))


def _lines(names: list[bytes], rows: list[Any], now_ms: int) -> Iterator[bytes]:
    """One JSON line a key; keys that have gone since they were listed are left out."""
    for name, value, ttl_ms in zip(names, rows[::2], rows[1::2], strict=True):
        if value is not None and ttl_ms != -2:
            until_ms = now_ms + ttl_ms if ttl_ms > 0 else 0
            record = {"k": b64encode(name).decode(), "v": b64encode(value).decode(), "until_ms": until_ms}
            yield json.dumps(record).encode() + b"\n"


def _row(line: bytes) -> Row:
    row = json.loads(line)
    return Row(b64decode(row["k"], validate=True), b64decode(row["v"], validate=True), int(row["until_ms"]))


def _write(path: Path, head: dict[str, Any], lines: list[bytes]) -> None:
    """A head, the keys, and a foot that says how many there are and what they add up to."""
    digest = hashlib.sha256()
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with (
        os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        zstandard.ZstdCompressor(level=6).stream_writer(file) as out,
    ):
        out.write(json.dumps(head).encode() + b"\n")
        for line in lines:
            digest.update(line)
            out.write(line)
        out.write(json.dumps({"keys": len(lines), "sha256": digest.hexdigest()}).encode() + b"\n")
    part.replace(path)
