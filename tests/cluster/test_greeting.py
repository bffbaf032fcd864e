"""What is said of a service that is ready: the page first, and a command that works as it stands."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest
from rich.console import Console

from cluster.greeting import Addresses, example, open_page, program, show_addresses
from tests.client.conftest import door, service
from tests.client.service import CONTENT, Service

__all__ = ["door", "service"]


def at(url: str, keys: bool = False) -> Addresses:
    return Addresses(url, "http://127.0.0.1:8265", Path("/state"), keys)


@pytest.fixture
def no_path() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin"}


def test_the_page_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    paper = io.StringIO()
    show_addresses(Console(file=paper, width=40), at("http://127.0.0.1:9000"))
    lines = paper.getvalue().splitlines()
    assert lines[0].split() == ["page", "http://127.0.0.1:9000/"]
    assert [line.split()[0] for line in lines[1:]] == ["api", "docs", "health", "dashboard", "state", "try"]
    assert "get-auth-token" in lines[4]


def test_the_example_names_what_a_fresh_terminal_does_not_know(no_path: dict[str, str]) -> None:
    assert "--url" not in example(at("http://127.0.0.1:8000"), no_path)
    assert example(at("http://127.0.0.1:9000", keys=True), no_path).endswith(
        "--url http://127.0.0.1:9000 --api-key KEY"
    )


def test_the_example_works_as_it_stands(service: Service, no_path: dict[str, str], tmp_path: Path) -> None:
    first, *words = shlex.split(example(at(service.url), no_path))
    assert first in ("kinoray", os.path.relpath(Path(sys.executable).parent / "kinoray"), first)
    command = [sys.executable, "-m", "kinoray", *words]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "ball.mp4").read_bytes() == b"video" + CONTENT


def test_a_command_is_called_by_its_name_where_that_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "env" / "bin"
    own.mkdir(parents=True)
    for name in ("python", "kinoray"):
        (own / name).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(own / "python"))
    monkeypatch.chdir(tmp_path)
    assert program("kinoray", {"PATH": str(own)}) == "kinoray"
    assert program("kinoray", {"PATH": "/nowhere"}) == "env/bin/kinoray"
    other = tmp_path / "other"
    other.mkdir()
    (other / "kinoray").touch(0o755)
    assert program("kinoray", {"PATH": str(other)}) == "env/bin/kinoray"
    monkeypatch.chdir("/usr")
    assert program("kinoray", {"PATH": "/nowhere"}) == str(own / "kinoray")


@pytest.mark.parametrize(
    ("environment", "opens"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({}, False),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, False),
        ({"DISPLAY": ":0", "CI": "true"}, False),
        ({"DISPLAY": ":0", "KINORAY_NO_BROWSER": "1"}, False),
    ],
)
def test_the_page_is_opened_where_somebody_sees_it(
    environment: dict[str, str], opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.greeting.sys.platform", "linux")
    opened: list[str] = []
    addresses = Addresses("http://127.0.0.1:8000", None, Path("state"))

    def shows(url: str) -> bool:
        opened.append(url)
        return True

    assert open_page(addresses, environment, shows) is opens
    assert opened == (["http://127.0.0.1:8000/"] if opens else [])


def test_a_browser_that_cannot_be_opened_is_no_trouble() -> None:
    def refuses(_: str) -> bool:
        raise webbrowser.Error("there is none")

    assert open_page(Addresses("http://x", None, Path("s")), {"DISPLAY": ":0"}, refuses) is False
