"""The log of what the service mended: what is news, once per cause and cool-down, in memory and in a real Redis."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.health.recoveries import (
    KINDS,
    NOTICE,
    Cause,
    Change,
    MemoryRecoveries,
    Recoveries,
    Signal,
    Tally,
    judged,
)
from app.health.redis_recoveries import RedisRecoveries
from app.jobs.board import Board, MemoryBoard
from app.jobs.memory import MemoryJobs
from app.jobs.outbox import MemoryOutbox, Outbox
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.outbox import RedisOutbox
from app.redis.commands import Commands
from app.redis.connection import Client, connect
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0
COOL_S = KINDS[Cause.REPLICA_LOST].cool_down_s
SIGNALS = st.lists(st.tuples(st.sampled_from(get_args(Change)), st.floats(0, 2 * COOL_S)), max_size=40)


@dataclass
class Log:
    recoveries: Recoveries
    board: Board
    outbox: Outbox

    async def told(self) -> list[tuple[str, int]]:
        """The events, the oldest first."""
        return [(each.change, each.times) for each in reversed(await self.recoveries.recent(100))]


@pytest.fixture(params=MEMORY_AND_REDIS)
async def log(request: pytest.FixtureRequest, redis: Client, prefix: str) -> AsyncIterator[Log]:
    if request.param == "memory":
        board, outbox = MemoryBoard(), MemoryOutbox(MemoryJobs())
        yield Log(MemoryRecoveries(board, outbox, ("a", "b")), board, outbox)
    else:
        yield Log(RedisRecoveries(redis, prefix, ("a", "b")), RedisBoard(redis, prefix), RedisOutbox(redis, prefix))


def lost(change: Change, at: float, pool: str = "main") -> Signal:
    return Signal(Cause.REPLICA_LOST, pool, change, "r1 is gone", NOW + at)


async def test_it_is_told_once_in_a_cool_down_and_once_when_it_is_over(log: Log) -> None:
    for change, at in (("began", 0.0), ("began", 5.0), ("ended", 9.0), ("ended", 10.0), ("began", 20.0)):
        await log.recoveries.record(lost(change, at))  # type: ignore[arg-type]
    assert await log.told() == [("began", 1), ("ended", 1)]
    [standing] = await log.recoveries.standings()
    assert (standing.tally.count, standing.tally.untold, standing.tally.under_way) == (2, 1, True)


async def test_what_a_cool_down_held_back_is_told_with_how_often_it_was(log: Log) -> None:
    await log.recoveries.record(*(Signal(Cause.LEASE_LOST, "main", "happened", "", NOW + at) for at in range(5)))
    await log.recoveries.record(Signal(Cause.LEASE_LOST, "main", "happened", "", NOW + COOL_S))
    assert await log.told() == [("happened", 1), ("happened", 5)]


async def test_what_lasts_beyond_a_cool_down_that_hid_its_beginning_is_told_then(log: Log) -> None:
    await log.recoveries.record(lost("began", 0), lost("ended", 1), lost("began", 2), lost("began", COOL_S - 1))
    assert await log.told() == [("began", 1), ("ended", 1)]
    await log.recoveries.record(lost("began", COOL_S), lost("ended", COOL_S + 1))
    assert await log.told() == [("began", 1), ("ended", 1), ("began", 1), ("ended", 1)]


async def test_pools_do_not_hide_each_other(log: Log) -> None:
    await log.recoveries.record(lost("began", 0), lost("began", 1, "other"))
    assert [each.subject for each in await log.recoveries.recent(9)] == ["other", "main"]
    assert [each.subject for each in await log.recoveries.standings()] == ["other", "main"]


async def test_each_event_is_in_the_outbox_for_each_receiver_with_what_it_says(log: Log) -> None:
    await log.recoveries.record(lost("began", 0), lost("began", 1))
    names = await log.outbox.claim(NOW + 1, NOW + 60, 10)
    assert sorted(name[: len(NOTICE) + 2] for name in names) == [f"{NOTICE}a_", f"{NOTICE}b_"]
    [event] = await log.recoveries.recent(9)
    note = await log.board.get(names[0])
    assert note == {"event": {**vars_of(event)}}


def vars_of(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in ("id", "cause", "subject", "change", "detail", "at", "times")}


@pytest.mark.redis
async def test_the_script_judges_as_the_rule_does(redis: Client, prefix: str) -> None:
    """Random stories; as one test, since each has a pool of its own in the same log."""
    stories: list[list[tuple[Change, float]]] = []

    @given(SIGNALS)
    def collect(story: list[tuple[Change, float]]) -> None:
        stories.append(story)

    collect()
    recoveries = RedisRecoveries(redis, prefix)
    for number, story in enumerate(stories[:40]):
        tally, at, expected = Tally(), 0.0, 0
        for change, pause_s in story:
            at = round(at + pause_s, 3)
            signal = lost(change, at, f"pool{number}")
            tally, times = judged(tally, signal, COOL_S)
            expected += times > 0
            await recoveries.record(signal)
        found = {each.subject: each.tally for each in await recoveries.standings()}
        assert found.get(f"pool{number}", Tally()) == tally
        assert sum(each.subject == f"pool{number}" for each in await recoveries.recent(1000)) == expected


@given(SIGNALS)
def test_nothing_that_happened_is_forgotten(story: list[tuple[Change, float]]) -> None:
    tally, at, told = Tally(), NOW, 0
    for change, pause_s in story:
        at += pause_s
        tally, times = judged(tally, Signal(Cause.LEASE_LOST, "main", change, "", at), COOL_S)
        told += times if change != "ended" else 0
    assert told + tally.untold == tally.count


@pytest.mark.redis
async def test_what_finds_no_redis_goes_with_the_next(redis_url: str, prefix: str, redis: Client) -> None:
    away = connect("redis://127.0.0.1:1/0", 0.2)
    recoveries = RedisRecoveries(away, prefix)
    await recoveries.record(lost("began", 0))
    recoveries._commands = Commands(redis)
    await recoveries.record(lost("ended", 3))
    assert [(each.change, each.at) for each in await recoveries.recent(9)] == [("ended", NOW + 3), ("began", NOW)]
    await away.aclose()


@pytest.mark.redis
async def test_the_log_does_not_grow_for_ever(redis: Client, prefix: str) -> None:
    recoveries = RedisRecoveries(redis, prefix)
    await redis.xadd(f"{{{prefix}}}:recoveries", {"event": json.dumps({"another": "version"})})
    for number in range(1005):
        await recoveries.record(Signal(Cause.RESTORED, "records", "happened", "", NOW + number))
    assert await redis.xlen(f"{{{prefix}}}:recoveries") == 1000


def test_the_guide_names_every_cause() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    assert set(KINDS) == set(Cause)
    assert not [cause for cause, kind in KINDS.items() if f"| `{cause}` | {kind.means} {kind.done} |" not in guide]


@pytest.mark.redis
async def test_a_log_that_makes_no_sense_troubles_nobody(redis: Client, prefix: str) -> None:
    recoveries = RedisRecoveries(redis, prefix)
    await redis.set(f"{{{prefix}}}:recovery_tallies", "no hash")
    await recoveries.record(lost("began", 0))
    await redis.delete(f"{{{prefix}}}:recovery_tallies")
    await recoveries.record(lost("began", 1, "other"))
    assert [each.subject for each in await recoveries.recent(9)] == ["other"]
