"""`client.usage()` and `kinoray usage`, against a served application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import anyio.to_thread
import pytest
from typer.testing import CliRunner, Result

from app.client.cli import app
from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.jobs.usage import Used
from tests.api.house import House
from tests.api.served import ServedHouse, served

pytestmark = pytest.mark.anyio

DAYS = ("2026-11-01", "2026-11-30")


@pytest.fixture
async def server() -> AsyncIterator[ServedHouse]:
    house = House()
    for day, model in (("2026-11-01", "m"), ("2026-11-02", "=x\x1b[31m")):
        await house.usage.add(Used(day, "public", model, "", {"jobs": 2.0, "money": 0.25}))
    async with served(house) as found:
        yield found


async def command(server: ServedHouse, *words: str) -> Result:
    asked = ["--url", server.url, "usage", "--from", DAYS[0], "--to", DAYS[1], *words]
    return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(app, asked, env={"COLUMNS": "140"}))


async def test_the_client_has_rows_their_sum_and_csv(server: ServedHouse) -> None:
    async with Kinoray(server.url) as client:
        told = await client.usage(*DAYS, group_by="day")
        assert [row["day"] for row in told["data"]] == ["2026-11-01", "2026-11-02"]
        assert told["total"]["jobs"] == 4
        assert (await client.usage_csv(*DAYS, tenant="*")).splitlines()[2].startswith("2026-11-02,'=x")
        with pytest.raises(KinorayClientError) as refused:
            await client.usage("today")
    assert refused.value.code == "invalid_request"


async def test_the_command_shows_a_table_json_or_csv(server: ServedHouse) -> None:
    shown = await command(server)
    assert shown.exit_code == 0
    assert "2026-11-01" in shown.stdout
    assert "total" in shown.stdout
    assert "\x1b" not in shown.stdout, "what a server says cannot steer the terminal"
    assert json.loads((await command(server, "--json", "--by", "model")).stdout)["total"]["money"] == 0.5
    assert (await command(server, "--csv")).stdout.startswith("day,model,jobs,completed")
    refused = await command(server, "--by", "user")
    assert (refused.exit_code, "group_by" in refused.stderr) == (1, True)
