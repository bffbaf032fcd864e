"""What goes on beside the passes: its pauses, and that work which comes ends a long one."""

from __future__ import annotations

import asyncio

import pytest

from app.dispatch.pace import Pace

pytestmark = pytest.mark.anyio

FOR_EVER_S = 3600.0


async def test_until_a_pass_has_found_nothing_to_do_there_is_something() -> None:
    await Pace().pause(0.0, FOR_EVER_S)


async def test_work_that_comes_ends_a_pause_at_once() -> None:
    pace = Pace()
    pace.found(busy=False)
    pausing = asyncio.ensure_future(pace.pause(0.0, FOR_EVER_S))
    await asyncio.sleep(0)
    assert not pausing.done()
    pace.found(busy=True)
    await asyncio.wait_for(pausing, 10.0)
    await pace.pause(0.0, FOR_EVER_S)  # and those behind it are short again


async def test_an_idle_pause_ends_by_itself() -> None:
    pace = Pace()
    pace.found(busy=False)
    await pace.pause(FOR_EVER_S, 0.0)
