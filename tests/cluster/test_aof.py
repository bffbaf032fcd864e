"""What a power cut leaves in Redis's log: zeros and half commands go, with a backup; other damage is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import redis

from cluster import redis as local
from cluster.aof import NotMended, mend
from cluster.redis import LocalRedis, RedisFailed

SERVERS = sorted({path for path in (shutil.which("redis-server"), local._in_wheel()) if path})


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


WHOLE = command(b"SELECT", b"0") + command(b"SET", b"job", b"\0\r\n\0")
SNAPSHOT = b"REDIS0009\xfa\xff*1" + b"\xff" + bytes(range(8))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "appendonly.aof"


@pytest.mark.parametrize("head", [b"", SNAPSHOT, b"#TS:1700000000\r\n"])
@pytest.mark.parametrize(
    ("tail", "zeros"),
    [
        (b"\0" * 4096, 4096),
        (b"\0" * 200_000, 200_000),
        (command(b"SET", b"k", b"value")[:-3], 0),
        (command(b"SET", b"k", b"value")[:-3] + b"\0" * 512, 512),
        (b"*3\r\n$3\r\nSET\r\n$5000\r\nabc" + b"\0" * 8000, 8000),
        (b"*", 0),
        (b"*2\r", 0),
        (command(b"MULTI") + command(b"SET", b"k", b"v"), 0),
        (command(b"MULTI") + command(b"SET", b"k", b"v") + b"\0" * 64, 64),
    ],
)
def test_zeros_and_half_commands_at_the_end_go_and_nothing_else(
    log: Path, head: bytes, tail: bytes, zeros: int
) -> None:
    log.write_bytes(head + WHOLE + tail)
    done = mend(log.parent)
    assert done is not None
    assert log.read_bytes() == head + WHOLE
    assert done.backup.read_bytes() == head + WHOLE + tail
    assert (done.cut_bytes, done.zeros) == (len(tail), zeros)


@pytest.mark.parametrize("content", [b"", WHOLE, SNAPSHOT + WHOLE, command(b"MULTI") + WHOLE + command(b"EXEC")])
def test_a_sound_log_is_left_alone(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    assert mend(log.parent) is None
    assert [path.name for path in log.parent.iterdir()] == [log.name]


@pytest.mark.parametrize(
    "content",
    [
        WHOLE + b"\0" * 64 + WHOLE,
        WHOLE + b"garbage" + WHOLE,
        WHOLE + b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nabcd\r\n" + WHOLE,
        b"\xff" * 100,
        WHOLE + b"*99999999999\r\n",
    ],
)
def test_damage_elsewhere_is_refused_and_nothing_is_touched(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    with pytest.raises(NotMended, match="at byte"):
        mend(log.parent)
    assert log.read_bytes() == content
    assert len(list(log.parent.iterdir())) == 1


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("tail", [b"\0" * 4096, b"*3\r\n$3\r\nSET\r\n$500\r\nabc" + b"\0" * 4096])
def test_redis_starts_again_after_a_power_cut(
    tmp_path: Path, server: str, tail: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "find_redis", lambda: server)
    running = LocalRedis(tmp_path)
    running.start()
    with redis.Redis.from_url(running.url) as client:
        client.set("kept", "yes")
        client.bgrewriteaof()
    running.stop()
    last = max(tmp_path.rglob("appendonly.aof*"), key=lambda path: (path.name.endswith("incr.aof"), path.name))
    with last.open("ab") as file:
        file.write(tail)
    running.start()
    assert running.mended is not None
    assert running.mended.cut_bytes == len(tail)
    assert running.count("kept*") == 1
    running.stop()


@pytest.mark.parametrize("server", SERVERS)
def test_other_damage_is_told_in_our_words(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_redis", lambda: server)
    running = LocalRedis(tmp_path)
    running.start()
    with redis.Redis.from_url(running.url) as client:
        client.set("kept", "yes")
    running.stop()
    last = max(tmp_path.rglob("appendonly.aof*"), key=lambda path: (path.name.endswith("incr.aof"), path.name))
    content = last.read_bytes()
    last.write_bytes(content[:20] + b"\0" * 512 + content[20:])
    with pytest.raises(RedisFailed, match="damaged in the middle.*backup") as failure:
        running.start()
    assert "redis-check-aof" not in str(failure.value)


def test_a_log_of_an_older_redis_is_mended_by_a_newer_one(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").write_bytes(WHOLE + b"\0" * 4096)
    running = LocalRedis(tmp_path)
    running.start()
    assert running.mended is not None
    assert running.count("job") == 1
    running.stop()
