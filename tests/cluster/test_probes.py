"""Probes ask what they should: who answers stays in the balancer, a container is well once videos can be made."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

CLUSTER = Path(__file__).parents[2] / "cluster"
ANSWERED = re.compile(r"127\.0\.0\.1:8000(/[^\s\"]*)")


def commands() -> list[str]:
    """Those of every probe of every container of Kinoray's pods on Kubernetes."""
    spec = next(
        each["spec"]
        for each in yaml.safe_load_all((CLUSTER / "kuberay" / "base" / "rayservice.yaml").read_text())
        if each["kind"] == "RayService"
    )["rayClusterConfig"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    containers = [each for group in groups for each in group["template"]["spec"]["containers"]]
    probes = [each[name] for each in containers for name in each if name.endswith("Probe")]
    return [" ".join(probe["exec"]["command"]) for probe in probes if "exec" in probe]


def test_a_pod_gets_requests_while_it_answers_and_its_proxy_does_not_drain() -> None:
    asked = [ANSWERED.findall(command) for command in commands()]
    assert asked
    assert all(paths == ["/-/healthz", "/health/live"] for paths in asked if paths)


def test_no_probe_asks_for_more_than_a_probe_needs() -> None:
    files = [*CLUSTER.rglob("*.yaml"), CLUSTER / "Dockerfile"]
    asked = {path for file in files for path in ANSWERED.findall(file.read_text())}
    assert asked <= {"/-/healthz", "/health/live", "/health/ready"}


def test_a_container_of_its_own_is_well_once_videos_can_be_made() -> None:
    [health] = re.findall(r"^HEALTHCHECK.*?\n.*$", (CLUSTER / "Dockerfile").read_text(), flags=re.M)
    assert ANSWERED.findall(health) == ["/health/ready"]
