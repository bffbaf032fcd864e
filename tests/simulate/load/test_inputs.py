"""What operators give: read as it is meant, or refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.plan.prompt.complexity import analyse
from app.plan.tables import NO_TABLES
from app.settings import Settings
from app.simulate.load import units
from app.simulate.load.command import Asked, planned
from app.simulate.load.mix import PROMPTS, read_mix
from app.simulate.load.problem import CannotSimulate
from app.simulate.load.step_times import read_step_times
from app.simulate.load.trace import read_trace
from tests.simulate.load.make import TIMES

H100 = Path(__file__).resolve().parents[3] / "docs" / "step-times" / "h100.json"
ROW: dict[str, Any] = {"at": 5.0, "frames": 9, "height": 64, "width": 64, "steps": 10, "budget": 8}


def test_rates_times_and_fleets_are_read() -> None:
    assert units.rate("0.4/s") == 0.4
    assert units.rate("1M/day") == pytest.approx(11.574, abs=0.001)
    assert units.duration("24h", "--for") == 86_400.0
    assert units.replicas("main=1..16") == ("main", 1, 16)
    assert units.replicas("big=4") == ("big", 4, 4)


@pytest.mark.parametrize("text", ["0.4", "-1/s", "0/s", "nan/s", "1/fortnight", "99M/s"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CannotSimulate, match="--rate"):
        units.rate(text)


@pytest.mark.parametrize("text", ["main", "main=", "main=5..2", "main=0", "ma in=3", "main=999999999"])
def test_a_fleet_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CannotSimulate, match="--replicas"):
        units.replicas(text)


@pytest.mark.parametrize("complexity", PROMPTS)
def test_the_prompt_of_a_class_is_of_that_class(complexity: str) -> None:
    assert analyse(PROMPTS[complexity]).complexity == complexity


def test_a_kind_is_given_the_steps_that_the_planner_gives_its_prompt(tmp_path: Path) -> None:
    mix = tmp_path / "tiers.yaml"
    mix.write_text(
        "family: wan2.1-t2v-14b\nkinds:\n- {name: a, tier: preview, complexity: complex, size: 832x480}\n"
        "- {name: b, tier: premium, prompt: a red ball, size: 832x480, priority: high, tenants: [x, y]}\n"
    )
    one, other = read_mix(mix, read_step_times(H100), Settings(), NO_TABLES)
    assert (one.forwards, other.forwards, other.tenants) == (14, 45, ("x", "y"))
    assert one.plan.estimate.step_seconds == pytest.approx(14 * 9.77)
    assert one.shape == (81, 480, 832)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kinds: []", "kinds"),
        ("kinds: [{name: a, tier: gold}]", "gold"),
        ("kinds: [{name: a, priority: urgent}]", "priority"),
        ("kinds: [{name: a, colour: red}]", "colour"),
        ("family: sora\nkinds: [{name: a}]", "sora"),
        ("kinds: [{name: a}, {name: a}]", "two kinds"),
        ("kinds: [{name: a, prompt: x, complexity: simple}]", "not both"),
        ("kinds: {", "YAML"),
        ("kinds: [{name: a, share: .nan}]", "share"),
    ],
)
def test_a_mix_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    mix = tmp_path / "tiers.yaml"
    mix.write_text(text)
    with pytest.raises(CannotSimulate, match=says) as refused:
        read_mix(mix, TIMES, Settings(), NO_TABLES)
    assert str(mix) in str(refused.value)


def test_step_times_are_a_table_a_replicas_note_or_what_the_service_says_of_its_replicas(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    said = {"step_times": {"9x64x64": 0.5}, "overheads": {"9x64x64": 2.0}, "device_overheads": {"9x64x64": 1.0}}
    path.write_text(json.dumps({"replicas": [said, {**said, "step_times": {"9x64x64": 0.7}}]}))
    found = read_step_times(path)
    assert found.step_s((9, 64, 64)) == pytest.approx(0.6)
    assert found.beside_s((9, 64, 64)) == (2.0, 1.0)
    path.write_text(json.dumps({"times": [[[9, 64, 64], 1, 0.5], [[9, 64, 64], 2, 0.6]]}))
    found = read_step_times(path)
    assert found.step_s((9, 64, 64), 2) == 0.6
    assert found.step_s((9, 64, 64), 4) == pytest.approx(1.2)  # what was not measured is not believed to pay
    assert found.step_s((18, 64, 64)) == 1.0


@pytest.mark.parametrize(
    "told", [[], {}, {"step_times": {"a": 1}}, {"step_times": {"9x64x64": 0}}, {"step_times": {"9x64x64": "x"}}]
)
def test_step_times_that_are_none_are_refused(tmp_path: Path, told: object) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps(told))
    with pytest.raises(CannotSimulate, match="times.json"):
        read_step_times(path)


def test_a_trace_keeps_who_asked_for_what_and_when(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    rows = [{**ROW, "at": 7.5, "priority": "high", "key": "k", "wait_s": 3.0}, {**ROW, "tenant": "t", "key": "k"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    kinds, arrivals, seconds, turnaround = read_trace(path, TIMES, None)
    assert [(one.at, one.tenant, one.kind.priority) for one in arrivals] == [
        (0.0, "t", "normal"),
        (2.5, "default", "high"),
    ]
    assert arrivals[0].key == arrivals[1].key
    assert (len(kinds), seconds, kinds[0].forwards, turnaround) == (2, 2.5, 8, None)


def test_a_trace_that_tells_its_waits_says_what_the_service_takes_between_two_jobs(tmp_path: Path) -> None:
    path, rows = tmp_path / "trace.jsonl", []
    for number in range(30):  # one replica, 4 s a job, of which one comes every second; 0.05 s from an end to a start
        start = number * 4.05
        rows.append({**ROW, "at": float(number), "wait_s": round(start - number, 3), "latency_s": start - number + 4.0})
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_trace(path, TIMES, None)[3] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("line", "says"),
    [("{", "not JSON"), ('{"at": 1}', "frames"), (json.dumps({**ROW, "budget": 11}), "budget"), ("", "no request")],
)
def test_a_trace_with_a_wrong_line_names_it(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text(line)
    with pytest.raises(CannotSimulate, match=says):
        read_trace(path, TIMES, None)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "--rate and --mix"),
        ({"rate": "1/s"}, "--rate and --mix"),
        ({"rate": "1/s", "trace": H100}, "leave out"),
        ({"replicas": ["main=1", "main=2"]}, "twice"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(CannotSimulate, match=says):
        planned(Asked(**{"step_times": H100, "replicas": ["main=1"], **given}))


def test_a_pool_that_nobody_has_is_named(tmp_path: Path) -> None:
    mix = tmp_path / "tiers.yaml"
    mix.write_text("kinds: [{name: a, pool: big}]")
    with pytest.raises(CannotSimulate, match="'big'"):
        planned(Asked(step_times=H100, replicas=["main=1"], rate="1/h", mix=mix))
