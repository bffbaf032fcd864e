"""Dashboards ask only for metrics of the table, and what is provisioned fits together."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import ray
import yaml

from app.telemetry.table import TABLE
from cluster.alerts import alerts
from cluster.dashboards import FOLDER, as_text
from cluster.panels import DASHBOARDS
from cluster.rollout import Exit

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "cluster" / "monitoring"
GUIDE = (ROOT / "docs" / "operating.md").read_text()
ELSEWHERE = {"up", "redis_up", "redis_memory_used_bytes", "redis_memory_max_bytes"}  # Prometheus', redis_exporter's
PROMTOOL, AMTOOL = shutil.which("promtool"), shutil.which("amtool")


def expressions() -> Iterator[str]:
    yield from (alert.expr for alert in alerts())
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


def grouped(expression: str) -> set[str]:
    """The labels that it sums or joins by."""
    found = re.findall(r"\b(?:by|on) \(([^)]+)\)", expression)
    return {label.strip() for each in found for label in each.split(",")}


def ours() -> dict[str, set[str]]:
    """The series of the table by name, with their labels."""
    found: dict[str, set[str]] = {}
    for metric in TABLE:
        labels = set(metric.label_names)
        if metric.kind == "histogram":
            found |= {f"{metric.full_name}_{part}": labels for part in ("sum", "count")}
            found[f"{metric.full_name}_bucket"] = labels | {"le"}
        else:
            found[metric.full_name] = labels
    return found


def documented() -> set[str]:
    """What Ray's own dashboards ask for."""
    folder = Path(ray.__file__).parent / "dashboard" / "modules" / "metrics" / "dashboards"
    return {name for path in folder.glob("*.py") for name in re.findall(r"\bray_[a-z0-9_]+", path.read_text())}


def test_every_figure_that_is_asked_for_exists() -> None:
    table, rays = ours(), documented()
    asked = [pair for expression in expressions() for pair in selected(expression)]
    assert len(asked) > 140
    for name, labels in asked:
        assert name in table or name in rays or name in ELSEWHERE, name
        if name in table:
            assert labels <= table[name], (name, labels)
    for expression in expressions():
        names = [name for name, _ in selected(expression)]
        if all(name in table for name in names):
            assert grouped(expression) <= set[str]().union(*(table[name] for name in names)), expression


def test_a_figure_that_does_not_exist_is_noticed() -> None:
    assert list(selected('rate(kinoray_nothing_total{pool="x"}[5m])')) == [("kinoray_nothing_total", {"pool"})]
    assert "kinoray_nothing_total" not in ours()
    assert grouped("sum by (le, tier) (x) and on (pool) y") == {"le", "tier", "pool"}


def test_every_metric_is_seen_in_a_panel_or_said_to_be_in_none() -> None:
    seen = {
        name
        for panels in DASHBOARDS.values()
        for panel in panels
        for query, _ in panel.queries
        for name in names_of(query)
    }
    unseen = {metric.full_name for metric in TABLE if not any(name.startswith(metric.full_name) for name in seen)}
    assert unseen == {
        "kinoray_jobs_created_total",  # the same as by tier
        "kinoray_job_seconds_total",  # the sum of the latency
        "kinoray_step_seconds_saved_total",  # the same as by level
        "kinoray_cache_near_evictions_total",
        "kinoray_cache_entries",
    }


def names_of(query: str) -> set[str]:
    return {name for name, _ in selected(query.replace("$__rate_interval", "5m"))}


def test_a_query_joins_only_what_has_data_together() -> None:
    """A panel's legend names labels that its query leaves."""
    for panels in DASHBOARDS.values():
        for panel in panels:
            for query, legend in panel.queries:
                by = re.match(
                    r"(?:3600 \* )?\(?(?:sum|max|count|histogram_quantile\([\d.]+, sum) by \(([^)]+)\)", query
                )
                if by is not None:
                    assert set(re.findall(r"{{(\w+)}}", legend)) <= {each.strip() for each in by[1].split(",")}, query


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_the_dashboard_files_are_those_of_the_rows(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == as_text(name), "python -m cluster.dashboards"
    panels = json.loads(as_text(name))["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_there_is_a_dashboard_for_one_job() -> None:
    told = json.loads(as_text("job"))
    (variable,) = told["templating"]["list"]
    (metric,) = re.findall(r"label_values\((\w+), video_id\)", variable["definition"])
    assert "video_id" in ours()[metric]
    assert all("$video" in query["expr"] for panel in told["panels"] for query in panel["targets"])
    assert {path.stem for path in FOLDER.glob("*.json")} == set(DASHBOARDS)


def test_a_threshold_is_drawn_where_its_figure_is() -> None:
    panels = [panel for name in DASHBOARDS for panel in json.loads(as_text(name))["panels"]]
    drawn = [panel["title"] for panel in panels if "thresholds" in panel["fieldConfig"]["defaults"]]
    assert {"Time to a video", "Predicted wait", "Cost of a video", "GPU", "Cache hit rate", "Share that fails"} <= set(
        drawn
    )


def test_the_provisioned_source_is_the_one_that_panels_ask() -> None:
    folder = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    panels = json.loads(as_text("cost"))["panels"]
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {source["uid"]}


@pytest.mark.skipif(AMTOOL is None, reason="Alertmanager's amtool is not installed here")
def test_alertmanager_takes_its_file() -> None:
    done = subprocess.run(
        [AMTOOL or "", "check-config", MONITORING / "alertmanager.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed here")
def test_prometheus_takes_its_file(tmp_path: Path) -> None:
    told = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    for each in told["scrape_configs"]:
        for word in ("scrape_native_histograms", "always_scrape_classic_histograms"):
            each.pop(word, None)  # the image's version knows it, the one that may be here does not
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(told))
    (tmp_path / "alerts.yaml").write_text((MONITORING / "alerts.yaml").read_text())
    done = subprocess.run(
        [PROMTOOL or "", "check", "config", tmp_path / "prometheus.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_dashboards_need_classic_histograms_and_those_who_read_native_ones_keep_them() -> None:
    told = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())["scrape_configs"]
    (own,) = (each for each in told if each["job_name"] == "kinoray")
    assert own["scrape_native_histograms"] is own["always_scrape_classic_histograms"] is True
    composed = yaml.safe_load((ROOT / "cluster" / "compose.yaml").read_text())["services"]["prometheus"]
    major, minor = re.fullmatch(r"prom/prometheus:v(\d+)\.(\d+)\.\d+", composed["image"]).groups()  # type: ignore[union-attr]
    assert (int(major), int(minor)) >= (3, 9)  # which asks for native ones by that word, and by no flag any more


@pytest.mark.parametrize("variable", ["RAY_PROMETHEUS_HOST", "RAY_GRAFANA_HOST", "RAY_GRAFANA_IFRAME_HOST"])
def test_rays_dashboard_knows_where_prometheus_and_grafana_are(variable: str) -> None:
    from ray.dashboard.modules.metrics import metrics_head

    assert variable in {value for name, value in vars(metrics_head).items() if name.endswith("_ENV_VAR")}
    services = yaml.safe_load((ROOT / "cluster" / "compose.yaml").read_text())["services"]
    address = services["kinoray"]["environment"][variable]
    if variable != "RAY_GRAFANA_IFRAME_HOST":  # which is for browsers
        assert re.fullmatch(r"http://(\w+):\d+", address)[1] in services  # type: ignore[index]
    manifest = yaml.safe_load((ROOT / "cluster" / "kuberay" / "base" / "rayservice.yaml").read_text())
    (head,) = manifest["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"]
    assert any(each["name"] == variable and each["value"].startswith("http://") for each in head["env"])


def test_grafana_shows_rays_dashboards_in_frames_to_who_may_see_its_port() -> None:
    services: dict[str, Any] = yaml.safe_load((ROOT / "cluster" / "compose.yaml").read_text())["services"]
    grafana, kinoray = services["grafana"], services["kinoray"]
    assert grafana["environment"]["GF_SECURITY_ALLOW_EMBEDDING"] == "true"
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert all(port.startswith("127.0.0.1:") for port in grafana["ports"])
    written = kinoray["environment"]["RAY_METRICS_GRAFANA_DASHBOARD_OUTPUT_DIR"]
    (shared,) = (each.split(":")[1] for each in kinoray["volumes"] if each.startswith("ray-dashboards:"))
    assert Path(written).parent == Path(shared)  # Ray removes the folder itself and makes it anew
    folder = yaml.safe_load((MONITORING / "grafana" / "provisioning" / "dashboards" / "kinoray.yaml").read_text())
    mounts = {each.split(":")[1] for each in grafana["volumes"]}
    assert {each["options"]["path"] for each in folder["providers"]} <= mounts
    assert shared in (ROOT / "cluster" / "Dockerfile").read_text()  # so that the volume belongs to who writes there


def test_alertmanager_tells_of_names_that_exist() -> None:
    config = yaml.safe_load((MONITORING / "alertmanager.yaml").read_text())
    named = set(re.findall(r"alertname=~?\"([^\"]+)\"", str(config["inhibit_rules"])))
    assert {name for each in named for name in each.split("|")} <= {alert.name for alert in alerts()}
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
    named = set(re.findall(r"KINORAY_([A-Z_]+[A-Z])", GUIDE)) - {"URL", "API_KEY", "TAG", "MEMORY"}
    assert {name.lower() for name in named} <= set(Settings.model_fields)
