"""Dashboards and alerts ask only for figures that exist, and every alert says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import ray
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app import telemetry
from app.api.metrics import Reading, ReadingCollector
from app.api.routes.caches import CacheLevel
from app.line.backlog import Backlog, PoolBacklog
from app.service.pools import PoolStatus
from app.types import ReplicaInfo
from cluster.dashboards import DASHBOARDS, FOLDER, as_text
from cluster.rollout import Exit

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "cluster" / "monitoring"
GUIDE = (ROOT / "docs" / "operating.md").read_text()
ELSEWHERE = {"up", "redis_up", "redis_memory_used_bytes", "redis_memory_max_bytes"}  # Prometheus', redis_exporter's


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for rule in rules():
        yield rule["expr"]
    for panels in DASHBOARDS.values():
        for panel in panels:
            yield from (expression.replace("$__rate_interval", "5m") for expression, _ in panel.queries)


def selected(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics that a query asks for, with the labels it picks by."""
    found: list[tuple[str, set[str]]] = []

    def look(node: object) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((str(node.name), {matcher.name for matcher in node.matchers.matchers}))
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=look)
    yield from found


def exposed() -> dict[str, set[str]]:
    """Names and labels on a /metrics page on which everything has happened."""
    names = [value for name, value in vars(telemetry).items() if name.isupper() and isinstance(value, str)]
    labelled = {telemetry.JOBS_ENDED: "completed", telemetry.TIERS: "standard", telemetry.JOB_LATENCY: "1"}
    figures = {f"{name}:{labelled[name]}" if name in labelled else name: 1.0 for name in names}
    backlog = Backlog(pools={"main": PoolBacklog(jobs=1, running=1, step_seconds=1.0, wait_s=1.0)})
    level = CacheLevel(
        hits=1,
        misses=1,
        hit_rate=0.5,
        entries=1,
        size_bytes=1,
        evictions=1,
        near_evictions=1,
        saved_step_seconds=1.0,
        saved_money=1.0,
    )
    replica = ReplicaInfo("r", "main", "m", 1, 0, 0.1, 0.0)
    registry = CollectorRegistry(auto_describe=False)
    pools = (PoolStatus("main", "m", "ready"),)
    reading = Reading(True, figures, backlog, (replica,), {"results": level}, True, 1.0, pools)
    registry.register(ReadingCollector(reading))
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def documented() -> set[str]:
    """What Ray's own dashboards ask for."""
    folder = Path(ray.__file__).parent / "dashboard" / "modules" / "metrics" / "dashboards"
    return {name for path in folder.glob("*.py") for name in re.findall(r"\bray_[a-z0-9_]+", path.read_text())}


def test_every_figure_that_is_asked_for_exists() -> None:
    ours, rays = exposed(), documented()
    asked = [pair for expression in expressions() for pair in selected(expression)]
    assert len(asked) > 60
    for name, labels in asked:
        assert name in ours or name in rays or name in ELSEWHERE, name
        if name in ours:
            assert labels <= ours[name], (name, labels)


def test_a_figure_that_does_not_exist_is_noticed() -> None:
    assert list(selected('rate(kinoray_nothing_total{pool="x"}[5m])')) == [("kinoray_nothing_total", {"pool"})]
    assert "kinoray_nothing_total" not in exposed()


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_the_dashboard_files_are_those_of_the_rows(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == as_text(name)
    panels = json.loads(as_text(name))["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_the_provisioned_source_is_the_one_that_panels_ask() -> None:
    folder = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    panels = json.loads(as_text("cost"))["panels"]
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {source["uid"]}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_cools_down_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (ROOT / path).is_file()
    (section,) = re.findall(rf"^### {rule['alert']}\n\n(.+?)(?=^##|\Z)", GUIDE, flags=re.M | re.S)
    assert anchor == rule["alert"].lower()
    assert len(section) > 60


def test_the_guide_has_no_section_for_an_alert_that_is_gone() -> None:
    sections = set(re.findall(r"^### (\w+)$", GUIDE, flags=re.M))
    assert sections == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize(
    "figure", ["P50", "P95", "NothingCompleted", "HitRate", "Errors", "Queue", "Costly", "Devices", "Redis", "Memory"]
)
def test_there_is_an_alert_for_every_figure_that_operators_go_by(figure: str) -> None:
    assert any(figure in rule["alert"] for rule in rules())


def test_alertmanager_tells_of_names_that_exist() -> None:
    config = yaml.safe_load((MONITORING / "alertmanager.yaml").read_text())
    named = set(re.findall(r"alertname=~?\"([^\"]+)\"", str(config["inhibit_rules"])))
    assert {name for each in named for name in each.split("|")} <= {rule["alert"] for rule in rules()}
    assert {config["route"]["receiver"]} == {receiver["name"] for receiver in config["receivers"]}
    assert config["route"]["repeat_interval"]


def test_the_guide_tells_every_exit_status_of_a_deploy() -> None:
    told = re.findall(r"^\| (\d) \| ([a-z ]+)", GUIDE, flags=re.M)
    assert {(int(status), words.strip().upper().replace(" ", "_")) for status, words in told} == {
        (each.value, each.name) for each in Exit
    }


def test_links_and_settings_of_the_guide_exist() -> None:
    from app.settings import Settings

    links = [link for link in re.findall(r"\]\(([^)#]+)\)", GUIDE) if "://" not in link]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    named = set(re.findall(r"KINORAY_([A-Z_]+[A-Z])", GUIDE)) - {"URL", "API_KEY", "TAG"}
    assert {name.lower() for name in named} <= set(Settings.model_fields)
