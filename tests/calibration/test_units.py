from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.calibration.notes import Notes
from app.calibration.units import Clock, OwnHands, Unit, hands, work


class Doubling:
    """Measures twice its cost, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def measured(self, unit: Unit) -> Any:
        self.asked.append(unit.key)
        return [2 * unit.cost, os.getpid()]


class TwoRounds:
    """A stage whose second round goes by what the first found."""

    name = "doubling"

    def rounds(self, notes: Notes) -> Iterator[Sequence[Unit]]:
        yield [Unit(f"first/{cost}", cost) for cost in (1, 2, 3)]
        yield [Unit("second", notes["first/3"][0])]

    def told(self, unit: Unit, found: Any) -> str:
        return unit.key


def test_later_rounds_go_by_what_earlier_ones_found_and_nothing_is_measured_twice(tmp_path: Path) -> None:
    said: list[str] = []
    first = Doubling()
    notes = Notes(tmp_path / "n.jsonl", {"of": 1})
    assert work(TwoRounds(), notes, OwnHands(first), said.append, Clock())
    assert first.asked == ["first/1", "first/2", "first/3", "second"]
    assert notes["second"][0] == 12
    assert "min left" in said[0]
    again = Doubling()
    assert work(TwoRounds(), Notes(tmp_path / "n.jsonl", {"of": 1}), OwnHands(again), said.append, Clock())
    assert again.asked == []


def test_when_time_is_up_what_was_found_is_kept_and_the_next_run_goes_on(tmp_path: Path) -> None:
    ticks = iter(range(100))
    clock = Clock(until=2.5, now=lambda: float(next(ticks)))
    first, again = Doubling(), Doubling()
    assert not work(TwoRounds(), Notes(tmp_path / "n.jsonl", {}), OwnHands(first), lambda line: None, clock)
    assert work(TwoRounds(), Notes(tmp_path / "n.jsonl", {}), OwnHands(again), lambda line: None, Clock())
    assert first.asked + again.asked == ["first/1", "first/2", "first/3", "second"]
    assert first.asked


def test_several_processes_measure_all_of_it(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "n.jsonl", {})
    with hands(Doubling, 2) as both:
        assert work(TwoRounds(), notes, both, lambda line: None, Clock())
    assert [notes[f"first/{cost}"][0] for cost in (1, 2, 3)] == [2, 4, 6]
    assert os.getpid() not in {notes[f"first/{cost}"][1] for cost in (1, 2, 3)}


def test_a_line_that_a_killed_process_left_half_written_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    Notes(path, {}).keep("a", 1)
    with path.open("a") as file:
        file.write('{"key": "b", "fou')
    known = Notes(path, {})
    assert ("a" in known, "b" in known) == (True, False)
    known.keep("b", 2)
    assert Notes(path, {})["b"] == 2


def test_notes_of_something_else_are_refused(tmp_path: Path) -> None:
    Notes(tmp_path / "n.jsonl", {"revision": "1"})
    with pytest.raises(ValueError, match="other weights"):
        Notes(tmp_path / "n.jsonl", {"revision": "2"})
