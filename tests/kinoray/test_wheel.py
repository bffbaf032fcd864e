"""The wheel, in an environment without the checkout and in an empty folder, does all that the checkout does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
import pytest

from app import __version__
from tests.ports import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ("app", "cluster", "deployments", "kinoray")
FILES = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
TRAP = "raise RuntimeError(\"a program's own package, and none of Kinoray's\")\n"


def _environment() -> dict[str, str]:
    """This process's, without a way to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KINORAY_", "PYTHON"))}
    return kept | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "COLUMNS": "200"}


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    wheel: Path
    python: Path
    folder: Path

    def run(self, *words: str, **more: str) -> str:
        """What a command of that environment says."""
        command = [str(self.python.parent / words[0]), *words[1:]]
        ended = subprocess.run(
            command, cwd=self.folder, env=_environment() | more, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Kinoray's dependencies are those of this environment; Kinoray itself is the wheel's."""
    work = tmp_path_factory.mktemp("wheel")
    wheel = _build(work)
    venv.create(work / "venv", symlinks=True)
    python = work / "venv" / "bin" / "python"
    site = next((work / "venv" / "lib").glob("python*/site-packages"))
    command = [*PIP, "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, env=_environment(), check=True)
    # Only now, so that pip sees no other Kinoray. Python reads no .pth files there: an editable Kinoray stays hidden.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    folder = work / "empty"
    folder.mkdir()
    return Installed(wheel, python, folder)


def _build(work: Path) -> Path:
    source = work / "source"
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*(ROOT / name for name in FILES), *ROOT.glob("serve_config*.yaml")]:
        shutil.copyfile(path, source / path.name)
    command = [*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(work), str(source)]
    subprocess.run(command, env=_environment(), check=True)
    (wheel,) = work.glob("*.whl")
    return wheel


def test_the_wheel_has_one_package_with_all_the_files_that_lie_beside_the_code(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"kinoray", f"kinoray-{__version__}.dist-info"}
    beside = {
        f"kinoray/{path.relative_to(ROOT).as_posix()}"
        for folder in ("app", "deployments")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert beside - names == set()
    assert {"kinoray/py.typed", "kinoray/serve_config.yaml", "kinoray/serve_config.cluster.yaml"} <= names


def test_every_module_of_the_wheel_names_others_as_the_wheel_has_them(installed: Installed) -> None:
    program = (
        "import importlib, pkgutil, sys, kinoray\n"
        "for found in pkgutil.walk_packages(kinoray.__path__, 'kinoray.'):\n"
        "    importlib.import_module(found.name)\n"
        "sys.stdout.write(' '.join({name.split('.')[0] for name in sys.modules}))\n"
    )
    loaded = installed.run("python", "-c", program).split()
    assert "kinoray" in loaded
    assert not {"app", "deployments", "cluster"} & set(loaded)


def test_a_programs_own_app_is_its_own(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("NAME = 'mine'\n")
    program = "import sys, app; from kinoray import Kinoray; sys.stdout.write(app.NAME + Kinoray.__module__)"
    ended = subprocess.run(
        [installed.python, "-c", program],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "minekinoray.app.client.client"


def test_a_program_that_uses_the_client_is_checked_by_its_types(installed: Installed, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from kinoray import Kinoray\n\n\n"
        "async def make(kinoray: Kinoray) -> str:\n"
        '    video = await kinoray.create("a red ball", seed=7, priority="high", cache={"mode": "off"})\n'
        '    await kinoray.create("a red ball", priority="soon")\n'
        '    await kinoray.create("a red ball", sede=7)\n'
        "    return video.id\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed.python), str(program)]
    ended = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=False)
    lines = [line for line in ended.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[1] for line in lines] == ["6", "7"], ended.stdout
    assert [line.rpartition("[")[2] for line in lines] == ["arg-type]", "call-arg]"]


@pytest.fixture(scope="module")
def url(installed: Installed) -> Iterator[str]:
    """A service that `kinoray serve` runs in the empty folder, beside packages with the names of the checkout's."""
    for name in ("app", "deployments", "cluster"):
        (installed.folder / f"{name}.py").write_text(TRAP)
    port = free_port()
    command = [str(installed.python.parent / "kinoray"), "serve", "--port", str(port), "--state-dir", "state"]
    with subprocess.Popen(
        command, cwd=installed.folder, env=_environment(), stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            if "Kinoray is ready" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"http://127.0.0.1:{port}"
        running.send_signal(signal.SIGTERM)
        running.stderr.read()
    assert running.returncode == 0


@pytest.mark.timeout(600)
def test_a_service_from_the_wheel_makes_a_video(installed: Installed, url: str) -> None:
    installed.run(
        "kinoray", "generate", "a red ball rolls right", "--tier", "preview", "-o", "ball.mp4", KINORAY_URL=url
    )
    with av.open(str(installed.folder / "ball.mp4")) as video:
        assert len(list(video.decode(video=0))) > 1
    assert "Kinoray" in httpx.get(url).text
    assert httpx.get(f"{url}/v1/model_info").json()["version"] == __version__
    assert (installed.folder / "state" / "redis").is_dir()
    stats = json.loads(installed.run("kinoray", "list", "--json", KINORAY_URL=url))
    assert [video["status"] for video in stats] == ["completed"]


def test_the_command_says_the_version_of_the_wheel(installed: Installed) -> None:
    assert installed.run("kinoray", "--version") == f"kinoray {__version__}\n"
    assert installed.run("python", "-m", "kinoray", "--version") == f"kinoray {__version__}\n"
