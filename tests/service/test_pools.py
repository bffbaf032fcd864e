"""How pools are: by what their replicas announce, and by what those that could not start left behind."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from app.errors import ModelUnavailable
from app.jobs.board import BACKLOG
from app.service.pools import DIFFUSER, ENCODER, PoolWatch, StartNote, failure_name, pools_of, under_way_name, why_not
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import ModelProfile
from tests.api.house import MODEL
from tests.jobs.make import a_replica

pytestmark = pytest.mark.anyio
WORDS: ModelProfile = replace(MODEL, id="words", pool="words")
NOW = 1000.0


@pytest.fixture
def stores() -> Stores:
    return memory_stores(Settings(), lambda: NOW, lambda: NOW)


def watch(stores: Stores, **settings: Any) -> PoolWatch:
    return PoolWatch((MODEL, WORDS), Settings(**settings), stores.jobs, stores.board)


async def fails(stores: Stores, pool: str, why: str, part: str = DIFFUSER, at: float = NOW) -> None:
    await stores.board.put(failure_name(pool, part), asdict(StartNote(at, "words", "r", why, True)), 60.0)


async def states(watch: PoolWatch) -> dict[str, str]:
    return {name: status.state for name, status in (await watch.look()).items()}


async def test_one_pools_replica_does_not_make_another_ready(stores: Stores) -> None:
    await stores.jobs.announce(a_replica(), 60.0)
    assert await states(watch(stores)) == {"main": "ready", "words": "starting"}
    await fails(stores, "words", "words: it does not fit")
    status = await watch(stores).of("words")
    assert (status.state, status.ready, status.error, status.final) == ("failed", False, "words: it does not fit", True)
    assert why_not(status) == "The pool words cannot start: words: it does not fit"


async def test_a_replica_that_leaves_makes_no_pool_ready(stores: Stores) -> None:
    await stores.jobs.announce(replace(a_replica(), leaving=True), 60.0)
    status = await watch(stores).of("main")
    assert (status.state, status.ready, status.leaving) == ("starting", False, 1)
    assert why_not(status) == "The pool main takes no jobs: its 1 replicas are leaving"


async def test_a_pool_whose_next_replica_fails_stays_ready_and_tells_it(stores: Stores) -> None:
    await stores.jobs.announce(replace(a_replica(), pool="words"), 60.0)
    await fails(stores, "words", "words: it does not fit")
    status = await watch(stores).of("words")
    assert (status.state, status.error) == ("ready", "words: it does not fit")
    await watch(stores).refuse_what_waits_for_ever("words", NOW)


async def test_a_text_encoder_that_fails_is_told_before_what_it_made_fail(stores: Stores) -> None:
    await fails(stores, "words", "words: the text encoder did not answer")
    await fails(stores, "words", "words: the encoder's files are missing", ENCODER)
    assert (await watch(stores).of("words")).error == "words: the encoder's files are missing"


async def test_what_would_wait_for_ever_is_refused_and_what_only_waits_is_not(stores: Stores) -> None:
    here = watch(stores)
    await here.refuse_what_waits_for_ever("words", NOW)  # it is starting
    await fails(stores, "words", "words: it does not fit")
    with pytest.raises(ModelUnavailable, match="words cannot be served at present: words: it does not fit") as error:
        await here.refuse_what_waits_for_ever("words", NOW)
    assert (error.value.status, error.value.error_code) == (503, "model_unavailable")
    await here.refuse_what_waits_for_ever("main", NOW)


async def test_a_pool_that_may_sleep_is_woken_again_some_time_after_it_failed(stores: Stores) -> None:
    here = watch(stores, replicas={"words": (0, 2)})
    assert (await states(here))["words"] == "asleep"
    await fails(stores, "words", "words: the device is full")
    with pytest.raises(ModelUnavailable):
        await here.refuse_what_waits_for_ever("words", NOW + 59.0)
    await here.refuse_what_waits_for_ever("words", NOW + 61.0)


async def test_a_start_under_way_shows_how_much_it_has_worked(stores: Stores) -> None:
    await stores.board.put(under_way_name("words", DIFFUSER), asdict(StartNote(NOW, "words", "r", work=7)), 6.0)
    assert (await watch(stores).of("words")).work == 7


async def test_a_note_of_another_version_counts_as_none(stores: Stores) -> None:
    await stores.board.put(failure_name("words", DIFFUSER), {"at": "yesterday"}, 60.0)
    assert (await states(watch(stores)))["words"] == "starting"


def test_pools_are_those_of_models_and_of_their_tiers() -> None:
    found = pools_of((MODEL, WORDS), {"words:preview": "draft"})
    assert found == {"main": "shapes", "words": "words", "draft": "words"}


async def test_a_pool_that_finds_no_place_is_not_asleep_whatever_it_may_do(stores: Stores) -> None:
    here, why = watch(stores, replicas={"words": (0, 2)}), "4 GPUs on one node; 2 are there"
    await stores.board.put(BACKLOG, {"pools": {"words": {"wanted": 1, "unplaced": why}}}, 60.0)
    status = await here.of("words")
    assert (status.state, status.ready, status.error) == ("unplaced", False, why)
    assert why_not(status) == f"The pool words has no place in the cluster: {why}"
    await stores.jobs.announce(replace(a_replica(), pool="words"), 60.0)  # the first has one, the second not
    assert (await states(here))["words"] == "ready"


async def test_why_a_replica_could_not_start_is_told_before_that_the_next_has_no_place(stores: Stores) -> None:
    await fails(stores, "words", "words: it does not fit")
    await stores.board.put(BACKLOG, {"pools": {"words": {"unplaced": "no room"}}}, 60.0)
    assert (await watch(stores).of("words")).state == "failed"
