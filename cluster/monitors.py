"""What Prometheus Operator is told on Kubernetes: `python -m cluster.monitors` writes the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from cluster.alerts import groups

FILE: Final = Path(__file__).parent / "kuberay" / "monitoring.yaml"
HEAD = """\
# Written by `python -m cluster.monitors`: change cluster/monitors.py, cluster/kpis.py or cluster/alerts.py.
# For Prometheus Operator (kube-prometheus-stack), whose label selectors may want a label of yours, such as `release`:
#   kubectl apply -f cluster/kuberay/monitoring.yaml
# The job names are those that the rules ask for. Every replica of the Router tells of the whole service, so that one
# target, the service's address, is enough: more would count everything twice.
"""
_LABELS = {"app.kubernetes.io/name": "kinoray"}


def manifests() -> list[dict[str, Any]]:
    """One scrape of the service, one of every Ray pod, one of Redis's exporter, and the rules."""
    return [
        _manifest(
            "monitoring.coreos.com/v1alpha1",
            "ScrapeConfig",
            "kinoray",
            {
                "staticConfigs": [{"targets": ["kinoray-serve-svc:8000"]}],
                "metricsPath": "/metrics",
                "scrapeInterval": "15s",
                "relabelings": [_job("kinoray")],
            },
        ),
        _pods("kinoray-ray", "ray", _LABELS | {"ray.io/is-ray-node": "yes"}, "metrics"),
        _pods("kinoray-redis", "redis", {"app.kubernetes.io/name": "kinoray-redis"}, "metrics"),
        _manifest("monitoring.coreos.com/v1", "PrometheusRule", "kinoray", {"groups": groups()}),
    ]


def as_text() -> str:
    """The manifest's content."""
    return HEAD + yaml.safe_dump_all(manifests(), sort_keys=False, width=120, allow_unicode=True)


def _pods(name: str, job: str, selector: dict[str, str], port: str) -> dict[str, Any]:
    endpoint = {"port": port, "interval": "15s", "relabelings": [_job(job)]}
    spec = {"selector": {"matchLabels": selector}, "podMetricsEndpoints": [endpoint]}
    return _manifest("monitoring.coreos.com/v1", "PodMonitor", name, spec)


def _job(name: str) -> dict[str, str]:
    return {"targetLabel": "job", "replacement": name}


def _manifest(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": _LABELS}, "spec": spec}


if __name__ == "__main__":
    FILE.write_text(as_text())
