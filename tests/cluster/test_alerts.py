"""The alert rules: what Prometheus's own tool says of them, and each of them against series at true time."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from cluster.alerts import FILE, RUNBOOK, Alert, alerts, as_text, duration, faster, groups
from cluster.kpis import KPIS, OBJECTIVES
from cluster.monitors import FILE as MANIFEST
from cluster.monitors import as_text as manifest
from cluster.monitors import manifests

ROOT = Path(__file__).resolve().parents[2]
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed here")
ENTRIES = dict(re.findall(r"^### (\w+)\n\n(.+?)(?=^###|\Z)", (ROOT / RUNBOOK).read_text(), flags=re.M | re.S))


class Story(NamedTuple):
    """What goes wrong: series by minutes (`a+bxn` is n more samples, each b higher), when it fires, when it is over."""

    series: dict[str, str]
    fires_m: int
    clears_m: int


def gauge(name: str, good: float, bad: float, bad_m: int, good_m: int = 60) -> dict[str, str]:
    return {name: f"{good:g}x5 {bad:g}x{bad_m} {good:g}x{good_m}"}


def story(name: str, good: float, bad: float, bad_m: int, fires_m: int, clears_m: int = 60) -> Story:
    """Of a gauge that is bad from minute 6 on, for `bad_m` minutes more."""
    return Story(gauge(name, good, bad, bad_m), fires_m, clears_m)


POOL = '{pool="main", model="m"}'
ENDED = "kinoray_jobs_ended_total"
COMPLETED, FAILED = f'{ENDED}{{outcome="completed"}}', f'{ENDED}{{outcome="worker_lost"}}'
LATENCY = "kinoray_job_latency_seconds_bucket"
# 30 jobs a minute: for half an hour they end within 60 s, then for half an hour within 1,200 s, then within 60 s again.
SLOW = {
    f'{LATENCY}{{le="60"}}': "0+30x30 900x30 900+30x90",
    f'{LATENCY}{{le="1200"}}': "0+30x150",
    f'{LATENCY}{{le="+Inf"}}': "0+30x150",
}
WAITING = {'kinoray_waiting_jobs{pool="main"}': "3x400", 'kinoray_running_jobs{pool="main"}': "1x400"}
NO, YES = 'kinoray_promises_total{kept="no"}', 'kinoray_promises_total{kept="yes"}'
HIT, MISS = 'kinoray_cache_hits_total{level="results"}', 'kinoray_cache_misses_total{level="results"}'
STORIES = {
    "KinorayDown": story('up{job="kinoray"}', 1, 0, 10, 10),
    "KinorayStoreDown": story("kinoray_up", 1, 0, 10, 9),
    "KinorayCachesDown": story("kinoray_cache_up", 1, 0, 15, 13),
    "KinorayNoReplica": story(f"kinoray_pool_ready{POOL}", 1, 0, 10, 11),
    "KinorayPoolCannotStart": story(f"kinoray_pool_start_failed{POOL}", 0, 1, 10, 9),
    "KinorayPoolUnplaced": story(f"kinoray_pool_unplaced{POOL}", 0, 1, 15, 13),
    "KinorayPoolNotReady": story(f"kinoray_pool_ready{POOL}", 1, 0, 30, 25),
    "KinorayReplicaUnhealthy": story(
        'ray_serve_deployment_replica_healthy{application="kinoray", deployment="Router"}', 1, 0, 20, 14
    ),
    "KinoraySlowP50": Story(SLOW, 55, 120),
    "KinoraySlowP95": Story(SLOW, 55, 120),
    "KinorayNothingCompleted": Story({**WAITING, COMPLETED: "0+1x10 10x80 10+1x100"}, 80, 120),
    "KinorayLowHitRate": Story({HIT: "0x500 0+5x800", MISS: "0+1x500 500x800"}, 400, 1000),
    "DevicesIdle": Story({**WAITING, **gauge("ray_node_gpus_utilization", 90, 5, 30, 90)}, 25, 80),
    "KinorayErrors": Story({COMPLETED: "0+5x200", FAILED: "0x5 0+1x40 41x155"}, 30, 110),
    "KinorayQueueLong": story('kinoray_predicted_wait_seconds{pool="main"}', 10, 900, 30, 20, 70),
    "KinorayCostly": Story({COMPLETED: "0+1x900", "kinoray_cost_total": "0+0.5x400 200x500"}, 200, 880),
    "KinorayAvailabilityBurnFast": Story({COMPLETED: "0+10x400", FAILED: "0x5 0+5x20 100x375"}, 20, 120),
    "KinorayAvailabilityBurnSlow": Story({COMPLETED: "0+10x5000", FAILED: "0x5 0+1x600 600x4395"}, 500, 1500),
    "KinorayPromisesBurnFast": Story({YES: "0+10x5 50x30 50+10x400", NO: "0x5 0+10x30 300x400"}, 25, 300),
    "KinorayPromisesBurnSlow": Story({YES: "0+10x5000", NO: "0x5 0+3x600 1800x4395"}, 500, 1500),
    "KinorayErrorCode": Story({FAILED: "0x5 5x60"}, 8, 40),
    "KinorayAnswersFail": Story(
        {'kinoray_error_answers_total{code="store_unavailable", fault="server"}': "0x5 40x60"}, 9, 40
    ),
    "KinorayAttemptsLost": Story({"kinoray_attempts_lost_total": "0x5 5x90"}, 9, 80),
    "NodeLost": Story({"kinoray_nodes_lost_total": "0x5 1x60"}, 9, 40),
    "NodeUnreachable": story('up{job="ray", instance="a"}', 1, 0, 10, 10),
    "RedisNearlyFull": Story(
        {"redis_memory_used_bytes": "50x5 95x20 50x60", "redis_memory_max_bytes": "100x90"}, 15, 60
    ),
    "RedisDown": story("redis_up", 1, 0, 10, 9),
    "NodeOutOfMemory": Story({**gauge("ray_node_mem_used", 50, 95, 20), "ray_node_mem_total": "100x90"}, 12, 70),
    "WorkersKilled": Story({'ray_memory_manager_worker_eviction_total{instance="a"}': "_x5 1x60"}, 9, 50),
    "NodeDiskFull": Story({**gauge("ray_node_disk_free", 50, 5, 20), "ray_node_disk_usage": "95x90"}, 15, 70),
}
BY_DESIGN = {
    "a pool that is asleep by design": {
        f"kinoray_pool_ready{POOL}": "1x60",
        f"kinoray_pool_asleep{POOL}": "1x60",
        f"kinoray_pool_start_failed{POOL}": "0x60",
        f"kinoray_pool_unplaced{POOL}": "0x60",
        "kinoray_up": "1x60",
    },
    "one failure of one job": {COMPLETED: "0x60", FAILED: "0x5 1x55"},
    "clients who cancel, or name what is gone": {
        COMPLETED: "0+1x60",
        f'{ENDED}{{outcome="cancelled"}}': "0+9x60",
        f'{ENDED}{{outcome="dependency_failed"}}': "0+9x60",
        'kinoray_error_answers_total{code="video_not_found", fault="client"}': "0+90x60",
    },
    "a service that nobody uses": {COMPLETED: "0x60", YES: "0x60", NO: "0x60", HIT: "0x60", MISS: "0x60"},
}


def promtool(*words: str) -> None:
    done = subprocess.run([PROMTOOL or "", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def case(series: dict[str, str], expected: dict[int, dict[str, int]]) -> dict[str, Any]:
    """A test of promtool's: how many alerts of a name fire at a minute."""
    checks = [
        {
            "expr": f'count(ALERTS{{alertstate="firing", alertname="{name}"}})'
            if name
            else 'ALERTS{alertstate="firing"}',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": number}] if number else [],
        }
        for minute, row in expected.items()
        for name, number in row.items()
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    return {"interval": "1m", "input_series": given, "promql_expr_test": checks}


def run(folder: Path, *cases: dict[str, Any]) -> None:
    (folder / "rules.yaml").write_text(as_text())
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": list(cases)}
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests))
    promtool("test", "rules", str(folder / "tests.yaml"))


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    promtool("check", "rules", str(FILE))


@needs_promtool
@pytest.mark.parametrize("name", sorted(STORIES))
def test_each_alert_fires_and_clears(name: str, tmp_path: Path) -> None:
    told = STORIES[name]
    run(tmp_path, case(told.series, {4: {name: 0}, told.fires_m: {name: 1}, told.clears_m: {name: 0}}))


@needs_promtool
@pytest.mark.parametrize("name", sorted(BY_DESIGN))
def test_what_is_as_it_should_be_wakes_nobody(name: str, tmp_path: Path) -> None:
    run(tmp_path, case(BY_DESIGN[name], {minute: {"": 0} for minute in (5, 20, 40, 59)}))


def test_there_is_a_story_for_every_alert() -> None:
    assert set(STORIES) == {alert.name for alert in alerts()}


def test_the_files_are_those_of_the_rows() -> None:
    assert FILE.read_text() == as_text(), "python -m cluster.alerts"
    assert MANIFEST.read_text() == manifest(), "python -m cluster.monitors"


def test_prometheus_operator_is_told_the_same_rules_and_job_names() -> None:
    told = {each["kind"]: each for each in manifests()}
    assert told["PrometheusRule"]["spec"]["groups"] == groups()
    composed = yaml.safe_load((ROOT / "cluster" / "monitoring" / "prometheus.yaml").read_text())["scrape_configs"]
    jobs = re.findall(r"'?replacement'?: '?(\w+)", str(manifests()))
    assert sorted(jobs) == sorted(each["job_name"] for each in composed)
    named = set(re.findall(r'job="(\w+)"', as_text()))
    assert named <= set(jobs)


@pytest.mark.parametrize("alert", list(alerts()), ids=lambda alert: alert.name)
def test_every_alert_cools_down_and_says_what_to_do(alert: Alert) -> None:
    assert alert.cool_s > 0
    assert alert.summary.endswith(".")
    assert len(ENTRIES[alert.name]) > 60


def test_the_runbook_has_no_entry_for_an_alert_that_is_gone() -> None:
    assert set(ENTRIES) == {alert.name for alert in alerts()}
    rules = [rule for group in groups() for rule in group["rules"]]
    assert all(rule["annotations"]["runbook"] == f"{RUNBOOK}#{rule['alert'].lower()}" for rule in rules)


def test_there_is_a_threshold_for_every_figure_that_operators_go_by() -> None:
    figures = {"P50", "P95", "throughput", "hit rate", "GPU use", "error rate", "queue depth", "cost per video"}
    assert set(KPIS) == figures
    assert set(OBJECTIVES) == {"availability", "wait kept"}


def test_a_faster_world_has_the_same_rules_with_shorter_times() -> None:
    slow = Alert("A", "g", 'rate(x[5m]) > 1 and y unless y offset 1h and z{a="5m"}', 600.0, "S.")
    quick = faster(slow, 60)
    assert quick.expr == 'rate(x[5s]) > 1 and y unless y offset 1m and z{a="5m"}'
    assert (quick.for_s, quick.cool_s) == (10.0, 5.0)
    assert [len(group["rules"]) for group in groups(60)] == [len(group["rules"]) for group in groups()]
    assert "[" not in re.sub(r"\[\d+(ms|s|m)\]", "", str(groups(120)[1]["rules"][0]["expr"]))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.5, "500ms"), (90, "90s"), (120, "2m"), (86400, "1d"), (5400, "90m")]
)
def test_durations_are_written_as_prometheus_reads_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
