"""Mends what a power cut leaves at the end of Redis's append-only file: a command half written, or pages of zeros."""

from __future__ import annotations

import mmap
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "appendonlydir/appendonly.aof.manifest"  # Redis 7: a base and what came after it, in files of their own
SINGLE = "appendonly.aof"  # Redis 6
SNAPSHOT = b"REDIS"  # how a snapshot begins, of which Redis 6 makes the head of a rewritten file
SNAPSHOT_END, CHECKSUM_BYTES = 0xFF, 8
MOST_ARGUMENTS = 1024 * 1024
MOST_BYTES = 512 * 1024 * 1024  # of one argument: Redis takes no more


class NotMended(Exception):
    """The file has damage that cutting its end would not mend; the message says where."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done to a file: `cut_bytes` removed from its end, the whole of it kept before in `backup`."""

    file: Path
    backup: Path
    cut_bytes: int
    zeros: int  # of them, those that were nothing but zeros


def mend(folder: Path) -> Mended | None:
    """Cut off what no Redis can read at the end of the log in `folder`; None where there is nothing to cut.

    Only zeros and a command that was not written to its end go: nothing that Redis has ever said to be on the disk.

    Raises:
        NotMended: there are bytes in the middle, or at the end, that are neither.
        OSError: the file cannot be read, copied or cut.
    """
    file = _newest(folder)
    if file is None or file.stat().st_size == 0:
        return None
    with file.open("rb") as log, mmap.mmap(log.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = len(data)
        keep, filled = _sound(data)
    if keep == size:
        return None
    backup = file.with_name(f"{file.name}.{time.strftime('%Y%m%dT%H%M%S')}.backup")
    shutil.copy2(file, backup)
    with file.open("r+b") as cut:
        cut.truncate(keep)
        os.fsync(cut.fileno())
    return Mended(file, backup, size - keep, size - filled)


def _newest(folder: Path) -> Path | None:
    """The file that was appended to last; of an older Redis's single file a newer one makes its base."""
    manifest, single = folder / MANIFEST, folder / SINGLE
    if not manifest.is_file():
        return single if single.is_file() else None
    lines = [line.split() for line in manifest.read_text(errors="replace").splitlines()]
    entries = {line[1]: line[-1] for line in lines if len(line) > 1 and line[0] == "file"}
    after = [name for name, kind in entries.items() if kind == "i"]
    base = [name for name, kind in entries.items() if kind == "b" and not name.endswith(".rdb")]
    files = [manifest.parent / Path(name).name for name in (*reversed(after), *base)]
    return next((file for file in files if file.is_file() and file.stat().st_size), None)


def _sound(data: mmap.mmap) -> tuple[int, int]:
    """Where the last whole command ends, and where the zeros at the end begin. Raises NotMended."""
    filled = len(data)
    while filled and data[max(0, filled - 65536) : filled].strip(b"\0") == b"":
        filled = max(0, filled - 65536)
    filled -= len(data[max(0, filled - 65536) : filled]) - len(data[max(0, filled - 65536) : filled].rstrip(b"\0"))
    refused: NotMended | None = None
    for start in _starts(data, filled):
        try:
            return _commands(data, start, filled), filled
        except NotMended as error:
            refused = refused or error
    raise refused or NotMended("its snapshot has no end")


def _starts(data: mmap.mmap, filled: int) -> list[int]:
    """Where commands may begin: at the head, or behind the snapshot that stands there."""
    if data[: len(SNAPSHOT)] != SNAPSHOT:
        return [0]
    found, at = [], data.find(bytes([SNAPSHOT_END]))
    while at >= 0 and at < filled:
        start = at + 1 + CHECKSUM_BYTES
        if start >= filled or data[start : start + 1] in b"*#":
            found.append(start)
        at = data.find(bytes([SNAPSHOT_END]), at + 1)
    return found


def _commands(data: mmap.mmap, start: int, filled: int) -> int:
    """The end of the last whole command, or of the last before a transaction that lacks its end. Raises NotMended."""
    at, opened, size = start, None, len(data)
    while at < filled:
        try:
            after, name = _command(data, at, size)
        except NotMended as error:
            if not _cut_short(data, at, filled):
                raise NotMended(f"{error} at byte {at} of {size}") from None
            break
        if name == b"MULTI":
            opened = at
        elif name in (b"EXEC", b"DISCARD"):
            opened = None
        at = after
    return min(at if opened is None else opened, size) if filled > start else min(start, size)


def _command(data: mmap.mmap, at: int, size: int) -> tuple[int, bytes]:
    """Where the command at `at` ends, and its name; b"" for a note of the time."""
    if data[at : at + 1] == b"#":
        return _line(data, at, size)[1], b""
    count, at = _number(data, at, size, b"*", MOST_ARGUMENTS)
    name = b""
    for index in range(count):
        length, at = _number(data, at, size, b"$", MOST_BYTES)
        if data[at + length : at + length + 2] != b"\r\n":
            raise NotMended("a value without its end")
        name = data[at : at + length].upper() if index == 0 else name
        at += length + 2
    return at, name


def _number(data: mmap.mmap, at: int, size: int, sign: bytes, most: int) -> tuple[int, int]:
    line, after = _line(data, at, size)
    if line[:1] != sign or not line[1:].isdigit() or int(line[1:]) > most:
        raise NotMended("something that is no command")
    return int(line[1:]), after


def _line(data: mmap.mmap, at: int, size: int) -> tuple[bytes, int]:
    end = data.find(b"\r\n", at, min(size, at + 64))
    if end < 0:
        raise NotMended("a line without its end")
    return data[at:end], end + 2


def _cut_short(data: mmap.mmap, at: int, filled: int) -> bool:
    """Whether what begins at `at` is a command that the end of the written bytes cuts off."""
    try:
        count, at = _number_or_cut(data, at, filled, b"*")
        for _ in range(count):
            length, at = _number_or_cut(data, at, filled, b"$")
            if at + length + 2 > filled:
                return True
            if data[at + length : at + length + 2] != b"\r\n":
                return False
            at += length + 2
    except EOFError:
        return True
    except NotMended:
        return False
    return False


def _number_or_cut(data: mmap.mmap, at: int, filled: int, sign: bytes) -> tuple[int, int]:
    """As `_number`; raises EOFError where the written bytes end within it."""
    end = data.find(b"\r\n", at, min(filled, at + 64))
    if end < 0:
        rest = data[at : min(filled, at + 64)]
        if filled - at < 64 and (
            rest == b"" or (rest[:1] == sign and rest[1:].rstrip(b"\r").isdigit()) or rest == sign
        ):
            raise EOFError
        raise NotMended("something that is no command")
    return _number(data, at, filled, sign, MOST_BYTES)
