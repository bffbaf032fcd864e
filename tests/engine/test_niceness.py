from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.niceness import FILES, STEPS, give_way
from app.line.batcher import Rules
from tests.engine.plans import Listener, make_plan

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it counts niceness by thread")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_gives_way_with_those_that_it_starts_and_no_other_does() -> None:
    before = niceness()
    with ThreadPoolExecutor(1) as outer:
        outer.submit(give_way, before + 3).result()
        assert outer.submit(niceness).result() == before + 3
        outer.submit(give_way, before).result()
        assert outer.submit(niceness).result() == before + 3, "never less than it did"

        def started() -> int:
            with ThreadPoolExecutor(1) as inner:
                return inner.submit(niceness).result()

        assert outer.submit(started).result() == before + 3
    assert niceness() == before


def test_steps_give_way_to_files_and_both_to_requests() -> None:
    seen = set[int]()

    def sleep(_: float) -> None:
        seen.add(niceness())

    engine, heard = Engine(FakeDenoiser(sleep=sleep), Rules(max_batch=1, slots=1)), Listener()
    engine.submit("a", make_plan(steps=2, budget=2), heard)
    heard.wait()
    engine.close()
    assert seen == {max(niceness(), STEPS)}
    assert 0 < FILES < STEPS
