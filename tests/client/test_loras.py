"""LoRAs from Python and from the command, asked of a real server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.client.cli import app
from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from tests.api.house import MODEL, House
from tests.api.served import served
from tests.uploads.files import adapter

pytestmark = pytest.mark.anyio


async def test_a_lora_is_uploaded_listed_worn_and_deleted(tmp_path: Path) -> None:
    file = tmp_path / "ink.safetensors"
    file.write_bytes(adapter())
    async with served(House(models=(replace(MODEL, lora_uploads=True),))) as server, Kinoray(server.url) as kinoray:
        kept = await kinoray.upload_lora(file, "ink", model="shapes", description="für mich & dich", partial=False)
        assert (kept["name"], kept["description"], kept["ranks"]) == ("ink", "für mich & dich", [4])
        assert await kinoray.loras() == (kept,)
        assert await kinoray.lora("ink") == kept
        video = await kinoray.create("a red ball", loras=[{"name": "ink", "strength": 0.5}])
        assert video.optimization.loras == ({"name": "ink", "strength": 0.5},)
        with pytest.raises(KinorayClientError, match="named 'ink'"):
            await kinoray.upload_lora(file, "ink")
        assert await kinoray.delete_lora("ink")
        assert await kinoray.loras(after=str(kept["id"])) == ()


async def test_the_command_does_the_same(tmp_path: Path) -> None:
    file = tmp_path / "ink.safetensors"
    file.write_bytes(adapter())
    async with served(House(models=(replace(MODEL, lora_uploads=True),))) as server:

        async def kinoray(*words: str) -> Result:
            work = partial(CliRunner().invoke, app, ["--url", server.url, "lora", *words])
            # Not to_thread: with this task's context the command would take its own loop for this one.
            return await asyncio.get_running_loop().run_in_executor(None, work)

        assert "Kept ink for shapes: 1 layers, rank 4." in (await kinoray("upload", str(file))).output
        [kept] = json.loads((await kinoray("list", "--json")).output)
        assert kept["name"] == "ink"
        assert "ink" in (await kinoray("list")).output
        assert (await kinoray("delete", "ink")).output == "Deleted ink.\n"
        assert (await kinoray("delete", "ink")).exit_code == 1
