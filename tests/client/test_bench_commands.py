"""`kinoray profile` and `kinoray bench` against a service over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.client.cli import app
from tests.client.service import CANCELLED, Service

Command = Callable[..., Result]


def asked(service: Service) -> list[str]:
    return [str(body["prompt"]) for body in service.bodies]


def config(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return str(path)


def test_profile_shows_where_the_time_goes(service: Service, kinoray: Command) -> None:
    said = kinoray("profile", "a red ball", "--n", "3", "--tier", "preview")
    assert said.exit_code == 0, said.output
    assert len(service.bodies) == 4  # one warms it up
    assert {"prompt": "a red ball", "tier": "preview", "cache": {"mode": "off"}} in service.bodies
    assert "The bottleneck is steps: 60% of all time." in said.stdout
    told = json.loads(kinoray("profile", "a red ball", "--n", "2", "--concurrency", "2", "--json").stdout)
    assert (told["jobs"], told["failed"], told["stages"][0]["name"]) == (2, 0, "steps")


def test_bench_runs_the_baseline_first_and_compares(service: Service, kinoray: Command, tmp_path: Path) -> None:
    service.cost = 0.5
    base = config(tmp_path, "base", "{prompts: [a, b], n: 4, concurrency: 2, warmup: 0}")
    fast = config(tmp_path, "fast", "{prompt: c, n: 3, warmup: 0, budget: 5}")
    png = tmp_path / "bench.png"
    said = kinoray("bench", "--config", base, "--config", fast, "--json", "--png", str(png))
    assert said.exit_code == 0, said.output
    assert (sorted(asked(service)[:4]), asked(service)[4:]) == (["a", "a", "b", "b"], ["c", "c", "c"])
    before, after = json.loads(said.stdout)
    assert (before["name"], before["jobs"], before["cost_per_video"]) == ("base", 4, 0.5)
    assert before["improvement_percent"]["latency_p50_s"] == 0.0
    assert after["improvement_percent"]["cost_per_video"] == 0.0
    assert after["config"]["budget"] == 5
    assert png.read_bytes()[:4] == b"\x89PNG"
    table = kinoray("bench", "--config", base, "--config", fast).stdout
    assert all(word in table for word in ("base", "fast", "latency P95", "videos a minute", " %)"))


def test_jobs_that_fail_are_counted_by_code_and_end_with_status_one(
    service: Service, kinoray: Command, tmp_path: Path
) -> None:
    service.ending = dict(CANCELLED)
    said = kinoray("bench", "--config", config(tmp_path, "base", "{prompt: a, n: 2, warmup: 0}"))
    assert (said.exit_code, "failed: 2 cancelled" in said.stdout) == (1, True), said.output


def test_settings_are_for_a_service_of_its_own(service: Service, kinoray: Command, tmp_path: Path) -> None:
    own = config(tmp_path, "own", "{prompt: a, settings: {slots: 2}}")
    said = kinoray("bench", "--config", own)
    assert (said.exit_code, "leave out --url" in said.stderr, service.bodies) == (2, True, [])


def test_a_bad_file_is_named_before_anything_runs(service: Service, kinoray: Command, tmp_path: Path) -> None:
    bad = config(tmp_path, "bad", "{prompt: a, tiers: preview}")
    said = kinoray("bench", "--config", bad)
    assert (said.exit_code, "did you mean tier?" in " ".join(said.stderr.split()), service.bodies) == (2, True, [])


@pytest.mark.parametrize("words", [("profile", "a red ball"), ("bench",)])
def test_a_service_that_is_not_there_is_said_to_be_so(words: tuple[str, ...], free_url: str, tmp_path: Path) -> None:
    more = ("--config", config(tmp_path, "base", "{prompt: a, n: 2}")) if words == ("bench",) else ()
    said = CliRunner().invoke(app, ["--url", free_url, *words, *more])
    assert (said.exit_code, "kinoray serve" in said.stderr) == (1, True), said.output
