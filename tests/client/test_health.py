"""`kinoray health`, against a served application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from app.client.cli import app
from app.client.sparkline import BARS, UNKNOWN, sparkline
from app.errors import ServiceUnavailable
from app.health.recoveries import Cause, Signal
from app.health.samples import PoolSample, Sample
from tests.api.house import House
from tests.api.served import ServedHouse, served

pytestmark = pytest.mark.anyio
KEYS = {"boss": "b" * 32, "ann": "a" * 32}


async def well() -> dict[str, Any]:
    return {}


async def dead() -> dict[str, Any]:
    raise ServiceUnavailable("It is \x1b[31mnot there.")


@pytest.fixture
async def server() -> AsyncIterator[ServedHouse]:
    house = House({"redis": well, "cache": dead}, api_keys=KEYS, operators=["boss"])
    now = house.service.now()
    for minute in range(5):
        work = 10.0 * minute
        row = Sample(
            now - 60.0 * (4 - minute), step_seconds=work, wait_s=work, pools={"main": PoolSample(work, work, 1)}
        )
        await house.service.ports.samples.keep(row)
    signal = Signal(Cause.REPLICA_LOST, "main", "began", "r1 is gone", now)
    await house.service.ports.recoveries.record(signal)
    async with served(house) as found:
        yield found


async def command(server: ServedHouse, key: str, *words: str) -> Result:
    asked = ["--url", server.url, "--api-key", KEYS[key], "health", *words]
    return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(app, asked, env={"COLUMNS": "160"}))


async def test_it_shows_parts_score_course_forecast_and_what_was_mended(server: ServedHouse) -> None:
    shown = await command(server, "boss")
    assert shown.exit_code == 0
    for said in (
        "degraded, score 90 of 100 (cache −10)",
        "It is  [31mnot there.",
        "line       ▁▃▅▇█ 40 step-seconds",
        "The line grows by 0.17 step-seconds a second",
        "replica_lost",
    ):
        assert said in shown.stdout
    assert "\x1b" not in shown.stdout, "what a server says cannot steer the terminal"


async def test_a_key_that_may_not_see_the_rest_is_shown_the_parts(server: ServedHouse) -> None:
    shown = await command(server, "ann")
    assert (shown.exit_code, "cache" in shown.stdout, "replica_lost" in shown.stdout) == (0, True, False)
    told = json.loads((await command(server, "ann", "--json")).stdout)
    assert (told["health"]["score"], told["trends"], told["recoveries"]) == (90, None, None)


async def test_as_json_there_is_all_of_it(server: ServedHouse) -> None:
    told = json.loads((await command(server, "boss", "--json")).stdout)
    assert (len(told["trends"]["minutes"]), told["recoveries"]["events"][0]["subject"]) == (5, "main")


async def test_a_service_that_is_not_well_ends_it_with_status_1(server: ServedHouse) -> None:
    server.house.app.state.checks["redis"] = dead
    assert (await command(server, "boss")).exit_code == 1


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=80))
def test_a_line_has_a_character_for_each_value(values: list[float | None]) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    assert set(line) <= {*BARS, UNKNOWN}
    assert [each == UNKNOWN for each in line] == [value is None for value in values]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_what_is_more_is_not_lower(values: list[float]) -> None:
    heights = [BARS.index(each) for each in sparkline(values)]
    ranked = sorted(zip(values, heights, strict=True))
    assert [height for _, height in ranked] == sorted(heights)
