"""Where a video is written: a file that appears or changes only when all is there, a device, a pipe, a stream."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import anyio

STDOUT = 1
CHUNK = 4096  # what a pipe that is called writable takes without waiting
PROBE = bytes(64 * 1024)
READER_S = 0.1  # how often it is seen to whether somebody reads a named pipe
_OPEN_STREAM = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")
_STANDARD = {"/dev/stdout": STDOUT, "/dev/stderr": 2}


@dataclass(frozen=True, slots=True)
class Target:
    """A place to write to. `stream` is a file descriptor that is open already; without one, `path` is opened."""

    path: Path
    overwrite: bool = True
    stream: int | None = None

    @classmethod
    def named(cls, word: str, overwrite: bool = True) -> Target:
        """What a person means by `--out`: a path, or `-` for standard output.

        /dev/stdout and /dev/fd/N are the open stream itself: opened by name, a file behind it would be cut off.
        """
        match = _OPEN_STREAM.fullmatch(word)
        stream = STDOUT if word == "-" else int(match[1]) if match else _STANDARD.get(word)
        return cls(Path(word), overwrite, stream)

    def check(self) -> None:
        """Raises OSError, with a reason for people, when this cannot be written to; changes nothing."""
        if self.stream is not None:
            os.fstat(self.stream)
        elif self._is_file():
            self._check_file()

    def _is_file(self) -> bool:
        """Whether it is, or will be, a regular file. Raises OSError: it can be no target."""
        try:
            mode = self.path.stat().st_mode  # of what a link leads to
        except FileNotFoundError:
            return True
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", str(self.path))
        if stat.S_ISSOCK(mode):
            raise OSError(errno.ENXIO, "it is a socket, which cannot be written to", str(self.path))
        if not stat.S_ISREG(mode) and not os.access(self.path, os.W_OK):
            raise PermissionError(errno.EACCES, "you may not write to it", str(self.path))
        return stat.S_ISREG(mode)

    def _check_file(self) -> None:
        place = self.place
        if place.exists():
            if not self.overwrite:
                raise FileExistsError(errno.EEXIST, "it exists already", str(self.path))
            if not os.access(place, os.W_OK):
                raise PermissionError(errno.EACCES, "it is write-protected", str(self.path))
        check_folder(place.parent)

    @property
    def place(self) -> Path:
        """The file itself, whatever links lead to it."""
        return Path(os.path.realpath(self.path))

    @contextmanager
    def part(self) -> Iterator[BinaryIO]:
        """A file to collect the content in, until `keep`; gone afterwards, whatever happens. Raises OSError."""
        self.check()
        if self.stream is not None or not self._is_file():
            with tempfile.TemporaryFile() as file:
                yield file
            return
        path = self.place.with_name(f".kinoray-{uuid.uuid4().hex[:12]}.part")
        try:
            with path.open("x+b") as file:
                yield file
        finally:
            path.unlink(missing_ok=True)

    async def keep(self, part: BinaryIO) -> None:
        """Have what was collected be, or flow into, the target. Raises OSError."""
        part.flush()
        if self.stream is not None:
            await _pour(part, self.stream)
        elif self._is_file():
            self._replace(Path(part.name))
        else:
            stream = await _opened(self.path)
            try:
                await _pour(part, stream)
            finally:
                os.close(stream)

    def _replace(self, part: Path) -> None:
        place = self.place
        if not self.overwrite:
            place.open("xb").close()  # fails where a file has come meanwhile; ours from here on
        with suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(place.stat().st_mode))
        part.replace(place)


def check_folder(folder: Path) -> None:
    """Raises OSError, with a reason for people, unless a file can be written in it."""
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "there is no such folder", str(folder))
    probe = folder / f".kinoray-{uuid.uuid4().hex[:12]}.part"
    try:
        with probe.open("xb") as file:
            file.write(PROBE)
    except OSError as error:
        reason = f"no file can be written there: {error.strerror or error}"
        raise OSError(error.errno, reason, str(folder)) from error
    finally:
        with suppress(OSError):
            probe.unlink()


async def _opened(path: Path) -> int:
    """A device or pipe, open for writing; a pipe once somebody reads it."""
    while True:
        try:
            stream = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(path.stat().st_mode):
                raise
            await anyio.sleep(READER_S)
            continue
        os.set_blocking(stream, True)
        return stream


async def _pour(part: BinaryIO, stream: int) -> None:
    """Write it all, without ever being stuck in a write: who waits can still be told to leave."""
    part.seek(0)
    while chunk := part.read(CHUNK):
        while chunk:
            with suppress(PermissionError):  # of a plain file or /dev/null, which are always ready
                await anyio.wait_writable(stream)
            chunk = chunk[os.write(stream, chunk) :]
