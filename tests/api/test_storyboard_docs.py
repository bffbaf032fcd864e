"""The curl examples of the guide's section on storyboards do what they say, as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import anyio
import pytest

from tests.api.films import FILM
from tests.api.house import House
from tests.api.served import served
from tests.api.test_storyboards import make

pytestmark = pytest.mark.anyio

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
SECTION = GUIDE.partition("\n## Storyboards\n")[2].partition("\n## ")[0]
EXAMPLES = [
    f"curl {each}" for each in re.split(r"^curl ", re.findall(r"```\n(.*?)```", SECTION, re.DOTALL)[0], flags=re.M)[1:]
]


async def run(example: str, folder: Path, url: str, story: str) -> bytes:
    words = {**os.environ, "KINORAY": url, "STORY": story}
    command = example.replace("curl ", "curl -sS --fail-with-body ", 1)
    ended = await anyio.run_process(["bash", "-ec", command], cwd=folder, env=words, check=False)
    assert ended.returncode == 0, (example, ended.stdout, ended.stderr)
    return ended.stdout


async def test_every_example_runs(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    house = House(clock=time.time)
    asking, *rest = EXAMPLES
    async with served(house) as server:
        story = json.loads(await run(asking, tmp_path, server.url, ""))["id"]
        await make(house, story)
        for example in rest:
            told = await run(example, tmp_path, server.url, story)
            assert " -o " in example or b"story" in told
    assert len(rest) == 12
    assert (tmp_path / "film.mp4").read_bytes() == FILM
