"""Bytes and a path come in; the file appears under its name with all of them on the disk, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Written beside its place, brought to the disk, then renamed. Raises OSError, and then leaves nothing behind."""
    _appear(path, lambda part: _write_part(part, content))


def copy_whole(path: Path, source: Path) -> None:
    """The same with what another file holds."""
    _appear(path, lambda part: _copy_part(part, source))


def _appear(path: Path, write: Callable[[Path], None]) -> None:
    part = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    for _ in range(3):  # a delete next door may remove the folder while it is still empty
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            write(part)
            break
    try:
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)


def _write_part(part: Path, content: bytes) -> None:
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _copy_part(part: Path, source: Path) -> None:
    try:
        with source.open("rb") as read, part.open("xb") as file:
            shutil.copyfileobj(read, file, 2**20)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Make a rename last over a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
