"""A start is told while it makes progress, and why it failed, by the model's name; a half-made replica ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import DeviceOutOfMemory, ServiceUnavailable, StoreUnavailable
from app.models.served import BadModel
from app.service.pools import DIFFUSER, failure_name, under_way_name
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.worker.starting import BUSY_BYTES, Start, Work, is_final, reason_of
from tests.worker.workplace import Workplace

pytestmark = pytest.mark.anyio


@pytest.fixture
def stores() -> Stores:
    return memory_stores(Settings())


def start(stores: Stores, worked: Callable[[], bool] = lambda: True) -> Start:
    return Start(stores.board, stores.clock, ("words", "draft"), DIFFUSER, "words", "replica01", worked)


async def note(stores: Stores, name: Callable[[str, str], str], pool: str = "words") -> dict[str, object] | None:
    return await stores.board.get(name(pool, DIFFUSER))


async def fail(stores: Stores, error: Exception) -> None:
    with pytest.raises(type(error)):
        async with start(stores).told():
            raise error


async def test_why_a_start_failed_is_in_the_log_and_on_the_board_of_each_pool(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "app.worker.starting"):
        await fail(stores, BadModel("models: words: the LoRA style cannot be read"))
    for pool in ("words", "draft"):
        told = await note(stores, failure_name, pool)
        assert told is not None
        assert (told["why"], told["final"]) == ("words: the LoRA style cannot be read", True)
    assert await note(stores, under_way_name) is None
    (record,) = caplog.records
    assert "words: the LoRA style cannot be read" in record.getMessage()
    assert record.exc_info is not None, "the whole story is in the replica's own log"


async def test_a_start_that_ends_well_puts_the_former_failure_away(stores: Stores) -> None:
    await fail(stores, DeviceOutOfMemory("It does not fit."))
    async with start(stores).told():
        pass
    assert (await note(stores, failure_name), await note(stores, under_way_name)) == (None, None)


async def test_a_start_under_way_counts_only_when_it_works(stores: Stores) -> None:
    looked = asyncio.Event()

    def worked() -> bool:
        looked.set()
        return True

    async with start(stores, worked).told():
        await looked.wait()
        await asyncio.sleep(0)
        told = await note(stores, under_way_name)
        assert told is not None
        assert told["work"] == 1


async def test_a_start_goes_on_without_the_store(stores: Stores) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("Redis is away.")

    stores.board.put = stores.board.forget = away  # type: ignore[method-assign,assignment]
    async with start(stores).told():
        pass


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (BadModel("models: words: no such file"), "words: no such file"),
        (ValueError("words: of another family"), "words: of another family"),
        (OSError("no such folder"), "words: OSError: no such folder"),
        (RuntimeError("redis://:secret@host failed\nmore"), "words: RuntimeError: redis://host failed"),
        (ValueError(""), "words: ValueError: "),
    ],
)
def test_a_reason_is_one_line_with_the_models_name_and_no_credentials(error: Exception, why: str) -> None:
    assert reason_of("words", error) == why


def test_what_may_pass_by_itself_is_not_final() -> None:
    passing = [StoreUnavailable("x"), ServiceUnavailable("no encoder"), ConnectionResetError(), asyncio.TimeoutError()]
    assert not any(map(is_final, passing))
    assert all(map(is_final, [BadModel("x"), DeviceOutOfMemory("x"), OSError("x"), RuntimeError("x")]))


async def test_a_replica_whose_warm_up_fails_ends_its_engine(workplace: Callable[..., Workplace]) -> None:
    here = workplace()

    def refuses(*_: object) -> None:
        raise DeviceOutOfMemory("It does not fit.")

    here.denoiser.start = refuses  # type: ignore[method-assign,assignment]
    with pytest.raises(DeviceOutOfMemory):
        await here.replica().start()
    assert not here.engine.healthy()
    assert await here.stores.jobs.replicas() == []


def test_a_process_that_reads_has_worked(tmp_path: Path) -> None:
    work = Work()
    (tmp_path / "weights").write_bytes(bytes(4 * BUSY_BYTES))
    assert work()
