"""`-o` never destroys: what is there stays until the whole video is, and streams are written to."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.target import Target, check_folder
from tests.client.conftest import Typed
from tests.client.service import CONTENT, Service, video

Command = Callable[..., Typed]
WHOLE = b"video" + CONTENT


@pytest.fixture
def done(service: Service) -> Service:
    service.videos["v"] = video("v", status="completed")
    return service


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("word", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_gets_the_video_and_nothing_else(word: str, done: Service, typed: Command) -> None:
    ended = typed("download", "v", "-o", word)
    assert (ended.status, ended.stdout == WHOLE, ended.stderr) == (0, True, f"{word}\n")


def test_generate_writes_to_standard_output_too(service: Service, typed: Command, tmp_path: Path) -> None:
    ended = typed("generate", "a red ball", "-o", "-", "--json", cwd=tmp_path)
    assert (ended.status, ended.stdout == WHOLE, left(tmp_path)) == (0, True, [])
    assert '"file": "-"' in ended.stderr


def test_a_file_that_the_shell_has_opened_is_added_to_and_not_cut(done: Service, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"before")
    environment = {**os.environ, "KINORAY_URL": done.url}
    with log.open("ab") as stdout:
        command = [sys.executable, "-m", "kinoray", "download", "v", "-o", "/dev/stdout"]
        subprocess.run(command, env=environment, stdout=stdout, timeout=60, check=True)
    assert log.read_bytes() == b"before" + WHOLE


def test_a_device_stays_a_device(done: Service, typed: Command) -> None:
    before = os.stat("/dev/null")
    assert typed("download", "v", "-o", "/dev/null").status == 0
    after = os.stat("/dev/null")
    assert (stat.S_ISCHR(after.st_mode), after.st_ino) == (True, before.st_ino)


def test_a_full_device_is_one_line_that_says_that_the_video_is_kept(service: Service, typed: Command) -> None:
    ended = typed("generate", "a red ball", "-o", "/dev/full")
    assert ended.status == 1
    assert ended.stderr.splitlines()[-1].endswith(
        "No space left on device; the video is kept: `kinoray download video_1`"
    )


def test_a_named_pipe_is_written_to_once_somebody_reads(done: Service, typed: Command, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert typed("download", "v", "-o", str(pipe)).status == 0
    reader.join(10)
    assert (read, stat.S_ISFIFO(pipe.stat().st_mode)) == ([WHOLE], True)


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing yet"])
def test_a_link_stays_and_what_it_leads_to_is_written(
    there: bool, done: Service, typed: Command, tmp_path: Path
) -> None:
    (tmp_path / "far").mkdir()
    file, link = tmp_path / "far" / "file.mp4", tmp_path / "link.mp4"
    link.symlink_to("far/file.mp4")
    if there:
        file.write_bytes(b"old")
    assert typed("download", "v", "-o", str(link)).status == 0
    assert (link.is_symlink(), file.is_symlink(), file.read_bytes()) == (True, False, WHOLE)
    assert (left(tmp_path), left(tmp_path / "far")) == (["far", "link.mp4"], ["file.mp4"])


@pytest.mark.anyio
async def test_a_file_stays_as_it_was_until_all_is_there(done: Service, client: Kinoray, tmp_path: Path) -> None:
    old = tmp_path / "v.mp4"
    old.write_bytes(b"old")
    old.chmod(0o640)
    done.torn_downloads = 9
    with pytest.raises(KinorayClientError):
        await client.download("v", old)
    assert (old.read_bytes(), left(tmp_path)) == (b"old", ["v.mp4"])
    done.torn_downloads = 1
    await client.download("v", old)
    assert (old.read_bytes(), stat.S_IMODE(old.stat().st_mode), left(tmp_path)) == (WHOLE, 0o640, ["v.mp4"])


@pytest.mark.anyio
async def test_a_torn_download_is_not_poured_into_a_stream(done: Service, client: Kinoray) -> None:
    done.torn_downloads = 2
    ours, theirs = os.pipe()
    read: list[bytes] = []

    def drain() -> None:
        with os.fdopen(ours, "rb") as file:
            read.append(file.read())

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    await client.download_to("v", Target.named(f"/dev/fd/{theirs}"))
    os.close(theirs)
    reader.join(10)
    assert read == [WHOLE]


def test_no_clobber_refuses_before_anything_is_asked(service: Service, typed: Command, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"old")
    for words in (["generate", "a red ball"], ["remix", "v", "a blue ball"], ["download", "v"]):
        ended = typed(*words, "-o", "v.mp4", "--no-clobber", cwd=tmp_path)
        assert (ended.status, "it exists already" in ended.stderr) == (2, True)
    assert (service.heard, (tmp_path / "v.mp4").read_bytes()) == ([], b"old")


@pytest.mark.anyio
async def test_a_file_that_came_meanwhile_is_kept_by_no_clobber(tmp_path: Path) -> None:
    target = Target(tmp_path / "v.mp4", overwrite=False)
    with target.part() as part:
        part.write(b"new")
        target.path.write_bytes(b"somebody else's")
        with pytest.raises(FileExistsError):
            await target.keep(part)
    assert (target.path.read_bytes(), left(tmp_path)) == (b"somebody else's", ["v.mp4"])


def folder(place: Path) -> Path:
    return place


def beyond_a_file(place: Path) -> Path:
    (place / "file").touch()
    return place / "file" / "v.mp4"


def loop(place: Path) -> Path:
    (place / "loop").symlink_to("loop")
    return place / "loop"


def listening(place: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "socket"))
    return place / "socket"


@pytest.mark.parametrize(
    "place",
    [folder, beyond_a_file, loop, listening, lambda place: place / "none" / "v.mp4", lambda _: Path("/proc/v.mp4")],
    ids=["folder", "beyond a file", "loop", "socket", "no folder", "not writable"],
)
def test_a_target_that_cannot_be_written_is_found_before_the_video_is_made(
    place: Callable[[Path], Path], service: Service, typed: Command, tmp_path: Path
) -> None:
    ended = typed("generate", "a red ball", "-o", str(place(tmp_path)))
    assert (ended.status, "--out" in ended.stderr, "Traceback" in ended.stderr, service.heard) == (2, True, False, [])


def test_without_a_name_the_folder_is_looked_at(service: Service, typed: Command) -> None:
    assert (typed("generate", "a red ball", cwd=Path("/proc")).status, service.heard) == (2, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is write-protected for root")
def test_a_write_protected_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").touch(0o444)
    with pytest.raises(PermissionError, match="write-protected"):
        Target(tmp_path / "v.mp4").check()


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    check_folder(tmp_path)
    Target(tmp_path / ("n" * 250)).check()
    assert left(tmp_path) == []
