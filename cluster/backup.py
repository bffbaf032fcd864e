"""Backups of what Kinoray keeps in Redis: keys come out into one file, and go back into any Redis from there."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from app.redis.connection import MISTAKES, Client, connect

FORMAT = "kinoray-backup-1"
LEFT_OUT = ("cache:", "cache!", "checkpoint:")  # made anew when they are missed
CALL_S = 120.0
SCAN = 1000
RESTORED_AT_ONCE = 200


class BackupFailed(Exception):
    """Nothing was kept or nothing was brought back; the message says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup holds."""

    keys: int
    size_bytes: int  # of the file


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Client]:
    """A patient connection, also through sentinels. Raises BackupFailed: the URL is none, or Redis fails."""
    try:
        redis = connect(url, CALL_S)
    except ValueError as error:
        raise BackupFailed(f"The Redis URL cannot be used: {error}") from error
    try:
        yield redis
    except (*MISTAKES, OSError) as error:
        raise BackupFailed(f"Redis: {type(error).__name__}: {error}") from error
    finally:
        await redis.aclose()


async def back_up(redis: Client, prefix: str, path: Path) -> Kept:
    """Write every key under the prefix, but for caches and checkpoints, as it is at one and the same moment.

    One transaction dumps all keys, so that no job is in the line and not in the records or the other way round; Redis
    answers nobody else for that long (30 ms for a thousand waiting jobs on a slow core). The file appears only when it
    is whole, readable by its owner alone: it holds prompts.
    """
    names = [name async for name in redis.scan_iter(match=_pattern(prefix), count=SCAN) if _is_kept(name, prefix)]
    names.sort()
    async with redis.pipeline(transaction=True) as line:
        line.time()
        for name in names:
            line.dump(name)
            line.pttl(name)
        seconds, *rows = await line.execute()
    now_ms = int(seconds[0]) * 1000 + int(seconds[1]) // 1000
    lines = list(_lines(names, rows, now_ms))
    _write(path, prefix, lines)
    return Kept(len(lines), path.stat().st_size)


async def restore(redis: Client, prefix: str, path: Path, replace: bool = False) -> int:
    """Bring a backup back and give the number of its keys; times to live go on as if nothing had happened.

    Raises BackupFailed: the file is damaged or another's, or the Redis holds keys under the prefix and `replace`,
    which removes them first, is not set.
    """
    rows = list(_read(path, prefix))
    held = [name async for name in redis.scan_iter(match=_pattern(prefix), count=SCAN)]
    if held and not replace:
        raise BackupFailed(f"There are {len(held)} keys under {prefix!r}; --replace removes them first.")
    for start in range(0, len(held), SCAN):
        await redis.delete(*held[start : start + SCAN])
    for start in range(0, len(rows), RESTORED_AT_ONCE):
        async with redis.pipeline(transaction=False) as line:
            for name, value, until_ms in rows[start : start + RESTORED_AT_ONCE]:
                line.restore(name, until_ms, value, absttl=until_ms > 0)
            await line.execute()
    return len(rows)


def _pattern(prefix: str) -> str:
    plain = "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)
    return f"{{{plain}}}:*"


def _is_kept(name: bytes, prefix: str) -> bool:
    return not name.decode(errors="replace").removeprefix(f"{{{prefix}}}:").startswith(LEFT_OUT)


def _lines(names: list[bytes], rows: list[Any], now_ms: int) -> Iterator[bytes]:
    """One JSON line a key; keys that have gone since they were listed are left out."""
    for name, value, ttl_ms in zip(names, rows[::2], rows[1::2], strict=True):
        if value is not None and ttl_ms != -2:
            until_ms = now_ms + ttl_ms if ttl_ms > 0 else 0
            record = {"k": b64encode(name).decode(), "v": b64encode(value).decode(), "until_ms": until_ms}
            yield json.dumps(record).encode() + b"\n"


def _write(path: Path, prefix: str, lines: list[bytes]) -> None:
    """A head, the keys, and a foot that says how many there are and what they add up to."""
    digest = hashlib.sha256()
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with (
        os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        zstandard.ZstdCompressor(level=6).stream_writer(file) as out,
    ):
        out.write(json.dumps({"format": FORMAT, "prefix": prefix}).encode() + b"\n")
        for line in lines:
            digest.update(line)
            out.write(line)
        out.write(json.dumps({"keys": len(lines), "sha256": digest.hexdigest()}).encode() + b"\n")
    part.replace(path)


def _read(path: Path, prefix: str) -> Iterator[tuple[bytes, bytes, int]]:
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            head, *lines = plain.read().splitlines(keepends=True)
        foot = json.loads(lines.pop())
        about = json.loads(head)
    except (OSError, zstandard.ZstdError, ValueError, IndexError) as error:
        raise BackupFailed(f"{path} is not a whole backup: {error}") from error
    if about != {"format": FORMAT, "prefix": prefix}:
        raise BackupFailed(f"{path} is {about}, not a backup of {prefix!r}.")
    if foot != {"keys": len(lines), "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}:
        raise BackupFailed(f"{path} is damaged: its lines are not those that were written.")
    for line in lines:
        row = json.loads(line)
        yield b64decode(row["k"]), b64decode(row["v"]), int(row["until_ms"])
