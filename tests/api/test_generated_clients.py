"""Clients that others' generators make of the document, against the service behind a real HTTP server."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.api.house import VIDEO, House
from tests.api.served import ServedHouse, served
from tests.api.test_images import make_all

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SMOKE = Path(__file__).parent / "generated"
PYTHON_PINS = ("openapi-python-client==0.29.1", "httpx==0.28.1")
UNREACHED = re.compile(
    "ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|E404|"
    "No matching distribution|Temporary failure|Name or service not known|Connection refused|Max retries"
)
CONFIG = {
    "content_type_overrides": dict.fromkeys(
        # The last is what tus calls the bytes of a chunk.
        ("video/mp4", "image/*", "audio/flac", "application/zip", "application/offset+octet-stream"),
        "application/octet-stream",
    ),
    "post_hooks": [],
}


@pytest.fixture
async def server() -> AsyncIterator[ServedHouse]:
    """A house where somebody makes all that comes."""
    house = House()
    async with served(house) as at, anyio.create_task_group() as group:
        group.start_soon(make_all, house)
        yield at
        group.cancel_scope.cancel()


async def ran(*words: str | Path, cwd: Path, unless_unreached: str = "", **more: str) -> str:
    """What a program says; `unless_unreached`: what is not tried where it cannot reach what it needs."""
    command = [str(word) for word in words]
    ended = await anyio.run_process(command, cwd=cwd, check=False, env={**os.environ, **more})
    said = ended.stdout.decode() + ended.stderr.decode()
    if ended.returncode and unless_unreached and UNREACHED.search(said):
        pytest.skip(f"{unless_unreached} cannot be installed here: there is no way to its registry")
    assert ended.returncode == 0, said
    return said


async def installed(what: str, pins: str, *commands: tuple[str | Path, ...]) -> Path:
    """A folder under the system's temporary one where the commands have been run; kept for the next time."""
    digest = hashlib.sha256(pins.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"kinoray-{os.getuid()}-{digest}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        for command in commands:
            await ran(*command, cwd=folder, unless_unreached=what)
        (folder / "ready").touch()
    assert folder.stat().st_uid == os.getuid()
    return folder


def check(told: dict[str, Any]) -> None:
    """That a smoke run has seen what there was."""
    assert (told["bytes"], told["listed"], told["seed"]) == (len(VIDEO), [told["id"]], 5)
    assert (told["status"], told["code"], told["param"]) == (400, "unsupported_size", "size")
    assert (told["score"], told["deleted"], told["planned"]) == (5, True, [1])


async def test_a_typescript_client_is_made_checked_and_works(server: ServedHouse, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    package = SMOKE / "package.json"
    install = ("npm", "install", "--no-audit", "--no-fund", "--prefix", ".")
    folder = await installed("openapi-typescript", package.read_text(), ("cp", package, "."), install)
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    for file in (package, SMOKE / "smoke.ts"):
        shutil.copy(file, tmp_path)
    tools = tmp_path / "node_modules" / ".bin"
    (tmp_path / "openapi.json").write_text(json.dumps(server.house.app.openapi()))
    await ran(tools / "openapi-typescript", "openapi.json", "-o", "api.d.ts", cwd=tmp_path)
    modern = ("--target", "es2022", "--module", "nodenext", "--types", "node")
    await ran(tools / "tsc", "--strict", *modern, "smoke.ts", "api.d.ts", cwd=tmp_path)
    check(json.loads(await ran("node", "smoke.js", server.url, cwd=tmp_path)))


async def test_a_python_client_is_made_without_a_warning_and_works(server: ServedHouse, tmp_path: Path) -> None:
    make = (sys.executable, "-m", "venv", ".")
    install = ("bin/pip", "install", "-q", "--disable-pip-version-check", "--no-input", *PYTHON_PINS)
    folder = await installed("openapi-python-client", repr((sys.version, PYTHON_PINS)), make, install)
    (tmp_path / "openapi.json").write_text(json.dumps(server.house.app.openapi()))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    generate = ("generate", "--path", "openapi.json", "--config", "config.json", "--output-path", "made")
    said = await ran(folder / "bin" / "openapi-python-client", *generate, cwd=tmp_path)
    assert not re.search("WARNING|ERROR", said), said
    made = {"PYTHONPATH": str(tmp_path / "made")}
    check(json.loads(await ran(folder / "bin" / "python", SMOKE / "smoke.py", server.url, cwd=tmp_path, **made)))
