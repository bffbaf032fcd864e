from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.engine.tally import MEMORY, URGENT, Tally


def test_what_is_taken_is_counted_once() -> None:
    tally = Tally()
    tally.forward(3)
    tally.forward(3)
    tally.preempted(URGENT)
    tally.preempted(MEMORY, 2)
    assert tally.take() == ({3: 2}, {URGENT: 1, MEMORY: 2})
    assert tally.take() == ({}, {})


def test_nothing_is_lost_between_threads() -> None:
    tally, taken = Tally(), 0
    with ThreadPoolExecutor(2) as threads:

        def count() -> None:
            for _ in range(5000):
                tally.forward(1)

        done = threads.submit(count)
        while not done.done():
            taken += tally.take()[0].get(1, 0)
    assert taken + tally.take()[0].get(1, 0) == 5000
