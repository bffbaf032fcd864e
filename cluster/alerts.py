"""Prometheus's alert rules, made of figures and objectives: `python -m cluster.alerts` writes the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.kpis import DAY, FAILED, HOUR, KPIS, MINUTE, OBJECTIVES, PACES, Objective, Pace, Severity, ratio

FOLDER = Path(__file__).parent / "monitoring"
RUNBOOK = "docs/runbook.md"
HEAD = """\
# Written by `python -m cluster.alerts` from cluster/kpis.py and cluster/alerts.py: change those.
# `keep_firing_for` and Alertmanager's intervals are the cool-down. Each alert has an entry in docs/runbook.md.
"""
_UNITS = {"s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule. Windows in `expr` are true durations; `cool_s` is how long it goes on after its cause has gone."""

    name: str
    group: str
    expr: str
    for_s: float
    summary: str
    severity: Severity = "warning"
    cool_s: float = 5 * MINUTE


def first_too(counter: str, window: str, by: str) -> str:
    """A counter's increase that also sees the first burst of a series that begins with it: one that is not ours."""
    return (
        f"sum by ({by}) (increase({counter}[{window}])) > 0 or "
        f"sum by ({by}) ({counter} unless {counter} offset {window}) > 0"
    )


AVAILABILITY = (
    Alert(
        "KinorayDown",
        "availability",
        'up{job="kinoray"} == 0',
        2 * MINUTE,
        "Kinoray's /metrics does not answer.",
        "critical",
    ),
    Alert(
        *("KinorayStoreDown", "availability", "kinoray_up == 0", MINUTE),
        "Redis does not answer: no job is accepted, none goes on.",
        "critical",
    ),
    Alert(
        *("KinorayCachesDown", "availability", "kinoray_cache_up == 0", 5 * MINUTE),
        "The caches' Redis does not answer: repeats are made anew.",
        cool_s=15 * MINUTE,
    ),
    Alert(
        *("KinorayNoReplica", "availability", "max(kinoray_pool_ready) == 0", 3 * MINUTE),
        "No pool takes jobs: no Diffuser replica is there, and none would come by itself.",
        "critical",
    ),
    Alert(
        *("KinorayPoolCannotStart", "availability", "kinoray_pool_start_failed == 1", MINUTE),
        "The pool {{ $labels.pool }} cannot start: {{ $labels.model }} is refused. /health says why.",
        "critical",
    ),
    Alert(
        *("KinorayPoolUnplaced", "availability", "kinoray_pool_unplaced == 1", 5 * MINUTE),
        "The cluster has no place for a replica of the pool {{ $labels.pool }}: its jobs wait, nobody knows how long.",
        "critical",
    ),
    Alert(
        "KinorayPoolNotReady",
        "availability",
        "(kinoray_pool_ready == 0) unless (kinoray_pool_start_failed == 1) unless (kinoray_pool_unplaced == 1)",
        15 * MINUTE,
        "The pool {{ $labels.pool }} takes no jobs of {{ $labels.model }}: no replica of it is there.",
    ),
    Alert(
        "KinorayReplicaUnhealthy",
        "availability",
        'min by (application, deployment) (ray_serve_deployment_replica_healthy{application="kinoray"}) == 0',
        5 * MINUTE,
        "A replica of {{ $labels.deployment }} fails its health checks.",
        cool_s=15 * MINUTE,
    ),
)
JOBS = (
    Alert(
        "KinorayErrorCode",
        "jobs",
        f"sum by (outcome) (increase({FAILED}[15m])) > 4",
        MINUTE,
        "{{ $value | humanize }} jobs ended as {{ $labels.outcome }} within a quarter of an hour.",
    ),
    Alert(
        "KinorayAnswersFail",
        "jobs",
        'sum by (code) (increase(kinoray_error_answers_total{fault="server"}[15m])) > 20',
        2 * MINUTE,
        "{{ $value | humanize }} requests were answered {{ $labels.code }} within a quarter of an hour.",
    ),
    Alert(
        *("KinorayAttemptsLost", "jobs", "increase(kinoray_attempts_lost_total[30m]) > 3", MINUTE),
        "Replicas went silent while they ran jobs, {{ $value | humanize }} times in half an hour.",
        cool_s=15 * MINUTE,
    ),
)
MACHINES = (
    Alert(
        *("NodeLost", "machines", "increase(kinoray_nodes_lost_total[15m]) > 0", MINUTE),
        "A node is gone that nobody had told to go; its jobs go on elsewhere from their checkpoints.",
        "critical",
    ),
    Alert(
        *("NodeUnreachable", "machines", 'up{job="ray"} == 0', 2 * MINUTE),
        "The figures of node {{ $labels.instance }} cannot be read: it is gone, or its agent is.",
    ),
    Alert(
        *("RedisNearlyFull", "machines", "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.9", 5 * MINUTE),
        "Redis uses {{ $value | humanizePercentage }} of its memory; when it is full, no job is accepted.",
        "critical",
    ),
    Alert(
        *("RedisDown", "machines", "redis_up == 0", MINUTE),
        "The Redis that holds the jobs does not answer its exporter.",
        "critical",
    ),
    Alert(
        *("NodeOutOfMemory", "machines", "ray_node_mem_used / ray_node_mem_total > 0.92", 3 * MINUTE),
        "Node {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory; at 95 % Ray kills workers.",
        cool_s=15 * MINUTE,
    ),
    Alert(
        *(
            "WorkersKilled",
            "machines",
            first_too("ray_memory_manager_worker_eviction_total", "15m", "instance"),
            MINUTE,
        ),
        "Ray killed workers on {{ $labels.instance }} for lack of memory.",
        "critical",
    ),
    Alert(
        *("NodeDiskFull", "machines", "ray_node_disk_free / (ray_node_disk_free + ray_node_disk_usage) < 0.1"),
        *(5 * MINUTE, "Node {{ $labels.instance }} has {{ $value | humanizePercentage }} of its disk left."),
        cool_s=15 * MINUTE,
    ),
)


def alerts(times: float = 1.0) -> Iterator[Alert]:
    """All of them, group by group; for a world in which time runs so many times faster, as drills have it."""
    yield from (faster(alert, times) for alert in _as_they_are(times))


def _as_they_are(times: float) -> Iterator[Alert]:
    yield from AVAILABILITY
    for kpi in KPIS.values():
        yield Alert(kpi.alert, "figures", kpi.condition(times), kpi.for_s, kpi.summary, kpi.severity, kpi.cool_s)
    for objective in OBJECTIVES.values():
        yield from (burning(objective, pace) for pace in PACES)
    yield from JOBS
    yield from MACHINES


def burning(objective: Objective, pace: Pace) -> Alert:
    """The objective's error budget burns too fast in both windows of a pair."""
    pairs = " or ".join(
        f"({ratio(objective.bad, objective.total, burn.long)} > {burn.rate * objective.budget:g} and "
        f"{ratio(objective.bad, objective.total, burn.short)} > {burn.rate * objective.budget:g})"
        for burn in pace.burns
    )
    count, window = pace.least
    expr = f"({pairs}) and on() (sum(increase({objective.total}[{window}])) >= {count})"
    summary = objective.summary.format(left=pace.left)
    return Alert(f"{objective.alert}{pace.name}", "objectives", expr, 0.0, summary, pace.severity, pace.cool_s)


def faster(alert: Alert, times: float) -> Alert:
    """The same alert with shorter windows, `for` and cool-down."""
    if times == 1:
        return alert
    expr = re.sub(r"(\[|offset )(\d+)([smhd])", lambda found: found[1] + duration(_seconds(found) / times), alert.expr)
    return replace(alert, expr=expr, for_s=alert.for_s / times, cool_s=alert.cool_s / times)


def duration(seconds: float) -> str:
    """As Prometheus writes it: the largest unit that it is a whole number of."""
    millis = max(1, round(1000 * seconds)) if seconds else 0
    for unit in ("d", "h", "m", "s"):
        if millis and millis % (1000 * _UNITS[unit]) == 0:
            return f"{millis // int(1000 * _UNITS[unit])}{unit}"
    return f"{millis}ms" if millis else "0s"


def groups(times: float = 1.0) -> list[dict[str, Any]]:
    """The rule groups as Prometheus reads them; `times` faster than true time, for drills."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in alerts(times):
        found.setdefault(f"kinoray-{one.group}", []).append(_rule(one))
    return [{"name": name, "rules": rules} for name, rules in found.items()]


def as_text() -> str:
    """The rule file's content."""
    return HEAD + yaml.safe_dump({"groups": groups()}, sort_keys=False, width=120, allow_unicode=True)


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": duration(alert.for_s),
        "keep_firing_for": duration(alert.cool_s),
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "runbook": f"{RUNBOOK}#{alert.name.lower()}"},
    }


def _seconds(found: re.Match[str]) -> float:
    return float(found[2]) * _UNITS[found[3]]


FILE: Final = FOLDER / "alerts.yaml"

if __name__ == "__main__":
    FILE.write_text(as_text())
