"""How many replicas one needs, and the figures, table and picture of a run."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app.simulate.load.figures import figures_of
from app.simulate.load.find import condition, smallest
from app.simulate.load.picture import picture
from app.simulate.load.problem import CannotSimulate
from app.simulate.load.show import tables
from app.simulate.load.traffic import drawn
from tests.simulate.load.make import a_fleet, a_kind, ran


def test_the_smallest_fleet_is_found_that_meets_a_condition_and_one_less_does_not() -> None:
    arrivals = list(drawn([a_kind()], 0.35, 3000.0, 1))
    met = condition("p95_wait<20s", ["short"])
    found, tried = smallest(1, 16, lambda count: figures_of(ran(a_fleet(count), arrivals, 3000.0), None), [met])
    assert found is not None
    assert found >= 4  # 3.5 replicas' work
    assert met.met(figures_of(ran(a_fleet(found), arrivals, 3000.0), None))
    assert not met.met(figures_of(ran(a_fleet(found - 1), arrivals, 3000.0), None))
    assert found in [each.replicas for each in tried]


def test_where_not_even_the_most_are_enough_that_is_the_answer() -> None:
    arrivals = list(drawn([a_kind()], 0.5, 1000.0, 1))
    never = condition("p50_latency<1s", ["short"])
    found, tried = smallest(1, 3, lambda count: figures_of(ran(a_fleet(count), arrivals), None), [never])
    assert (found, [each.replicas for each in tried]) == (None, [3])


@pytest.mark.parametrize("text", ["p95_wait", "p95_wait<30", "p90_wait<3s", "p95_wait[nobody]<3s", "refused<5s", "x<1"])
def test_a_condition_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CannotSimulate, match="--find"):
        condition(text, ["short"])


def test_the_figures_say_what_it_costs() -> None:
    arrivals = list(drawn([a_kind()], 0.05, 7200.0, 1))
    figures = figures_of(ran(a_fleet(2), arrivals, 7200.0), 3.0)
    assert figures.device_hours == pytest.approx(4.0, rel=0.02)
    assert figures.money == pytest.approx(12.0, rel=0.02)
    assert figures.utilisation == pytest.approx(10 * len(arrivals) / 7200 / 2, rel=0.02)
    assert condition("utilisation>20%", []).met(figures)


def test_a_run_is_shown_as_tables_and_as_a_picture(tmp_path: Path) -> None:
    run = ran(a_fleet(1, 3), list(drawn([a_kind(), a_kind("high", 4, priority="high")], 0.1, 2000.0, 1)), 2000.0)
    figures = figures_of(run, 2.49, ["measured elsewhere"])
    console = Console(record=True, width=100, file=StringIO())
    console.print(tables(figures))
    text = console.export_text()
    assert "P95" in text
    assert "measured elsewhere" in text
    picture(run, figures, tmp_path / "load.png", "a load")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
