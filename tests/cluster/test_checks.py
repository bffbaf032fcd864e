"""A folder, a port, a file store that cannot be used are found before anything starts, and said in one sentence."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.access.direct import make_key
from app.settings import Settings
from cluster.checks import (
    StartFailed,
    check_artifacts,
    check_metrics_port,
    check_open,
    check_port,
    check_redis,
    prepare_state_dir,
    shown,
)
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def test_a_folder_is_made_and_left_as_it_was(tmp_path: Path) -> None:
    prepare_state_dir(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize(("below", "what"), [("", "it is a file"), ("/state", "file is a file")])
def test_a_file_in_the_way_is_named(below: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartFailed, match=what) as bad:
        prepare_state_dir(Path(f"{tmp_path}/file{below}"))
    said = f"KINORAY_STATE_DIR={tmp_path}/file{below} cannot be used: "
    assert (str(bad.value).startswith(said), str(bad.value).endswith("it must be a folder.")) == (True, True)


def test_where_nothing_can_be_written_is_said() -> None:
    with pytest.raises(StartFailed, match="KINORAY_STATE_DIR=/proc/kinoray cannot be used: .*with room.$"):
        prepare_state_dir(Path("/proc/kinoray"))


def _may_mount() -> bool:
    unshare = shutil.which("unshare")
    probe = [unshare or "", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    return unshare is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="a small disk cannot be mounted here")
def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    serve = f"{sys.executable} -m kinoray serve --port {free_port()} --state-dir {small}/state"
    script = f"mount -t tmpfs -o size=64k none {small} && exec {serve}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    room = "its disk is full; it must be a folder that can be written to, with room."
    assert (ended.returncode, ended.stderr) == (1, f"KINORAY_STATE_DIR={small}/state cannot be used: {room}\n")


def test_a_port_that_is_taken_is_said_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartFailed, match=f"^KINORAY_PORT={port} cannot be used: .*--port") as bad:
            check_port("127.0.0.1", port)
    assert "\n" not in str(bad.value)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "nohost.invalid"])
def test_a_host_that_is_not_this_machine_is_said(host: str) -> None:
    with pytest.raises(StartFailed, match=f"^KINORAY_HOST={host} cannot be used .*such as 127.0.0.1.$"):
        check_port(host, free_port())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://me:secret@127.0.0.1:1/0", "redis://***@127.0.0.1:1/0: no Redis answers there (Connection refused)."),
        ("redis://nohost.invalid:6379", "redis://nohost.invalid:6379: no Redis answers there"),
        ("redis+sentinel://127.0.0.1:1/main", "none of its sentinels answers with a master of that name."),
    ],
)
def test_a_redis_that_is_not_there_is_said_with_its_host_and_without_its_password(url: str, said: str) -> None:
    with pytest.raises(StartFailed) as bad:
        check_redis(url, 0.5)
    assert (said in str(bad.value), "secret" in str(bad.value), "\n" in str(bad.value)) == (True, False, False)


def test_files_are_kept_only_where_fsspec_finds_a_way() -> None:
    check_artifacts("file:///tmp/artifacts")
    check_artifacts("/tmp/artifacts")
    with pytest.raises(StartFailed, match="^KINORAY_ARTIFACTS_URL=foo://x cannot be used: .*Protocol not known: foo"):
        check_artifacts("foo://x")


def test_no_password_is_shown() -> None:
    assert shown("s3://key:secret@bucket/folder?token=secret") == "s3://***@bucket/folder"


@pytest.mark.redis
def test_an_address_that_others_reach_is_not_started_without_a_key(
    redis_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").write_text("alice: secret")
    anywhere: dict[str, Any] = {"host": "0.0.0.0", "redis_prefix": prefix}
    with pytest.raises(StartFailed, match=r"KINORAY_HOST=0\.0\.0\.0 is not started: there is no key.*KINORAY_OPEN"):
        check_open(Settings(**anywhere), redis_url)
    for host in ("127.0.0.1", "::1", "localhost"):
        check_open(Settings(**anywhere | {"host": host}), redis_url)
    check_open(Settings(**anywhere, open=True), redis_url)
    check_open(Settings(**anywhere, api_keys={"alice": SecretStr("secret")}), redis_url)
    check_open(Settings(**anywhere, api_keys_file=tmp_path / "keys"), redis_url)
    with pytest.raises(StartFailed, match="KINORAY_API_KEYS_FILE"):
        check_open(Settings(**anywhere, api_keys_file=tmp_path / "none"), redis_url)
    monkeypatch.setenv("KINORAY_REDIS_PREFIX", prefix)
    make_key(redis_url, "first", "ops", None, None)
    check_open(Settings(**anywhere), redis_url)
    with pytest.raises(StartFailed):
        check_open(Settings(**anywhere | {"redis_prefix": f"{prefix}-2"}), redis_url)


def test_a_metrics_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartFailed) as bad:
            check_metrics_port(port, own=8000)
    said = f"KINORAY_RAY_METRICS_PORT={port} cannot be used: port {port} of this machine is taken; choose another"
    assert str(bad.value) == f"{said}, or leave it unset for any."


def test_a_metrics_port_that_is_the_services_own_is_named() -> None:
    with pytest.raises(StartFailed, match="KINORAY_RAY_METRICS_PORT=8000 cannot be used: it is the service's own port"):
        check_metrics_port(8000, own=8000)


def test_a_free_metrics_port_or_none_is_fine() -> None:
    check_metrics_port(free_port(), own=8000)
    check_metrics_port(None, own=8000)


def test_a_start_with_a_metrics_port_that_is_taken_ends_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-m", "kinoray", "serve", "--port", str(free_port()), "--state-dir", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "KINORAY_RAY_METRICS_PORT": str(port)}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr.startswith(f"KINORAY_RAY_METRICS_PORT={port} cannot be used")) == (1, True)
